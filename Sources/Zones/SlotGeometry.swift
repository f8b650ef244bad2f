// SPDX-License-Identifier: Apache-2.0
// The arithmetic between slots and their distance from slot 0, with the zone's constants in registers: for loops over
// many items.
// Owns nothing.

import CAnax

struct SlotGeometry {
  let stride: UInt64
  let reciprocal: UInt64
  let groupReciprocal: UInt64
  let groupShift: UInt64
  let slots: UInt64
  /// Of a bitmap word, the bits of slots in front of which a line is skipped.
  let starts: UInt64

  @inline(__always) @_noLocks @_noAllocation
  init(_ zone: UnsafeMutablePointer<anax_zone>) {
    stride = UInt64(zone.pointee.stride)
    reciprocal = UInt64(zone.pointee.reciprocal)
    groupReciprocal = UInt64(zone.pointee.group_reciprocal)
    groupShift = UInt64(zone.pointee.group_shift)
    slots = UInt64(zone.pointee.slots)
    // Groups are of 2, 4, 8 or 16 slots.
    starts = groupShift == 63 ? 0 : ~0 / ((1 &<< (1 &<< groupShift)) &- 1)
  }

  /// Bytes from the slot right below a slot, of which `bit` is its word's bit, not the lowest.
  @inline(__always) @_noLocks @_noAllocation
  func distance(below bit: UInt64) -> UInt64 { stride &+ (bit & starts == 0 ? 0 : 64) }

  /// Slots from this one to the next skipped line.
  @inline(__always) @_noLocks @_noAllocation
  func slotsToSkip(from slot: UInt64) -> UInt64 {
    groupShift == 63 ? ~0 : 1 &<< groupShift &- slot & (1 &<< groupShift &- 1)
  }

  /// A slot's distance: its stride's multiple, and one line for each whole group of slots before it.
  @inline(__always) @_noLocks @_noAllocation
  func distance(ofSlot slot: UInt64) -> UInt64 { slot &* stride &+ (slot &>> groupShift) &* 64 }

  /// The slot that begins at a distance (a multiple of 16, less than a slab), or nil. Compared as an address: a skipped
  /// line is not the slot behind it.
  @inline(__always) @_noLocks @_noAllocation
  func slot(at distance: UInt64) -> UInt64? {
    let group = ((distance &>> 4) &* groupReciprocal) &>> 31
    let slot = (((distance &- group &* 64) &>> 4) &* reciprocal) &>> 31
    return slot < slots && self.distance(ofSlot: slot) == distance ? slot : nil
  }
}
