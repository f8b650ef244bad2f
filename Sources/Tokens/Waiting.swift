// SPDX-License-Identifier: Apache-2.0
// Waiting for one token until it can be taken, or until a deadline: spin, then sleep. The thread holds nothing
// meanwhile, but for the tokens that it takes in the order of their addresses (HeldSet), and the word of a token whose
// sharers it waits for (Readers).
// TokenWord.swift has the transitions.
//
// Newcomers may take a free token before those who wait (a lock handed to a sleeper is a convoy), but for turns: at
// most once per `lwkt.token_fair` and token. TokenWord.swift has who is served when, and the bound.

import CAnax
import CAnaxTokens
import LockFree
import Machine

package struct Waiting {
  let token: TokenState
  let thread: Thread
  let shared: Bool
  /// Nanoseconds of the clock; `.max`: none.
  let deadline: UInt64
  let word: AtomicWord
  /// Has been woken: a shared one may use the shared turn, an exclusive one sleeps in front.
  var slept = false
  /// The word's `awake` is this waiter's to clear before it sleeps.
  var awakeIsMine = false
  /// The word's count of wake-ups at the last look.
  var wakesSeen: UInt64 = 0
  /// Has set a turn in the word.
  var asked = false
  /// Something has happened since it went to sleep; whose sleep ended by itself does not spin anew.
  var maySpin = false
  /// It took the token by a turn.
  var wasServedNext = false
  /// How often in a row, 10 ms apart, threads seemed to share it that do not exist in this process.
  var orphanSightings = 0
  /// When it first went to sleep.
  var asleepSince: UInt64 = 0

  /// Takes the token. False: the deadline has passed.
  @inline(never) @_noLocks @_noAllocation
  package static func forToken(_ token: TokenState, shared: Bool, _ thread: Thread, until deadline: UInt64) -> Bool {
    var waiting = Waiting(
      token: token, thread: thread, shared: shared, deadline: deadline, word: AtomicWord(anax_token_word(token)))
    return waiting.run()
  }

  @_noLocks @_noAllocation
  mutating func run() -> Bool {
    let begun = anax_ticks()
    let note = AtomicWord(anax_token_thread_waiting_word(thread))
    note.storeRelaxed(UInt64(UInt(bitPattern: token)) | (shared ? 0 : 1))
    let taken = shared ? sharedly() : exclusively()
    note.storeRelaxed(0)
    // In the child of a fork a note says that the section had not begun (Orphans).
    anax_fence_release()
    if taken { Taking.noteTaken(token, shared: shared, thread) }
    if wasServedNext { ContentionCounters.count(.turn, token, thread) }
    ContentionCounters.waited(
      token, thread, ticks: TokenEngine.ticks(since: begun), slept: asleepSince != 0, expired: !taken)
    return taken
  }

  @_noLocks @_noAllocation
  mutating func exclusively() -> Bool {
    var old = word.loadRelaxed()
    var spin = Spin(token, thread, until: deadline)
    defer { spin.end() }
    // Spin without a mark in the word, so that its holder can let it go as if nobody waited, and a spinner that loses
    // its processor is in nobody's way; then stand among those who sleep.
    while true {
      let now = TokenWord(old)
      if now.admitsExclusive(itsTurn: false) {
        if word.compareExchange(&old, now.takenExclusively(by: thread.pointee.id).bits) {
          Taking.expect(now, thread)
          return !now.countsPerCPU || drain(&spin)
        }
        continue
      }
      if spin.wait(word, &old) { continue }
      if isLate() { return false }
      if word.compareExchange(&old, now.standing().bits) {
        old = now.standing().bits
        wakesSeen = now.wakes
        break
      }
    }
    while true {
      let now = TokenWord(old)
      // A release since the last look may have set `awake` and found nobody asleep: it meant this waiter.
      if now.isAwake, now.wakes != wakesSeen { awakeIsMine = true }
      wakesSeen = now.wakes
      // In a forked child the turn of one that does not exist is taken away, and with it, perhaps, this one's.
      if asked, old & TokenWord.exclusiveTurn == 0 { asked = false }
      if now.admitsExclusive(itsTurn: asked) {
        if word.compareExchange(&old, now.takenByWaiter(thread.pointee.id).bits) {
          if now.countsPerCPU, !drain(&spin) { return false }
          wasServedNext = asked
          return true
        }
        continue
      }
      if spin.wait(word, &old) { continue }
      if ask(&old, TokenWord.exclusiveTurn, &spin) { continue }
      let given = sleep(
        &old, clearing: awakeIsMine ? TokenWord.awake : 0, setting: slept && !asked ? TokenWord.front : 0,
        asked ? .turn : slept ? .front : .exclusive)
      if let given { return given }
      if maySpin { spin = Spin(token, thread, until: deadline) }
    }
  }

  @_noLocks @_noAllocation
  mutating func sharedly() -> Bool {
    var spin = Spin(token, thread, until: deadline)
    defer { spin.end() }
    var old = word.loadRelaxed()
    while true {
      let now = TokenWord(old)
      if now.admitsShared(slept: slept) {
        if word.compareExchange(&old, now.takenShared(slept: slept).bits) {
          wasServedNext = now.hasTurn
          return true
        }
        continue
      }
      if spin.wait(word, &old) { continue }
      if ask(&old, TokenWord.sharedTurn, &spin) { continue }
      if let given = sleep(&old, clearing: 0, setting: TokenWord.sharedParked, .shared) { return given }
      if maySpin { spin = Spin(token, thread, until: deadline) }
    }
  }

  /// Whether the deadline has passed, of a waiter that has left no mark in the word.
  @_noLocks @_noAllocation
  func isLate() -> Bool { deadline != .max && anax_clock() >= deadline }

  /// Has spun in vain, and asks for a turn where it is time. True: the word was changed or read anew.
  @_noLocks @_noAllocation
  mutating func ask(_ old: inout UInt64, _ turn: UInt64, _ spin: inout Spin) -> Bool {
    spin.end()
    if asleepSince == 0 || TokenWord(old).hasTurn || TokenWord(old).isFree { return false }
    let bound = UInt64(Tunable.tokenFair.value)
    let now = anax_clock()
    let due = AtomicWord(anax_token_turn_due(token))
    if now &- asleepSince < bound || now < due.loadRelaxed() { return false }
    let new = old | turn
    if word.compareExchange(&old, new) {
      old = new
      due.storeRelaxed(now &+ bound)
      asked = true
      if shared { slept = true }
    }
    // Its turn is likely to come before a wake-up could.
    if asked { spin = Spin(token, thread, until: deadline) }
    return true
  }

  /// Sleeps, once, after noting in the word what this waiter no longer does or now needs. nil: go on; false: the
  /// deadline has passed.
  @_noLocks @_noAllocation
  mutating func sleep(
    _ old: inout UInt64, clearing: UInt64, setting: UInt64, _ sleepers: Futex.Sleepers
  ) -> Bool? {
    let now = anax_clock()
    if now >= deadline {
      giveUp()
      return false
    }
    let new = old & ~clearing | setting
    if new != old {
      if !word.compareExchange(&old, new) { return nil }
      old = new
    }
    awakeIsMine = false
    TokenEngine.lookAtProcessors(now)
    if asleepSince == 0 { asleepSince = now }
    ContentionCounters.count(.parked, token, thread)
    thread.pointee.pauses = 0
    maySpin = true
    switch Futex.wait(Futex.half(of: anax_token_word(token)), TokenWord(new).half, sleepers, until: wakeTime(now)) {
    case .woken:
      slept = true
      // The release that woke an exclusive waiter has set `awake` for it.
      awakeIsMine = !shared
      old = word.loadRelaxed()
    case .changed:
      old = word.loadRelaxed()
      if !shared, TokenWord(old).isAwake { awakeIsMine = true }
    case .timedOut:
      maySpin = false
      if Orphans.arePossible { lookForOrphans() }
      old = word.loadRelaxed()
    }
    return nil
  }

  /// When to look again unwoken. A shared waiter must, to ask for its turn: exclusive ones are woken before it. In the
  /// child of a fork anybody must: who should have woken it may not exist there.
  @_noLocks @_noAllocation
  func wakeTime(_ now: UInt64) -> UInt64 {
    var time = deadline
    if shared { time = min(time, now &+ max(UInt64(Tunable.tokenFair.value), 100_000)) }
    if Orphans.arePossible { time = min(time, now &+ 10_000_000) }
    return time
  }

  @_noLocks @_noAllocation
  mutating func lookForOrphans() {
    if deadline == .max, let owner = Orphans.owner(of: token) { TokenStop.orphan(token, owner: owner) }
    if deadline == .max, !shared {
      orphanSightings = Orphans.seemToShare(token) ? orphanSightings + 1 : 0
      if orphanSightings == 10 { TokenStop.orphan(token, owner: 0) }
    }
    Orphans.clean(token)
    if shared { slept = true }
  }

  /// Leaves the waiters. Whoever could not go on because of this one is woken.
  @_noLocks @_noAllocation
  mutating func giveUp() {
    let shared = shared
    let asked = asked
    Releasing.change(token) { now in
      var new = now.bits
      // Whether `awake` stood for this one or another, a needless wake-up is the worst.
      if !shared { new = (new &- TokenWord.oneWaiting) & ~TokenWord.awake }
      if asked { new &= ~(shared ? TokenWord.sharedTurn : TokenWord.exclusiveTurn) }
      return TokenWord(new).settled()
    }
  }
}
