// SPDX-License-Identifier: Apache-2.0
// Telling a process from the one it was forked from, without a fork handler. The word lies in memory that reads zero in a child:
// who finds it zero puts a number there that no ancestor had. A lock word that holds another epoch's number was taken by a thread
// that does not exist here, and is free.

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

  /// Takes a lock word that holds the epoch of its holder, unless a thread of this process has it. Never waits.
  @_noLocks @_noAllocation
  package static func tryLock(_ word: UnsafeMutablePointer<UInt64>) -> Bool {
    let lock = AtomicWord(word)
    let epoch = current()
    var holder = lock.loadRelaxed()
    return holder != epoch && lock.compareExchange(&holder, epoch)
  }

  @_noLocks @_noAllocation
  package static func unlock(_ word: UnsafeMutablePointer<UInt64>) { AtomicWord(word).storeRelease(0) }
}
