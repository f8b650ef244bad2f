// SPDX-License-Identifier: Apache-2.0
// A strip: consecutive slots of one slab that a CPU has claimed but nobody has written yet; one word of the CPU's
// block, changed by that CPU's sections alone (anax_cache_advance takes an item, `take` puts a word in place of
// another), or by who swapped the block out. A page that only such items lie on need not be resident. Heap zones have
// strips, where there are CPU blocks. A thread that is stopped with a strip in hand loses its slots, at most 128.
// Model: Tests/ModelTests/StripModelTests.
//
// | transition of the word | by | order |
// |---|---|---|
// | n items → n - 1 | a section of the CPU, which then has the item | plain store, the section's last |
// | any → another strip, or none | a section of the CPU, which then has the old one (exchanged, since another thread of the CPU may have put one) | the same |
// | any → 0 | who swapped the block out, after the membarrier | exchange: in the child of a handler's fork the block may be in use again |
// The slots were claimed in the slab's bitmap before the word shows them, and are released there after it does not.
//
// | bits of the word | mean |
// |---|---|
// | 0...7 | items from `next` on, a stride apart |
// | 8...15 | items behind the line that is skipped after those |
// | 16...63 | the next item; without items it means nothing |

import CAnax

struct Strip {
  let word: UInt64
  let zone: UnsafeMutablePointer<anax_zone>

  @inline(__always) @_noLocks @_noAllocation
  init(word: UInt64, _ zone: UnsafeMutablePointer<anax_zone>) {
    self.word = word
    self.zone = zone
  }

  @inline(__always) @_noLocks @_noAllocation
  init(next: UInt64, count: UInt64, toSkip: UInt64, _ zone: UnsafeMutablePointer<anax_zone>) {
    let near = min(count, toSkip)
    self.init(word: next &<< 16 | (count &- near) &<< 8 | near, zone)
  }

  var near: UInt64 { @inline(__always) @_noLocks @_noAllocation get { word & 0xff } }
  var far: UInt64 { @inline(__always) @_noLocks @_noAllocation get { word &>> 8 & 0xff } }
  var count: UInt64 { @inline(__always) @_noLocks @_noAllocation get { near &+ far } }
  /// The address of the first item.
  var next: UInt64 {
    @inline(__always) @_noLocks @_noAllocation get { near == 0 ? word &>> 16 &+ 64 : word &>> 16 }
  }

  /// The same items with the first in front: what is behind a skipped line comes near.
  var advanced: Strip {
    @inline(__always) @_noLocks @_noAllocation get {
      near == 0 ? Strip(next: next, count: far, toSkip: 1 &<< UInt64(zone.pointee.group_shift), zone) : self
    }
  }

  /// Whether a zone's CPUs have strips: one of the heap's (CPUBlocks.hasStrip), whose generation is 0.
  @inline(__always) @_noLocks @_noAllocation
  static func serve(_ zone: UnsafeMutablePointer<anax_zone>) -> Bool {
    zone.pointee.generation == 0 && zone.pointee.limit == 0 && (zone.pointee.group_shift > 1)
  }
}
