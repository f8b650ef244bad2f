// SPDX-License-Identifier: Apache-2.0
// The geometry of a zone (zinit): stride, slab, slots, skew and list length from an item's size and alignment, by
// arithmetic.
// A zone is constant once made; heap zones are made at start, by one thread.

import CAnax
import LockFree
import Machine

@usableFromInline
package enum ZoneMake {
  /// Bytes from item to item. From 2 KiB up an odd multiple of 64, so that successive items fall in different cache and
  /// TLB sets (at most 3.1%); exact where an alignment above 64 was asked for.
  @_noLocks @_noAllocation
  package static func stride(size: UInt64, alignment: UInt64) -> UInt64 {
    let unit = max(alignment, 16)
    let rounded = max((size &+ unit &- 1) / unit &* unit, 16)
    if alignment > 64 || rounded < 2048 || Tunable.pageColor.value == 0 { return rounded }
    let lines = (rounded &+ 63) / 64
    return (lines | 1) &* 64
  }

  /// log2 of the slots after which a line is skipped, so that strides below 2 KiB whose multiples meet in a quarter of
  /// the cache sets or fewer visit them all: about one line in a page (1.6 to 2.5%). 63: not needed.
  @_noLocks @_noAllocation
  package static func groupShift(stride: UInt64) -> UInt64 {
    if stride < 256 || stride >= 2048 || stride % 256 != 0 || Tunable.pageColor.value == 0 { return 63 }
    var shift: UInt64 = 0
    while stride &<< (shift &+ 1) <= 4096 { shift &+= 1 }
    return shift
  }

  /// log2 of the slab's bytes: small for small items (a small process stays small), at least 7 items for the largest.
  @_noLocks @_noAllocation
  package static func slabShift(stride: UInt64) -> UInt64 {
    let shift: UInt64 =
      stride <= 16 ? 14 : stride <= 48 ? 15 : stride <= 2112 ? 16 : stride <= 8256 ? 17 : 18
    return max(shift, anax_state().pointee.page_shift)
  }

  /// Largest item a slab can hold with reason; beyond, use runs of pages.
  @inlinable package static var largestItem: UInt64 { @_noLocks @_noAllocation get { 32768 } }

  @_noLocks @_noAllocation
  package static func fill(
    _ zone: UnsafeMutablePointer<anax_zone>, size: UInt64, alignment: UInt64, limit: UInt64, exact: Bool = false
  ) {
    let stride = stride(size: size, alignment: alignment)
    let shift = slabShift(stride: stride)
    let slab = UInt64(1) &<< shift
    let groupShift = alignment > 64 ? 63 : groupShift(stride: stride)
    let group = groupShift == 63 ? slab &* 2 : stride &<< groupShift &+ 64
    var slots = min(slab / stride, UInt64(ANAX_SLAB_WORDS) &* 64)
    while slots &* stride &+ (slots &>> groupShift) &* 64 > slab { slots &-= 1 }
    var slack = slab &- slots &* stride &- (slots &>> groupShift) &* 64
    if alignment > 64 || Tunable.pageColor.value == 0 {
      slack = 0
    } else if slack < 1024, stride >= 64, stride &* 32 <= slab, slots > 1 {
      // One slot fewer buys room for the skew.
      slots &-= 1
      slack &+= stride
    }
    let bytes = UInt64(Tunable.zoneCacheBytes.value)
    let most = min(UInt64(Tunable.zoneCacheItems.value), UInt64(ANAX_BATCH_ITEMS))
    // Large items: few, but enough that a random walk of the live set does not pass the end of the list at every other
    // step.
    let list = min(max(bytes / stride, stride <= 8256 ? 8 : 4), max(most, 2))
    anax_zone_set_usable(zone - anax_state().pointee.zones!, UInt32(truncatingIfNeeded: exact ? size : stride))
    zone.pointee.stride = UInt32(truncatingIfNeeded: stride)
    let units = stride / 16
    zone.pointee.reciprocal = UInt32(truncatingIfNeeded: ((1 &<< 31) &+ units &- 1) / units)
    zone.pointee.group_shift = UInt8(truncatingIfNeeded: groupShift)
    zone.pointee.group_reciprocal =
      groupShift == 63 ? 0 : UInt32(truncatingIfNeeded: ((1 &<< 31) &+ group / 16 &- 1) / (group / 16))
    zone.pointee.slots = UInt16(truncatingIfNeeded: slots)
    zone.pointee.slab_shift = UInt8(truncatingIfNeeded: shift)
    // Whole pages too where there is room: for large items it is the pages of the first words that meet in few TLB
    // sets.
    zone.pointee.skew_lines = UInt16(truncatingIfNeeded: slack / 64)
    zone.pointee.list_limit = UInt16(truncatingIfNeeded: limit == 0 ? list : min(list, max(limit / 16, 1)))
    zone.pointee.limit = limit
    AtomicWord(anax_zone_state(zone)).storeRelease(2)
  }

  @_noLocks @_noAllocation
  package static func setName(_ zone: UnsafeMutablePointer<anax_zone>, _ prefix: StaticString, _ number: UInt64) {
    var name = ZoneName(of: zone)
    name.append(prefix.utf8Start, count: prefix.utf8CodeUnitCount)
    name.append(number)
  }
}
