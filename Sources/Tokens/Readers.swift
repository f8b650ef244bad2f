// SPDX-License-Identifier: Apache-2.0
// Sharers that are counted beside the word, a pair of lines for each CPU: threads that share a token on different CPUs
// write to no common line (a "big reader" lock). Only for tokens that were made so; who wants such a token exclusively
// takes the word as always, and then waits until all lines together say that nobody is left. Any thread; a line may be
// written by any.
//
// | what | by | order |
// |---|---|---|
// | a line + 1 | who would share and has seen that the word admits it | sequential |
// | the word is read again: it admits a sharer, and this one shares from now on | the same | sequential |
// | the word does not admit: the line − 1, as at a leave; then it asks as all do, and is counted in the word | the same | sequential |
// | the word → + exclusive, holder | who wants it alone; nobody else enters from now on | acquire, release; then a fence |
// | all lines are read: the sum is 0, and it has the token; 1, its own, at an upgrade: then its line − 1 | the same | acquire |
// | the sum is more: the word is let go as by a holder, or by a downgrade where it was counted in the word | one that does not wait: a try, an upgrade, a thread that holds others | release |
// | the sum is more: draining → 1, the lines are read again, and it sleeps while draining is 1 | one that waits for this token (Waiting) | store, then a fence |
// | the word is let go as by a holder | the same, when its deadline has passed | release |
// | a line − 1, then draining is read; where it is 1: → 0, and the sleeper is woken | a sharer that leaves | sequential |
//
// Nobody is alone beside a sharer. The line and the word are a store-buffering pair: either the sharer sees `exclusive`
// in the word, or who set it sees the line. A sharer may leave by another line than it entered by, and lines are not
// read at one moment, so a sum is only a bound; but it is not 0 while a sharer is there: its + 1 was before the word
// became exclusive and is seen, its − 1 has not been made, and those that come later and go at once take away only from
// the line to which they added.
// No wake-up is lost: `draining` and the lines are such a pair too.
// No deadlock: who sleeps here holds no other token, but for those at lower addresses (HeldSet.swift), and nobody
// blocks while counted on a line: sharers let theirs go there, and are counted in the word when they have it again.
// While it waits newcomers do too, so it waits for sections that had begun before.
// A try may fail at a token that nobody has, where another comes to share it at the same moment.
// A sharer reads `draining` after its − 1: here, and only here, the token must live until its release has returned. It
// does: who releases a `Token` has a reference to it, and a `Serialized` value is borrowed.

import CAnax
import CAnaxTokens
import LockFree
import Machine

@usableFromInline
package enum Readers {
  // MARK: The hits, inlined

  /// Shares the token, which counts per CPU. False: others have it exclusively, or come first.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package static func enter(_ token: TokenState) -> Bool {
    // Under a word that does not admit it would disturb who waits for the lines.
    if !TokenWord(anax_load_relaxed(anax_token_word(token))).admitsShared(slept: false) { return false }
    let readers = token.pointee.readers.unsafelyUnwrapped
    let line = anax_token_reader_line(readers, anax_token_thread())
    _ = anax_fetch_add_sequential(line, 1)
    if TokenWord(anax_load_sequential(anax_token_word(token))).admitsShared(slept: false) { return true }
    leave(readers, line)
    return false
  }

  /// Shares it no longer.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package static func leave(_ token: TokenState) {
    let readers = token.pointee.readers.unsafelyUnwrapped
    leave(readers, anax_token_reader_line(readers, anax_token_thread()))
  }

  @inlinable @inline(__always) @_noLocks @_noAllocation
  static func leave(_ readers: UnsafeMutablePointer<anax_token_readers>, _ line: UnsafeMutablePointer<UInt64>) {
    _ = anax_fetch_add_sequential(line, .max)
    if _slowPath(anax_load32_sequential(anax_token_draining(readers)) != 0) { wake(readers) }
  }

  @usableFromInline @inline(never) @_noLocks @_noAllocation
  static func wake(_ readers: UnsafeMutablePointer<anax_token_readers>) {
    let draining = anax_token_draining(readers)
    if anax_compare_exchange32(draining, 1, 0) { Futex.wake(draining, .exclusive, count: 1) }
  }

  /// As `enter`, for a token of either kind, with what a holder notes.
  @_noLocks @_noAllocation
  static func tryEnter(_ token: TokenState, _ thread: Thread) -> Bool {
    if token.pointee.readers == nil || !enter(token) { return false }
    Taking.noteTaken(token, shared: true, thread)
    return true
  }

  // MARK: Who wants it alone

  /// Sharers that are counted here: not fewer than there are, where the word keeps others from entering.
  @_noLocks @_noAllocation
  package static func count(_ token: TokenState) -> UInt64 {
    guard let readers = token.pointee.readers else { return 0 }
    var sum: UInt64 = 0
    var line: UInt64 = 0
    while line <= readers.pointee.mask {
      sum &+= anax_load_acquire(anax_token_reader_line_at(readers, line))
      line &+= 1
    }
    return sum
  }

  /// Whether nobody, or just as many as said, are counted here, after the word was taken.
  @_noLocks @_noAllocation
  static func areGone(_ token: TokenState, but some: UInt64 = 0) -> Bool {
    if token.pointee.readers == nil { return some == 0 }
    anax_fence()
    return count(token) == some
  }

  // MARK: Memory

  /// Lines for as many CPUs as the machine has, 64 at most: those beyond, and those that come later, share lines.
  static func make() -> UnsafeMutablePointer<anax_token_readers> {
    let known = AtomicWord(anax_token_state_reader_lines_word(anax_token_state()))
    if known.loadRelaxed() == 0 {
      let processors = min(Processors.online(), 64)
      known.storeRelaxed(1 << UInt64(Int.bitWidth - (processors - 1).leadingZeroBitCount))
    }
    let lines = Int(known.loadRelaxed())
    let bytes = MemoryLayout<anax_token_readers>.size + lines * MemoryLayout<anax_token_reader_line>.stride
    let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 128)
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    let readers = memory.assumingMemoryBound(to: anax_token_readers.self)
    readers.pointee.mask = UInt64(lines - 1)
    return readers
  }

  static func end(_ readers: UnsafeMutablePointer<anax_token_readers>?) {
    if let readers { UnsafeMutableRawPointer(readers).deallocate() }
  }
}

extension Waiting {
  /// Has taken the word of a token that counts per CPU, and waits until nobody shares it. False: the deadline has
  /// passed; the word is let go.
  @_noLocks @_noAllocation
  mutating func drain(_ spin: inout Spin) -> Bool {
    let draining = anax_token_draining(token.pointee.readers.unsafelyUnwrapped)
    var seen: UInt64 = 0
    var look = UInt64.max
    while !Readers.areGone(token) {
      if spin.wait(word, &seen) { continue }
      spin.end()
      let now = anax_clock()
      if now >= deadline {
        Releasing.letGo(token)
        return false
      }
      if Orphans.arePossible, now >= look || look == .max {
        if look != .max { lookForOrphanReaders() }
        look = now &+ 10_000_000
      }
      TokenEngine.lookAtProcessors(now)
      if asleepSince == 0 { asleepSince = now }
      anax_store32_relaxed(draining, 1)
      if !Readers.areGone(token) {
        ContentionCounters.count(.parked, token, thread)
        thread.pointee.pauses = 0
        let result = Futex.wait(draining, 1, .exclusive, until: Orphans.arePossible ? min(deadline, look) : deadline)
        // One has left, and others may follow.
        if case .woken = result { spin = Spin(token, thread, until: deadline) }
      }
      anax_store32_relaxed(draining, 0)
    }
    return true
  }

  /// In the child of a fork, sharers that do not exist here stay counted.
  @_noLocks @_noAllocation
  mutating func lookForOrphanReaders() {
    orphanSightings = Orphans.seemToShare(token) ? orphanSightings + 1 : 0
    if orphanSightings >= 10, deadline == .max { TokenStop.orphan(token, owner: 0) }
  }
}
