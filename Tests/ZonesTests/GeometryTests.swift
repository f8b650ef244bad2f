// SPDX-License-Identifier: Apache-2.0
// The geometry of every zone of the heap: strides, slabs, slots, skew, and slot indices without a division.

import CAnax
import Heap
import Testing

@testable import Zones

@Suite struct GeometryTests {
  static var zones: [(id: Int, zone: UnsafeMutablePointer<anax_zone>)] {
    _ = Engine.ensureStarted()
    return (1...SizeClasses.count + SizeClasses.alignedCount).map { ($0, anax_state().pointee.zones! + $0) }
  }

  @Test func slotsAndSkewFitTheSlab() {
    for (id, zone) in Self.zones {
      let slab = 1 << Int(zone.pointee.slab_shift)
      let last = Int(SlotGeometry(zone).distance(ofSlot: UInt64(zone.pointee.slots) - 1))
      let used = last + Int(zone.pointee.stride) + Int(zone.pointee.skew_lines) * 64
      #expect(used <= slab, "zone \(id)")
      #expect(zone.pointee.slots >= 7, "zone \(id)")
      #expect(Int(zone.pointee.slots) <= Int(ANAX_SLAB_WORDS) * 64)
      #expect(zone.pointee.list_limit >= 2 && Int(zone.pointee.list_limit) <= Int(ANAX_BATCH_ITEMS))
      // Where the bitmap is the bound, whole pages at the slab's end are never touched.
      let bounded = Int(zone.pointee.slots) >= Int(ANAX_SLAB_WORDS) * 64 - 1
      #expect(bounded || slab - used <= slab / 8, "zone \(id) wastes \(slab - used) of \(slab)")
    }
  }

  @Test func largeStridesAreOddLinesAtLittleCost() {
    for (id, zone) in Self.zones where id <= SizeClasses.count {
      let size = SizeClasses.size(ofClass: id)
      let stride = Int(zone.pointee.stride)
      #expect(stride >= size && stride % 16 == 0)
      if size >= 2048 {
        #expect(stride / 64 % 2 == 1 && stride % 64 == 0, "zone \(id)")
        #expect(Double(stride - size) / Double(size) <= 0.032, "zone \(id)")
      } else {
        #expect(stride == size)
      }
    }
    for (id, zone) in Self.zones where id > SizeClasses.count {
      #expect(Int(zone.pointee.stride) == 128 << (id - SizeClasses.count - 1))
    }
  }

  /// For every slot of several slabs, its address is the slot's, and no other address is any slot's.
  @Test func slotInvertsAddresses() {
    for (id, zone) in Self.zones {
      let step = UInt32(1) << (UInt32(zone.pointee.slab_shift) - UInt32(ANAX_SLAB_SHIFT_MIN))
      for number in [0, 1, 77] as [UInt32] {
        let slab = Slab(index: number * step)
        let first = slab.firstSlot(zone)
        var expected = slab.start
        var slot: UInt64 = 0
        while slot < UInt64(zone.pointee.slots) {
          let address = first + SlotGeometry(zone).distance(ofSlot: slot)
          while expected < address {
            if let wrong = slab.slot(of: expected, zone) {
              Issue.record("zone \(id), \(expected - first): slot \(wrong)")
            }
            expected += 16
          }
          if slab.slot(of: address, zone) != slot { Issue.record("zone \(id), slot \(slot)") }
          if slab.slot(of: address + 8, zone) != nil { Issue.record("zone \(id), slot \(slot) and 8 bytes") }
          expected = address + 16
          slot += 1
        }
        let last = first + SlotGeometry(zone).distance(ofSlot: slot - 1) + UInt64(zone.pointee.stride)
        #expect(last <= slab.start + 1 << UInt64(zone.pointee.slab_shift), "zone \(id)")
        #expect(slab.slot(of: last, zone) == nil && slab.slot(of: last + 64, zone) == nil)
        #expect(slab.slot(of: first &- 64, zone) == nil)
      }
    }
  }

  @Test func slabsStartAtDifferentLines() {
    for (id, zone) in Self.zones where zone.pointee.skew_lines > 0 {
      let step = UInt32(1) << (UInt32(zone.pointee.slab_shift) - UInt32(ANAX_SLAB_SHIFT_MIN))
      var lines: Set<UInt64> = []
      for number in 0..<256 as Range<UInt32> {
        let slab = Slab(index: number * step)
        let offset = slab.firstSlot(zone) - slab.start
        #expect(offset % 64 == 0 && offset / 64 <= UInt64(zone.pointee.skew_lines))
        lines.insert(offset / 64)
      }
      #expect(lines.count > Int(zone.pointee.skew_lines) / 2, "zone \(id): \(lines.count) lines")
    }
    #expect(Self.zones.contains { $0.zone.pointee.skew_lines > 7 })
  }

  /// A translation cache of 2048 entries has 256 sets of eight, by the page's number: no more first words than ways.
  @Test func firstWordsOfLargeItemsSpreadOverTLBSets() {
    for (id, zone) in Self.zones where zone.pointee.skew_lines > 0 && zone.pointee.stride >= 2048 {
      let step = UInt32(1) << (UInt32(zone.pointee.slab_shift) - UInt32(ANAX_SLAB_SHIFT_MIN))
      var sets = [Int](repeating: 0, count: 256)
      for item in 0..<256 {
        let (number, slot) = item.quotientAndRemainder(dividingBy: Int(zone.pointee.slots))
        let slab = Slab(index: UInt32(number) * step)
        sets[Int((slab.firstSlot(zone) + SlotGeometry(zone).distance(ofSlot: UInt64(slot))) / 4096 % 256)] += 1
      }
      #expect(sets.max()! <= 8, "zone \(id), stride \(zone.pointee.stride): \(sets.max()!) items in one set")
    }
  }

  /// The reciprocal for every stride a zone may have, not only the heap's.
  @Test func theReciprocalIsExactForEveryStride() {
    for units in 1...2049 {
      let stride = UInt64(units) * 16
      let slab = UInt64(1) << ZoneMake.slabShift(stride: stride)
      let reciprocal = ((1 << 31) + UInt64(units) - 1) / UInt64(units)
      #expect(reciprocal < 1 << 32)
      // Where the quotient changes is where it can be wrong.
      var slot: UInt64 = 0
      while slot * stride < slab {
        let at = slot * UInt64(units)
        if (at * reciprocal) >> 31 != slot { Issue.record("stride \(stride), slot \(slot)") }
        let before = at + UInt64(units) - 1
        if (before * reciprocal) >> 31 != slot { Issue.record("stride \(stride), before slot \(slot + 1)") }
        slot += 1
      }
    }
  }
}
