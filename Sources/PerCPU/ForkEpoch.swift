// SPDX-License-Identifier: Apache-2.0
// Telling a process from the one it was forked from, without a fork handler. The word lies in memory that reads zero in
// a child:
// who finds it zero puts a number there that no ancestor had. A lock word that holds another epoch's number was taken
// by a thread that does not exist here, and is free.
//
// A lock word holds its holder's epoch (bits 0...31) and when it was taken (bits 32...63, in half seconds of 512 ms).
// One that was held for 32 of them is taken over: its holder is stopped, or was killed. (On x86-64, where the speed of
// the counter is not known, that is 8 to 33 seconds.) So such a lock only keeps threads from doing the same work twice;
// what is done under it must be right without it.

import CAnax
import LockFree

@usableFromInline
package enum ForkEpoch {
  /// This process's number, never 0.
  @_noLocks @_noAllocation
  package static func current() -> UInt64 {
    let state = anax_state()
    let word = AtomicWord(state.pointee.shard_locks! + Int(state.pointee.cpu_count &+ state.pointee.block_count))
    let known = word.loadAcquire()
    if known != 0 { return known }
    // `epochs` is ordinary memory: the child goes on counting where its parent was.
    let fresh = AtomicWord(anax_state_epochs(state)).add(1) &+ 1
    var none: UInt64 = 0
    return word.compareExchange(&none, fresh) ? fresh : none
  }

  /// Takes a lock word, unless a thread of this process has it. What to give `unlock`, or nil. Never waits.
  @_noLocks @_noAllocation
  package static func tryLock(_ word: UnsafeMutablePointer<UInt64>) -> UInt64? {
    let lock = AtomicWord(word)
    let epoch = UInt32(truncatingIfNeeded: current())
    let now = UInt32(truncatingIfNeeded: anax_ticks() / (anax_ticks_per_millisecond() &* 512))
    var holder = lock.loadRelaxed()
    let age = Int32(bitPattern: now &- UInt32(truncatingIfNeeded: holder &>> 32))
    if UInt32(truncatingIfNeeded: holder) == epoch, age < 32 { return nil }
    let mine = UInt64(now) &<< 32 | UInt64(epoch)
    return lock.compareExchange(&holder, mine) ? mine : nil
  }

  /// Nothing where the lock was taken over meanwhile.
  @_noLocks @_noAllocation
  package static func unlock(_ word: UnsafeMutablePointer<UInt64>, _ taken: UInt64) {
    var mine = taken
    _ = AtomicWord(word).compareExchange(&mine, 0)
  }
}
