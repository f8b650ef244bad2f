// SPDX-License-Identifier: Apache-2.0
// How a slow path tells the helper thread that there is something to give back: one load where it is awake or absent,
// one system call where it sleeps. The word's states are described in Heap/Helper.swift.

import CAnax
import LockFree
import Machine

package enum HelperCall {
  /// After memory became free and dirty.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package static func noteDirty() {
    if _slowPath(AtomicWord(anax_state_helper(anax_state())).loadRelaxed() & 2 != 0) { wake() }
  }

  @inline(never) @_noLocks @_noAllocation
  package static func wake() {
    let word = anax_state_helper(anax_state())
    if AtomicWord(word).release(bits: 2) & 2 == 0 { return }
    // FUTEX_WAKE_PRIVATE
    _ = Kernel.call(anax_sys_futex, Int(bitPattern: word), 129, 1)
  }
}
