// SPDX-License-Identifier: Apache-2.0
// What a fork leaves behind in the child: tokens that other threads held, shared or exclusively, waiters that do not
// exist there, and their marks in the words. Only in a process that was forked from one that had used tokens; its
// waiters look every 10 ms.
//
// Threads of this process are those whose records have its epoch. A mark for which no such thread stands is taken away.
// What a thread that does not exist here holds stays taken: its data may be half changed. One that had taken a word and
// was still noted as waiting, for the sharers of it or to go on, had not come to its section: that word is free.
// A sharer that the fork met between two of its steps stays counted with no record that lists it: then a request with a
// deadline ends by that, and not as orphaned.

import CAnax
import CAnaxTokens
import LockFree

package enum Orphans {
  package static var arePossible: Bool { @_noLocks @_noAllocation get { ThreadRecord.epoch > 1 } }

  /// Whether a thread that does not exist here has it exclusively; that thread's record.
  @_noLocks @_noAllocation
  static func owner(of token: TokenState) -> UInt32? {
    if !arePossible { return nil }
    let word = AtomicWord(anax_token_word(token))
    var old = word.loadAcquire()
    let owner = TokenWord(old).owner
    if !TokenWord(old).isExclusive || ThreadRecord.isAlive(owner) { return nil }
    if !waits(owner, for: token) { return owner }
    // Others look every 10 ms: nobody need be woken.
    _ = word.compareExchange(&old, old & ~(TokenWord.exclusive | TokenWord.holderMask))
    return nil
  }

  /// Whether the record notes a request for the token exclusively that has not ended.
  @_noLocks @_noAllocation
  static func waits(_ number: UInt32, for token: TokenState) -> Bool {
    let note = AtomicWord(anax_token_thread_waiting_word(ThreadRecord.record(number))).loadRelaxed()
    return note == UInt64(UInt(bitPattern: token)) | 1
  }

  /// Whether threads that do not exist here seem to have it shared. A thread of this process that takes it or lets it
  /// go at this moment looks the same: true only where it is seen again and again.
  @_noLocks @_noAllocation
  static func seemToShare(_ token: TokenState) -> Bool {
    if !arePossible { return false }
    let word = TokenWord(AtomicWord(anax_token_word(token)).loadAcquire())
    if word.sharedCount > sharers(of: token, perCPU: false) { return true }
    let beside = Readers.count(token)
    return beside > 0 && beside > sharers(of: token, perCPU: true)
  }

  /// Whether threads of the parent have it shared: they seem to, and one of their records, which nobody changes here,
  /// lists it.
  /// Wrong only where such a thread was between its word and its list when the process was forked, and one of this
  /// process is now.
  @_noLocks @_noAllocation
  static func share(_ token: TokenState) -> Bool {
    if !seemToShare(token) { return false }
    var number: UInt32 = 1
    while number < TokenEngine.threads.end {
      let thread = ThreadRecord.record(number)
      if ThreadRecord.isOfParent(number),
        isShared(token, by: thread, perCPU: false) || isShared(token, by: thread, perCPU: true)
      {
        return true
      }
      number += 1
    }
    return false
  }

  /// Takes away what waiters that do not exist here left in the word of a token that this thread has just taken: with
  /// it the fast paths would not serve again.
  @_noLocks @_noAllocation
  static func tidy(_ token: TokenState) {
    if !arePossible { return }
    let word = TokenWord(AtomicWord(anax_token_word(token)).loadRelaxed())
    if word.waiting > 0, word.waiting > waiters(of: token) { clean(token) }
  }

  /// Takes away the marks of waiters that do not exist here. Called by a thread that is awake and tries next, or has
  /// just taken it.
  /// That somebody is awake or has a turn goes in any case: where it stood for a living waiter, that one is awake, or
  /// looks again after 10 ms or at a later release. One try: the count of waiters belongs to the word that was read
  /// before.
  @_noLocks @_noAllocation
  static func clean(_ token: TokenState) {
    let word = AtomicWord(anax_token_word(token))
    var old = word.loadAcquire()
    // A thread notes that it waits before it stands in the word: what is counted here is not too few, but where one
    // gave up and another came while the records were read. Then a second count differs, and the next who asks looks
    // again.
    let waiting = waiters(of: token)
    if waiters(of: token) != waiting { return }
    var new = old & ~(TokenWord.awake | TokenWord.exclusiveTurn | TokenWord.sharedTurn)
    if TokenWord(new).waiting > waiting { new &-= (TokenWord(new).waiting &- waiting) &* TokenWord.oneWaiting }
    if new != old { _ = word.compareExchange(&old, new) }
  }

  /// Whether no thread of this process holds the token or waits for it.
  @_noLocks @_noAllocation
  static func areAll(_ token: TokenState) -> Bool {
    if !arePossible { return false }
    let word = TokenWord(AtomicWord(anax_token_word(token)).loadAcquire())
    if word.isExclusive, owner(of: token) == nil { return false }
    return waiters(of: token) == 0 && sharers(of: token, perCPU: false) == 0 && sharers(of: token, perCPU: true) == 0
  }

  @_noLocks @_noAllocation
  static func waiters(of token: TokenState) -> UInt64 {
    var count: UInt64 = 0
    var number: UInt32 = 1
    while number < TokenEngine.threads.end {
      if ThreadRecord.isAlive(number), waits(number, for: token) { count &+= 1 }
      number += 1
    }
    return count
  }

  /// Threads of this process that hold it shared, counted in the word or beside it. Their records are read while they
  /// change them: a hint, taken again by who asks. In the word those count too that had it and wait to have it again:
  /// an orphan is found later then.
  @_noLocks @_noAllocation
  static func sharers(of token: TokenState, perCPU: Bool) -> UInt64 {
    var count: UInt64 = 0
    var number: UInt32 = 1
    while number < TokenEngine.threads.end {
      if ThreadRecord.isAlive(number), isShared(token, by: ThreadRecord.record(number), perCPU: perCPU) { count &+= 1 }
      number += 1
    }
    return count
  }

  /// Whether the thread's record lists the token as held shared, and so counted.
  @_noLocks @_noAllocation
  static func isShared(_ token: TokenState, by thread: Thread, perCPU: Bool) -> Bool {
    let holds = anax_token_holds(thread)
    let count = min(Int(anax_token_thread_read_count(thread)), Int(ANAX_TOKENS_HELD_MAX))
    var place = 0
    while place < count {
      let state = anax_token_hold_state(holds + place)
      if anax_token_hold_token(holds + place) == token, Hold.isShared(state), Hold.isPerCPU(state) == perCPU {
        return true
      }
      place += 1
    }
    return false
  }
}
