// SPDX-License-Identifier: Apache-2.0
// Size classes by arithmetic: every 16 bytes up to 128, then 8 to a doubling (at most 12.5% waste) up to 32 KiB. Class
// numbers are zone ids. The lookup table is filled from the arithmetic at start; until then it is zero, and class 0 has
// no list.

import CAnax
import Zones

@usableFromInline
package enum SizeClasses {
  /// Classes 1 ... count.
  @inlinable package static var count: Int { @_noLocks @_noAllocation get { 72 } }
  @inlinable package static var largest: Int { @_noLocks @_noAllocation get { 32768 } }
  /// Zones of 128 ... 2048 bytes whose items lie at multiples of their size: zone ids count+1 ... count+5.
  @inlinable package static var alignedCount: Int { @_noLocks @_noAllocation get { 5 } }

  /// The largest request of a class.
  @_noLocks @_noAllocation
  package static func size(ofClass number: Int) -> Int {
    if number <= 8 { return number &* 16 }
    let doubling = (number &- 9) / 8
    return (128 &<< doubling) &+ ((number &- 9) % 8 &+ 1) &* (16 &<< doubling)
  }

  /// The smallest class that holds `size` bytes, 1 ... 32768; 0 counts as 1.
  @inlinable @_noLocks @_noAllocation
  package static func number(forSize size: Int) -> Int {
    if size <= 128 { return size <= 16 ? 1 : (size &+ 15) / 16 }
    let last = UInt64(size &- 1)
    let doubling = 63 &- last.leadingZeroBitCount &- 7
    return 9 &+ doubling &* 8 &+ Int((last &>> UInt64(doubling &+ 4)) & 7)
  }

  @inlinable @inline(__always) @_noLocks @_noAllocation
  static func smallIndex(_ size: Int) -> Int { (size &+ 15) &>> 4 }
  @inlinable @inline(__always) @_noLocks @_noAllocation
  static func mediumIndex(_ size: Int) -> Int { 65 &+ ((size &- 1024 &+ 127) &>> 7) }

  @_noLocks @_noAllocation
  static func fillTable() {
    let table = anax_size_class_table()
    var size = 0
    while size <= 1024 {
      table[smallIndex(size)] = UInt8(number(forSize: size))
      size += 16
    }
    size = 1024 + 128
    while size <= largest {
      table[mediumIndex(size)] = UInt8(number(forSize: size))
      size += 128
    }
  }

  @_noLocks @_noAllocation
  static func makeZones() {
    let zones = anax_state().pointee.zones!
    var number = 1
    while number <= count {
      let size = UInt64(size(ofClass: number))
      ZoneMake.setName(zones + number, "malloc-", size)
      ZoneMake.fill(zones + number, size: size, alignment: 16, limit: 0)
      number += 1
    }
    var aligned = 0
    while aligned < alignedCount {
      let size = UInt64(128) &<< UInt64(aligned)
      ZoneMake.setName(zones + count + 1 + aligned, "aligned-", size)
      ZoneMake.fill(zones + count + 1 + aligned, size: size, alignment: size, limit: 0)
      aligned += 1
    }
    anax_state().pointee.zone_top = UInt64(ANAX_HEAP_ZONES + 1)
  }
}
