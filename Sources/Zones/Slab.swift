// SPDX-License-Identifier: Apache-2.0
// A slab: one aligned run cut into equal slots, with the slot bitmap in a header outside of it. Headers are
// type-stable.
// A slab with free slots lies on one of its zone's four stacks (fullest first); who pops it owns it, and is the only
// one who claims slots of it, until it pushes it back. Anybody may release slots at any time.
//
// The gate, one word: bits 0...15 free slots, 16...17 state, 20...31 zone, 32...63 generation (one more at each
// retirement).
//
// | state | means | on a stack |
// |---|---|---|
// | none | no slab; the header sleeps | no |
// | full | no free slot | no |
// | open | free slots, or being refilled from | yes, or owned by who popped it |
//
// | transition | by | order |
// |---|---|---|
// | bit 1 → 0 (slot free) | who frees the item | fetch_and, release |
// | then gate: free += n, where it is the zone's and no sleeper's | the same | CAS, acquire and release |
// |   … full → open | the one whose CAS it was, which then pushes the slab | the same CAS |
// | bit 0 → 1 | the owner, at most `free` of the gate | fetch_or, acquire |
// | then gate: free -= n, open → full at 0 | the owner; else it pushes the slab back | CAS, acquire and release |
// | open → none, generation + 1 | the owner, when free = slots: no item is out, so nobody can free | CAS, acquire and release |
// | none → open | who cut the run, before the slab is on any stack | release |
// The count never exceeds the free bits, since bits are freed first and claimed after the count allowed it. A thread
// stopped between its two steps loses the slots it had in hand; one stopped as owner loses that slab. Model:
// Tests/ModelTests/SlabModelTests.
//
// A bit that is already free when an item comes back is a double free; the process stops. So it does where the gate
// says that the slab sleeps, or is another zone's by now: an item that is out keeps its slab, so this one was freed
// before.

import CAnax
import LockFree
import Machine
import Pages

@usableFromInline
package struct Slab {
  @usableFromInline let index: UInt32

  @inlinable @_noLocks @_noAllocation
  init(index: UInt32) { self.index = index }

  static var full: UInt64 { @_noLocks @_noAllocation get { 1 &<< 16 } }
  static var open: UInt64 { @_noLocks @_noAllocation get { 2 &<< 16 } }
  static var stateMask: UInt64 { @_noLocks @_noAllocation get { 3 &<< 16 } }

  /// The slab of the zone that the item's address lies in.
  @_noLocks @_noAllocation
  init(item: UInt64, zone: UnsafeMutablePointer<anax_zone>) {
    let offset = item &- anax_state().pointee.heap_base
    let shift = UInt64(zone.pointee.slab_shift)
    index = UInt32(truncatingIfNeeded: (offset &>> shift) &<< (shift &- UInt64(ANAX_SLAB_SHIFT_MIN)))
  }

  @_noLocks @_noAllocation
  init(page: UInt64) {
    index = UInt32(truncatingIfNeeded: (page &<< anax_state().pointee.page_shift) &>> UInt64(ANAX_SLAB_SHIFT_MIN))
  }

  var header: UnsafeMutablePointer<anax_slab> {
    @_noLocks @_noAllocation get { anax_state().pointee.slabs! + Int(index) }
  }
  var gate: AtomicWord { @_noLocks @_noAllocation get { AtomicWord(anax_slab_gate(header)) } }
  var start: UInt64 {
    @_noLocks @_noAllocation get { anax_state().pointee.heap_base &+ UInt64(index) &<< UInt64(ANAX_SLAB_SHIFT_MIN) }
  }
  var node: Int {
    @_noLocks @_noAllocation get { Region.node(ofPage: Region.page(of: start)) }
  }

  @_noLocks @_noAllocation
  func bits(_ word: Int) -> AtomicWord { AtomicWord(anax_slab_bits(header) + word) }

  @_noLocks @_noAllocation
  static func freeSlots(_ gate: UInt64) -> UInt64 { gate & 0xffff }

  /// Address of slot 0: a line that differs from slab to slab, so that the first words of blocks spread over cache
  /// sets.
  @_noLocks @_noAllocation
  func firstSlot(_ zone: UnsafeMutablePointer<anax_zone>) -> UInt64 {
    let lines = UInt64(zone.pointee.skew_lines)
    if lines == 0 { return start }
    let number = UInt64(index) &>> (UInt64(zone.pointee.slab_shift) &- UInt64(ANAX_SLAB_SHIFT_MIN))
    // An odd multiplier spreads neighbours; the remainder is by multiplication.
    let hash = (number &* 0x9E37_79B1) & 0xffff_ffff
    return start &+ ((hash &* (lines &+ 1)) &>> 32) &* 64
  }

  /// The slot an item's address is, or nil when it is none's beginning.
  @inline(__always) @_noLocks @_noAllocation
  func slot(of item: UInt64, _ zone: UnsafeMutablePointer<anax_zone>) -> UInt64? {
    let distance = item &- firstSlot(zone)
    if distance >= 1 &<< UInt64(zone.pointee.slab_shift) || distance & 15 != 0 { return nil }
    return SlotGeometry(zone).slot(at: distance)
  }

  /// Sets up the header of a run just claimed and zoned; the caller owns the slab.
  @_noLocks @_noAllocation
  func cut(_ zone: UnsafeMutablePointer<anax_zone>, id: Int, zero: Bool) {
    let slots = UInt64(zone.pointee.slots)
    var word: UInt64 = 0
    while word < UInt64(ANAX_SLAB_WORDS) {
      let first = word &* 64
      let value: UInt64 = slots >= first &+ 64 ? 0 : slots <= first ? ~0 : ~0 &<< (slots &- first)
      bits(Int(word)).storeRelaxed(value)
      word &+= 1
    }
    // Of a run fresh from the kernel no page is resident yet.
    let pages = (1 &<< UInt64(zone.pointee.slab_shift)) &>> Region.pageShift
    header.pointee.returned = zero && pages >= 1 && pages <= 64 ? ~0 &>> (64 &- pages) : 0
    header.pointee.seen = 0
    let generation = gate.loadRelaxed() &>> 32
    gate.storeRelease(generation &<< 32 | UInt64(id) &<< 20 | Slab.open | slots)
  }

  /// For the owner: claims up to `wanted` free slots and chains them in address order before `list`, the list word they
  /// are put on. The new list word; `free` is what the gate says is left.
  @_noLocks @_noAllocation
  func claim(
    _ wanted: UInt64, _ zone: UnsafeMutablePointer<anax_zone>, onto list: UInt64, free left: inout UInt64,
    claimed: inout UInt64
  ) -> UInt64 {
    let old = gate.loadAcquire()
    var need = min(wanted, Slab.freeSlots(old))
    var untouched = false
    if header.pointee.returned != 0 { need = residentFirst(need, zone, untouched: &untouched) }
    let first = firstSlot(zone)
    let geometry = SlotGeometry(zone)
    var head = list
    var highest: UInt64 = 0
    claimed = 0
    var seen: UInt64 = 0
    // From the highest word down, so that the chain hands out rising addresses.
    var word = reach(of: need, zone, seen: &seen)
    need = min(need, seen)
    // Only the highest word has more than is wanted: its upper bits stay.
    var surplus = seen &- need
    while word > 0 {
      word -= 1
      let all = ~bits(word).loadRelaxed()
      // Others may have freed slots since they were seen.
      var free = PageBitmap.lowest(all, min(UInt64(all.nonzeroBitCount) &- surplus, need &- claimed))
      surplus = 0
      bits(word).claim(bits: free)
      claimed &+= UInt64(free.nonzeroBitCount)
      while free != 0 {
        let bit = UInt64(63 &- free.leadingZeroBitCount)
        free ^= 1 &<< bit
        let item = first &+ geometry.distance(ofSlot: UInt64(truncatingIfNeeded: word) &* 64 &+ bit)
        if highest == 0 { highest = item }
        // The first item of a page that is not resident is handed out as it is, zero: the page comes when the caller
        // writes.
        if !untouched { UnsafeMutablePointer<UInt64>(bitPattern: UInt(item)).unsafelyUnwrapped.pointee = head }
        head = item &<< 16 | (head & 0xffff) &- 1
      }
    }
    if claimed > 0 {
      // The chain was built downwards: its head is the lowest item.
      noteClaim(from: head &>> 16, through: highest, zone)
    }
    left = subtract(claimed, from: old)
    return head
  }

  /// How many bitmap words, from the lowest on, hold so many free slots, and how many were `seen` in them.
  @inline(__always) @_noLocks @_noAllocation
  func reach(of need: UInt64, _ zone: UnsafeMutablePointer<anax_zone>, seen: inout UInt64) -> Int {
    let words = (Int(zone.pointee.slots) + 63) / 64
    var reach = 0
    while reach < words, seen < need {
      seen &+= UInt64((~bits(reach).loadRelaxed()).nonzeroBitCount)
      reach += 1
    }
    return reach
  }

  /// For the owner, after it claimed so many slots: tells the gate, which was `seen` before. What it says is left.
  @inline(__always) @_noLocks @_noAllocation
  func subtract(_ count: UInt64, from seen: UInt64) -> UInt64 {
    var old = seen
    while true {
      let left = Slab.freeSlots(old) &- count
      let state = left == 0 ? Slab.full : Slab.open
      if gate.compareExchange(&old, (old &- count) & ~Slab.stateMask | state) { return left }
    }
  }

  /// For the owner: claims consecutive slots, the lowest free ones, as a strip word, if there are at least `least` and
  /// at most `wanted`. 0: there are not. Nothing is written to them. `free` is what the gate says is left.
  @_noLocks @_noAllocation
  func claimStrip(
    _ wanted: UInt64, least: UInt64, _ zone: UnsafeMutablePointer<anax_zone>, free left: inout UInt64
  ) -> UInt64 {
    let old = gate.loadAcquire()
    let most = min(wanted, Slab.freeSlots(old))
    if most < least { return 0 }
    let words = (Int(zone.pointee.slots) + 63) / 64
    var word = 0
    var free: UInt64 = 0
    while word < words {
      free = ~bits(word).loadRelaxed()
      if free != 0 { break }
      word += 1
    }
    if free == 0 { return 0 }
    let bit = UInt64(free.trailingZeroBitCount)
    let slot = UInt64(truncatingIfNeeded: word) &* 64 &+ bit
    let geometry = SlotGeometry(zone)
    var count = min(UInt64((~(free &>> bit)).trailingZeroBitCount), 64 &- bit)
    if bit &+ count == 64 {
      while count < most, word + 1 < words {
        word += 1
        let more = UInt64(bits(word).loadRelaxed().trailingZeroBitCount)
        count &+= more
        if more < 64 { break }
      }
    }
    count = min(count, most)
    if count < least { return 0 }
    var claimed: UInt64 = 0
    while claimed < count {
      let from = (slot &+ claimed) & 63
      let length = min(64 &- from, count &- claimed)
      bits(Int((slot &+ claimed) / 64)).claim(bits: (~0 &>> (64 &- length)) &<< from)
      claimed &+= length
    }
    let base = firstSlot(zone)
    let first = base &+ geometry.distance(ofSlot: slot)
    noteClaim(from: first, through: base &+ geometry.distance(ofSlot: slot &+ count &- 1), zone)
    let strip = Strip(next: first, count: count, toSkip: geometry.slotsToSkip(from: slot), zone)
    left = subtract(count, from: old)
    return strip.word
  }

  /// Releases slots of one bitmap word of the zone's slab. The free count after, and whether this thread must push the
  /// slab on a stack. nil: one of them was free already.
  @_noLocks @_noAllocation
  func release(word: Int, mask: UInt64, zone id: Int) -> (free: UInt64, push: Bool)? {
    let before = bits(word).release(bits: mask)
    if before & mask != mask { return nil }
    let count = UInt64(mask.nonzeroBitCount)
    var old = gate.loadRelaxed()
    while true {
      if old & Slab.stateMask == 0 || Int(old &>> 20) & (ANAX_ZONES_MAX - 1) != id { return nil }
      let wasFull = old & Slab.stateMask == Slab.full
      let new = (old &+ count) & ~Slab.stateMask | Slab.open
      if gate.compareExchange(&old, new) { return (Slab.freeSlots(new), wasFull) }
    }
  }

  /// For the owner: ends the slab if all its slots are free.
  @_noLocks @_noAllocation
  func retire(_ zone: UnsafeMutablePointer<anax_zone>) -> Bool {
    var old = gate.loadAcquire()
    if Slab.freeSlots(old) != UInt64(zone.pointee.slots) { return false }
    return gate.compareExchange(&old, ((old &>> 32) &+ 1) &<< 32)
  }
}
