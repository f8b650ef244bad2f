// SPDX-License-Identifier: Apache-2.0
// Giving back pages inside a slab: where survivors keep a slab from being retired, the pages that only free slots lie
// on can go back to the kernel all the same. For the slab's owner alone, who is the only one that could claim those
// slots; so nothing is claimed for it and the gate does not change. A slab is thinned when its gate has not changed for
// a whole tick. The same bits say which pages of a new slab were never touched: items are chained through resident
// pages only, so that a CPU's list never makes memory resident that nobody asked for, and the page fault comes where
// the caller writes.

import CAnax
import LockFree
import Machine
import Pages

extension Slab {
  /// Returns pages of free slots, if the slab rested since the last call or `all`. Pages returned.
  @_noLocks @_noAllocation
  func thin(_ zone: UnsafeMutablePointer<anax_zone>, all: Bool) -> UInt64 {
    let header = self.header
    let now = gate.loadRelaxed()
    let rested = header.pointee.seen == now
    header.pointee.seen = now
    let shift = Region.pageShift
    let pages = (1 &<< UInt64(zone.pointee.slab_shift)) &>> shift
    if !(rested || all) || pages < 2 || pages > 64 { return 0 }
    let every: UInt64 = ~0 &>> (64 &- pages)
    let busy = busyPages(zone, every: every)
    var idle = every & ~busy & ~header.pointee.returned
    if idle == 0 { return 0 }
    var count: UInt64 = 0
    while idle != 0 {
      let first = UInt64(idle.trailingZeroBitCount)
      let length = min(UInt64((~(idle &>> first)).trailingZeroBitCount), 64 &- first)
      let bits: UInt64 = (~0 &>> (64 &- length)) &<< first
      if Kernel.advise(start &+ first &<< shift, bytes: length &<< shift, MADV_DONTNEED) {
        header.pointee.returned |= bits
        count &+= length
      }
      idle &= ~bits
    }
    return count
  }

  /// The pages that claimed slots lie on.
  @_noLocks @_noAllocation
  func busyPages(_ zone: UnsafeMutablePointer<anax_zone>, every: UInt64) -> UInt64 {
    let shift = Region.pageShift
    let lead = firstSlot(zone) &- start
    let stride = UInt64(zone.pointee.stride)
    let slots = UInt64(zone.pointee.slots)
    var busy: UInt64 = 0
    var word: UInt64 = 0
    while word &* 64 < slots, busy != every {
      var claimed = bits(Int(word)).loadAcquire()
      if slots < word &* 64 &+ 64 { claimed &= (1 &<< (slots & 63)) &- 1 }
      while claimed != 0 {
        let slot = word &* 64 &+ UInt64(claimed.trailingZeroBitCount)
        claimed &= claimed &- 1
        let from = lead &+ SlotGeometry(zone).distance(ofSlot: slot)
        let first = from &>> shift
        let last = (from &+ stride &- 1) &>> shift
        busy |= (~0 &>> (63 &- (last &- first))) &<< first
      }
      word &+= 1
    }
    return busy
  }

  /// For the owner, before it claims: how many of the lowest free slots, up to `wanted`, may be chained without
  /// touching a page that is not resident. Where the lowest of all lies on such a page, it is 1 and `untouched`: that
  /// item must not be written.
  @_noLocks @_noAllocation
  func residentFirst(
    _ wanted: UInt64, _ zone: UnsafeMutablePointer<anax_zone>, untouched: inout Bool
  ) -> UInt64 {
    let shift = Region.pageShift
    let absent = header.pointee.returned
    let lead = firstSlot(zone) &- start
    let slots = UInt64(zone.pointee.slots)
    var count: UInt64 = 0
    var word: UInt64 = 0
    while word &* 64 < slots {
      var free = ~bits(Int(word)).loadRelaxed()
      while free != 0 {
        let slot = word &* 64 &+ UInt64(free.trailingZeroBitCount)
        free &= free &- 1
        if absent &>> ((lead &+ SlotGeometry(zone).distance(ofSlot: slot)) &>> shift) & 1 == 1 {
          if count > 0 { return count }
          untouched = true
          return min(wanted, 1)
        }
        count &+= 1
        if count >= wanted { return count }
      }
      word &+= 1
    }
    return count
  }

  /// For the owner, after it claimed slots whose addresses lie in `low ... high`: their pages are resident again.
  @inline(__always) @_noLocks @_noAllocation
  func noteClaim(from low: UInt64, through high: UInt64, _ zone: UnsafeMutablePointer<anax_zone>) {
    if _fastPath(header.pointee.returned == 0) { return }
    let shift = Region.pageShift
    let first = (low &- start) &>> shift
    // An item smaller than a page may reach into the next one, which stays absent until an item that begins there is
    // claimed.
    let stride = UInt64(zone.pointee.stride)
    let reach = stride &>> shift == 0 ? 0 : stride &- 1
    let last = (high &- start &+ reach) &>> shift
    header.pointee.returned &= ~((~0 &>> (63 &- (last &- first))) &<< first)
  }
}
