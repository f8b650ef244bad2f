// SPDX-License-Identifier: Apache-2.0
// Pointers that this heap never gave: the process stops, or, where vm.heap.foreign says 1, the next allocator gets
// them.

import CAnax
import Machine
import Zones

@usableFromInline
package enum Foreign {
  @inline(never) @_noLocks @_noAllocation
  package static func free(_ address: UInt64) {
    if Tunable.heapForeign.value == 0 || !anax_foreign_free(address) { Stop.foreign(address) }
  }

  @inline(never) @_noLocks @_noAllocation
  package static func reallocate(_ address: UInt64, _ size: Int) -> UnsafeMutableRawPointer? {
    var result: UnsafeMutableRawPointer? = nil
    if Tunable.heapForeign.value == 0 || !anax_foreign_reallocate(address, size, &result) { Stop.foreign(address) }
    return result
  }

  /// 0 where it cannot be told.
  @usableFromInline @inline(never) @_noLocks @_noAllocation
  package static func usableSize(_ address: UInt64) -> Int {
    if address == 0 || Tunable.heapForeign.value == 0 { return 0 }
    return anax_foreign_usable_size(address)
  }
}
