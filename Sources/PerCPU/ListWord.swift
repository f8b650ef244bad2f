// SPDX-License-Identifier: Apache-2.0
// The word that heads a list of free items, as the sections make it (anax_rseq.h): the address of the first item in the
// upper 48 bits, below it the items that still fit. 0: no list. Arithmetic only.

package enum ListWord {
  /// Items of a list that holds `limit` at most. A word of another zone's time, with more room than that, counts as
  /// none.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package static func count(_ list: UInt64, limit: UInt64) -> UInt64 {
    let room = list & 0xffff
    return list &>> 16 == 0 || room > limit ? 0 : limit &- room
  }
}
