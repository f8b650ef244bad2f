// SPDX-License-Identifier: Apache-2.0
// What a zone has on one node: the stacks of its slabs with free slots, and its depot. All lock-free; any thread may
// work on any home. The stacks are sorted by fullness when slabs are pushed and, lazily, when they are popped: a slab
// that has become emptier than its stack says moves on.
//
// There are two sets of stacks. Slabs are pushed to one and popped from both. A trimmer makes the other the one that is
// pushed to, and then brings over what is in the first, slab by slab: so it comes to an end, whoever pops and pushes
// meanwhile, and wherever it is stopped it owns one slab at most. Who still pushes to the first set leaves work to the
// next trimmer.
//
// | word | transition | by | order |
// |---|---|---|---|
// | a stack's head | push, pop | anybody; who popped a slab owns it | as TaggedStack's: CAS, acquire and release |
// | set | 0 ↔ 1 | a trimmer that has `trimming` | relaxed: who reads the old one pushes to the set that is being emptied |
// | trimming | free → held → free | a trimmer | as ForkEpoch's: CAS, acquire and release |
// | empties | + 1 | who releases the last item of a slab | relaxed; a hint |
// | empties | n → 0 | a trimmer, before it begins | relaxed |
// | slabs | + 1 | who cut a slab, before anybody else knows it | relaxed |
// | slabs | - 1 | who retired one, before its pages are released | relaxed; the end of a zone reads it by acquire, and goes by what is 0 |

import CAnax
import LockFree
import Machine
import PerCPU
import Pages

@usableFromInline
package struct Home {
  @usableFromInline let zoneID: Int
  @usableFromInline let node: Int

  @inlinable @_noLocks @_noAllocation
  package init(zone: Int, node: Int) {
    zoneID = zone
    self.node = node
  }

  package var entry: UnsafeMutablePointer<anax_home> {
    @_noLocks @_noAllocation get { anax_state().pointee.homes! + node * ANAX_ZONES_MAX + zoneID }
  }
  package var zone: UnsafeMutablePointer<anax_zone> {
    @_noLocks @_noAllocation get { anax_state().pointee.zones! + zoneID }
  }

  /// The set that slabs are pushed to.
  var set: AtomicWord { @_noLocks @_noAllocation get { AtomicWord(anax_home_set(entry)) } }

  @_noLocks @_noAllocation
  func stack(_ bin: Int, set: UInt64) -> TaggedStack {
    TaggedStack(
      head: anax_home_bins(entry) + Int(set & 1) * 4 + bin,
      links: UnsafeMutableRawPointer(anax_state().pointee.slabs!) + 8,
      stride: MemoryLayout<anax_slab>.stride)
  }

  /// 0: at most a quarter of the slots is free … 3: more than three quarters.
  @_noLocks @_noAllocation
  func bin(free: UInt64) -> Int {
    let slots = UInt64(zone.pointee.slots)
    return free &* 4 <= slots ? 0 : free &* 2 <= slots ? 1 : free &* 4 <= slots &* 3 ? 2 : 3
  }

  @_noLocks @_noAllocation
  func push(_ slab: Slab, free: UInt64) { stack(bin(free: free), set: set.loadRelaxed()).push(slab.index) }

  /// Takes the fullest slab known to have free slots. The caller owns it.
  @_noLocks @_noAllocation
  func popSlab() -> Slab? {
    let set = self.set.loadRelaxed()
    // Twice the level, and one more in the other set.
    var turn = 0
    var moves = 0
    while turn < 8 {
      guard let index = stack(turn / 2, set: set &+ UInt64(turn)).pop() else {
        turn += 1
        continue
      }
      let slab = Slab(index: index)
      let free = Slab.freeSlots(slab.gate.loadAcquire())
      let real = bin(free: free)
      if real > turn / 2, moves < 4 {
        stack(real, set: set).push(index)
        moves += 1
        continue
      }
      return slab
    }
    return nil
  }

  /// Claims a run for a new slab and cuts it. The caller owns it. nil: no memory, or vm.heap.limit refuses a request of
  /// the class.
  @_noLocks @_noAllocation
  func makeSlab(cpu: Int, _ requestClass: RequestClass = .normal) -> Slab? {
    let state = anax_state()
    let shift = UInt64(zone.pointee.slab_shift)
    let count = max(1, (1 &<< shift) &>> state.pointee.page_shift)
    if PageLimit.refuses(count, requestClass) { return nil }
    guard let run = Pages.allocate(node: node, cpu: cpu, count: count, aligned: true) else { return nil }
    let slab = Slab(page: run.page)
    let home = Region.node(ofPage: run.page)
    slab.cut(zone, id: zoneID, zero: run.zero)
    let value = UInt16(home << 12 | zoneID)
    var page = run.page
    while page < run.page &+ count {
      anax_store16_release(state.pointee.page_zones! + Int(page), value)
      page &+= 1
    }
    AtomicWord(anax_home_slabs(Home(zone: zoneID, node: home).entry)).add(1)
    return slab
  }

  /// For the owner of a slab with all slots free: gives its pages back. False: it was used meanwhile, and is pushed
  /// again.
  @_noLocks @_noAllocation
  func retire(_ slab: Slab) -> Bool {
    if !slab.retire(zone) { return false }
    let state = anax_state()
    let count = max(1, (1 &<< UInt64(zone.pointee.slab_shift)) &>> state.pointee.page_shift)
    let first = Region.page(of: slab.start)
    var page = first
    while page < first &+ count {
      anax_store16_release(state.pointee.page_zones! + Int(page), UInt16(node << 12))
      page &+= 1
    }
    AtomicWord(anax_home_slabs(entry)).subtract(1)
    Pages.release(page: first, count: count)
    return true
  }

  /// Refills from slabs: a list word with up to `wanted` items on top of an empty list of the zone's room. 0: no
  /// memory.
  /// Slabs of another node may serve when this one has no memory: then `index` of the items is not this home's.
  @_noLocks @_noAllocation
  package func claimFromSlabs(wanted: UInt64, cpu: Int, _ requestClass: RequestClass = .normal) -> UInt64 {
    let room = UInt64(zone.pointee.list_limit)
    guard let slab = popSlab() ?? makeSlab(cpu: cpu, requestClass) else { return 0 }
    var free: UInt64 = 0
    var claimed: UInt64 = 0
    let list = slab.claim(min(wanted, room), zone, onto: room, free: &free, claimed: &claimed)
    if free > 0 { Home(zone: zoneID, node: slab.node).push(slab, free: free) }
    return claimed == 0 ? 0 : list
  }

  /// As `claimFromSlabs` for a CPU's list of a heap zone: either a list word, or a strip word in `strip`.
  @_noLocks @_noAllocation
  func claimFromSlabs(cpu: Int, strip: inout UInt64) -> UInt64 {
    let room = UInt64(zone.pointee.list_limit)
    guard let slab = popSlab() ?? makeSlab(cpu: cpu) else { return 0 }
    var free: UInt64 = 0
    var claimed: UInt64 = 0
    var list: UInt64 = 0
    strip = slab.claimStrip(room, least: min(room, 8), zone, free: &free)
    if strip == 0 { list = slab.claim(room, zone, onto: room, free: &free, claimed: &claimed) }
    if free > 0 { Home(zone: zoneID, node: slab.node).push(slab, free: free) }
    return claimed == 0 ? 0 : list
  }

  /// Takes what is left of a strip back into its slab.
  @_noLocks @_noAllocation
  func releaseToSlabs(strip: UInt64) {
    let strip = Strip(word: strip, zone)
    if strip.count == 0 { return }
    let slab = Slab(item: strip.next, zone: zone)
    guard var slot = slab.slot(of: strip.next, zone) else { Stop.notABlock(strip.next, zone) }
    let end = slot &+ strip.count
    while slot < end {
      let length = min(64 &- slot & 63, end &- slot)
      release(slab, word: Int(slot / 64), mask: (~0 &>> (64 &- length)) &<< (slot & 63))
      slot &+= length
    }
  }

  /// Takes items back into their slabs. `list` is a list word; the items are this home's. Neighbours on the list that
  /// are neighbours in a slab go back in one operation.
  @_noLocks @_noAllocation
  package func releaseToSlabs(list: UInt64) {
    let zone = self.zone
    let geometry = SlotGeometry(zone)
    let bytes = UInt64(1) &<< UInt64(zone.pointee.slab_shift)
    var next = list
    // The slab of the item before, and what of one of its bitmap words is to be released.
    var slab = Slab(index: 0)
    var start = UInt64.max &- bytes
    var first: UInt64 = 0
    var word = 0
    var mask: UInt64 = 0
    var before: UInt64 = 0
    var bit: UInt64 = 0
    while next &>> 16 != 0 {
      let item = next &>> 16
      next = UnsafePointer<UInt64>(bitPattern: UInt(item)).unsafelyUnwrapped.pointee
      // The slot right below the one before, in the same word: what was freed in address order.
      let below = bit &>> 1
      if before &- item == geometry.distance(below: bit), below != 0 {
        if mask & below != 0 { Stop.doubleFree(item, zone) }
        bit = below
        mask |= below
        before = item
        continue
      }
      if item &- start >= bytes {
        if mask != 0 { release(slab, word: word, mask: mask) }
        mask = 0
        slab = Slab(item: item, zone: zone)
        start = slab.start
        first = slab.firstSlot(zone)
      }
      let distance = item &- first
      guard distance < bytes, distance & 15 == 0, let slot = geometry.slot(at: distance) else {
        Stop.notABlock(item, zone)
      }
      bit = UInt64(1) &<< (slot & 63)
      before = item
      if mask != 0, word != Int(truncatingIfNeeded: slot &>> 6) {
        release(slab, word: word, mask: mask)
        mask = 0
      }
      if mask & bit != 0 { Stop.doubleFree(item, zone) }
      word = Int(truncatingIfNeeded: slot &>> 6)
      mask |= bit
    }
    if mask != 0 { release(slab, word: word, mask: mask) }
    if zone.pointee.limit != 0 { AtomicWord(anax_zone_claimed(zone)).subtract(count(ofList: list)) }
  }

  @_noLocks @_noAllocation
  func release(_ slab: Slab, word: Int, mask: UInt64) {
    guard let result = slab.release(word: word, mask: mask, zone: zoneID) else {
      let slot = UInt64(word) &* 64 &+ UInt64(mask.trailingZeroBitCount)
      Stop.doubleFree(slab.firstSlot(zone) &+ SlotGeometry(zone).distance(ofSlot: slot), zone)
    }
    if result.push { push(slab, free: result.free) }
    if result.free == UInt64(zone.pointee.slots) {
      let empties = AtomicWord(anax_home_empties(entry)).add(1) &+ 1
      let slabs = AtomicWord(anax_home_slabs(entry)).loadRelaxed()
      if empties > max(2, slabs / 8) { trim() }
    }
  }

  /// Retires empty slabs and sorts the others by fullness; in a tick also thins those that rest. One trimmer at a time;
  /// others pass by. Pages that went back to the kernel by thinning. A trimmer stopped midway keeps one slab from
  /// others.
  @_noLocks @_noAllocation @discardableResult
  package func trim(thin: Bool = false, all: Bool = false) -> UInt64 {
    guard let lock = ForkEpoch.tryLock(anax_home_trimming(entry)) else { return 0 }
    AtomicWord(anax_home_empties(entry)).storeRelaxed(0)
    let from = set.loadRelaxed()
    set.storeRelaxed(from & 1 ^ 1)
    var thinned: UInt64 = 0
    // Two trimmers, of which one has taken over from the other, could fill each other's set for ever.
    var left = AtomicWord(anax_home_slabs(entry)).loadRelaxed() &+ 64
    var level = 0
    while level < 4, left > 0 {
      guard let index = stack(level, set: from).pop() else {
        level += 1
        continue
      }
      left &-= 1
      let slab = Slab(index: index)
      if retire(slab) { continue }
      if thin { thinned &+= slab.thin(zone, all: all) }
      push(slab, free: Slab.freeSlots(slab.gate.loadAcquire()))
    }
    ForkEpoch.unlock(anax_home_trimming(entry), lock)
    return thinned
  }
}
