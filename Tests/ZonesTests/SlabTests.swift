// SPDX-License-Identifier: Apache-2.0
// Slabs and the stacks of a home on a live engine, each case in a process of its own. The protocol's model is in
// ModelTests.

import CAnax
import Foundation
import Heap
import LockFree
import Pages
import Testing

@testable import Zones

@Suite struct SlabTests {
  @Test func claimChainsRisingAddressesAndCounts() async {
    await #expect(processExitsWith: .success) {
      let home = Lists.home()
      let slab = home.makeSlab(cpu: 0)!
      slab.header.pointee.returned = 0
      let slots = UInt64(home.zone.pointee.slots)
      let room = UInt64(home.zone.pointee.list_limit)
      #expect(Slab.freeSlots(slab.gate.loadRelaxed()) == slots)
      var free: UInt64 = 0
      var claimed: UInt64 = 0
      let list = slab.claim(5, home.zone, onto: room, free: &free, claimed: &claimed)
      let items = Lists.items(list)
      #expect(claimed == 5 && free == slots - 5 && items.count == 5)
      #expect(items == items.sorted() && items[0] == slab.firstSlot(home.zone))
      #expect(list & 0xffff == room - 5)
      for (index, item) in items.enumerated() {
        #expect(slab.slot(of: item, home.zone) == UInt64(index))
        #expect(slab.isClaimed(UInt64(index)))
      }
      #expect(!slab.isClaimed(5))
    }
  }

  /// Claims a strip and gives its items, which must be the slots from `first` on.
  private func strip(_ slab: Slab, _ zone: UnsafeMutablePointer<anax_zone>, _ wanted: UInt64, from first: UInt64) -> Int
  {
    var free: UInt64 = 0
    let before = Slab.freeSlots(slab.gate.loadRelaxed())
    let word = slab.claimStrip(wanted, least: 4, zone, free: &free)
    var strip = Strip(word: word, zone)
    let count = strip.count
    #expect(word == 0 || free == before - count)
    var slot = first
    while strip.count > 0 {
      strip = strip.advanced
      #expect(slab.slot(of: strip.next, zone) == slot && slab.isClaimed(slot))
      slot += 1
      strip = Strip(word: strip.word &+ (UInt64(zone.pointee.stride) << 16) &- 1, zone)
    }
    #expect(slot == first + count && Slab.freeSlots(slab.gate.loadRelaxed()) == before - count)
    return Int(count)
  }

  /// Sizes with and without skipped lines.
  @Test(arguments: [48, 64, 256, 512, 1024]) func aStripIsConsecutiveFreeSlots(_ size: UInt64) async {
    await #expect(processExitsWith: .success) { [size] in
      _ = Lists.home()
      let home = Lists.zone(101, size: size, limit: 0)
      let zone = home.zone
      #expect(Strip.serve(zone))
      let tests = SlabTests()
      let slab = home.makeSlab(cpu: 0)!
      #expect(tests.strip(slab, zone, 20, from: 0) == 20)
      #expect(tests.strip(slab, zone, 20, from: 20) == 20)
      // Slots 3 to 9 come back, then all of the second strip.
      _ = slab.release(word: 0, mask: 0x3f8, zone: 101)
      #expect(tests.strip(slab, zone, 5, from: 3) == 5)
      // Two are too few: nothing is claimed.
      #expect(tests.strip(slab, zone, 20, from: 8) == 0)
      home.releaseToSlabs(strip: Strip(next: slab.firstSlot(zone), count: 3, toSkip: ~0, zone).word)
      #expect(Slab.freeSlots(slab.gate.loadRelaxed()) == UInt64(zone.pointee.slots) - 35)
    }
  }

  @Test func aStripEndsAtAClaimedSlotInAnotherWord() async {
    await #expect(processExitsWith: .success) {
      _ = Lists.home()
      let home = Lists.zone(101, size: 64, limit: 0)
      let tests = SlabTests()
      let slab = home.makeSlab(cpu: 0)!
      #expect(tests.strip(slab, home.zone, 100, from: 0) == 100)
      #expect(tests.strip(slab, home.zone, 100, from: 100) == 100)
      #expect(tests.strip(slab, home.zone, 100, from: 200) == 100)
      // The first word's upper half and the third word are free, the second is not.
      _ = slab.release(word: 0, mask: 0xffff_ffff_0000_0000, zone: 101)
      _ = slab.release(word: 2, mask: ~0, zone: 101)
      #expect(tests.strip(slab, home.zone, 100, from: 32) == 32)
      #expect(tests.strip(slab, home.zone, 100, from: 128) == 64)
      // Across a word's end, and what is left goes back whole.
      _ = slab.release(word: 3, mask: 0xff00_0000_0000_0000, zone: 101)
      _ = slab.release(word: 4, mask: 0xffff, zone: 101)
      #expect(tests.strip(slab, home.zone, 100, from: 248) == 24)
      let next = slab.firstSlot(home.zone) + 250 * 64
      home.releaseToSlabs(strip: Strip(next: next, count: 20, toSkip: ~0, home.zone).word)
      #expect(tests.strip(slab, home.zone, 100, from: 250) == 20)
    }
  }

  @Test func aFullSlabIsPushedOnceByWhoFreesFirst() async {
    await #expect(processExitsWith: .success) {
      let home = Lists.home()
      let slab = home.makeSlab(cpu: 0)!
      let slots = UInt64(home.zone.pointee.slots)
      var free: UInt64 = 1
      var items: [UInt64] = []
      while free > 0 {
        var claimed: UInt64 = 0
        items += Lists.items(
          slab.claim(20, home.zone, onto: UInt64(home.zone.pointee.list_limit), free: &free, claimed: &claimed))
      }
      #expect(items.count == Int(slots) && Set(items).count == items.count)
      #expect(slab.gate.loadRelaxed() & Slab.stateMask == Slab.full)
      #expect(!slab.retire(home.zone), "items are out")
      let first = slab.release(word: 0, mask: 1, zone: 100)
      #expect(first?.free == 1 && first?.push == true)
      let second = slab.release(word: 0, mask: 6, zone: 100)
      #expect(second?.free == 3 && second?.push == false)
      #expect(slab.release(word: 0, mask: 1, zone: 100) == nil, "a double free")
    }
  }

  @Test func retirementEndsTheGenerationAndGivesThePagesBack() async {
    await #expect(processExitsWith: .success) {
      let home = Lists.home()
      let before = AtomicWord(anax_node_claimed_pages(Pages.node(0))).loadRelaxed()
      let slab = home.makeSlab(cpu: 0)!
      let generation = slab.gate.loadRelaxed() >> 32
      let page = Int(Region.page(of: slab.start))
      #expect(Int(anax_state().pointee.page_zones![page]) & (Int(ANAX_ZONES_MAX) - 1) == 100)
      #expect(home.retire(slab))
      #expect(slab.gate.loadRelaxed() == (generation + 1) << 32)
      #expect(Int(anax_state().pointee.page_zones![page]) & (Int(ANAX_ZONES_MAX) - 1) == 0)
      #expect(AtomicWord(anax_node_claimed_pages(Pages.node(0))).loadRelaxed() == before)
    }
  }

  /// A list never makes memory resident that nobody asked for.
  @Test func onAPageNobodyTouchedOneItemIsClaimedAndNotWritten() async {
    await #expect(processExitsWith: .success) {
      let home = Lists.home()
      let slab = home.makeSlab(cpu: 0)!
      let room = UInt64(home.zone.pointee.list_limit)
      var free: UInt64 = 0
      var claimed: UInt64 = 0
      let first = slab.claim(5, home.zone, onto: room, free: &free, claimed: &claimed)
      #expect(claimed == 1)
      #expect(UnsafePointer<UInt64>(bitPattern: UInt(first >> 16))!.pointee == 0, "the item is as the kernel made it")
      // The page is the caller's now: the rest of it is chained, and not an item of the next.
      _ = slab.claim(100, home.zone, onto: room, free: &free, claimed: &claimed)
      let perPage = 4096 / UInt64(home.zone.pointee.stride)
      #expect(claimed >= perPage - 2 && claimed <= perPage)
    }
  }

  @Test func surplusBitsAreClaimedForGood() async {
    await #expect(processExitsWith: .success) {
      let home = Lists.home()
      let slab = home.makeSlab(cpu: 0)!
      var free = 0
      for word in 0..<Int(ANAX_SLAB_WORDS) { free += (~slab.bits(word).loadRelaxed()).nonzeroBitCount }
      #expect(free == Int(home.zone.pointee.slots))
    }
  }

  @Test func theFullestSlabIsUsedFirst() async {
    await #expect(processExitsWith: .success) {
      let home = Lists.home()
      let slots = UInt64(home.zone.pointee.slots)
      let slabs = (0..<3).map { _ in home.makeSlab(cpu: 0)! }
      // 7/8, half and nothing in use.
      for (slab, used) in zip(slabs, [slots / 2, slots / 8 * 7, 0]) {
        var free: UInt64 = slots
        while slots - free < used {
          var claimed: UInt64 = 0
          _ = slab.claim(min(8, used - (slots - free)), home.zone, onto: 100, free: &free, claimed: &claimed)
        }
        home.push(slab, free: free)
      }
      #expect((0..<3).map { _ in home.popSlab()?.index } == [slabs[1].index, slabs[0].index, slabs[2].index])
      #expect(home.popSlab() == nil)
    }
  }

  @Test func trimRetiresWhatIsEmptyAndKeepsTheRest() async {
    await #expect(processExitsWith: .success) {
      let home = Lists.home()
      let slabs = (0..<6).map { _ in home.makeSlab(cpu: 0)! }
      for (index, slab) in slabs.enumerated() {
        var free = UInt64(home.zone.pointee.slots)
        var claimed: UInt64 = 0
        if index % 2 == 0 { _ = slab.claim(1, home.zone, onto: 100, free: &free, claimed: &claimed) }
        home.push(slab, free: free)
      }
      home.trim()
      #expect(AtomicWord(anax_home_slabs(home.entry)).loadRelaxed() == 3)
      var left: Set<UInt32> = []
      while let slab = home.popSlab() { left.insert(slab.index) }
      #expect(left == Set([0, 2, 4].map { slabs[$0].index }))
    }
  }

  /// The kernel does not answer a trimmer: all others have the slabs, but for the one that it owns.
  @Test func aStoppedTrimmerKeepsOneSlab() async {
    await #expect(processExitsWith: .success) {
      let home = Lists.home()
      let slabs = (0..<12).map { _ in home.makeSlab(cpu: 0)! }
      for slab in slabs {
        // An item is out, so that none is retired, and the rest can go to the kernel page by page.
        slab.header.pointee.returned = 0
        var free: UInt64 = 0
        var claimed: UInt64 = 0
        _ = slab.claim(1, home.zone, onto: 100, free: &free, claimed: &claimed)
        home.push(slab, free: free)
      }
      Stopped.start(at: anax_sys_madvise) { Home(zone: 100, node: 0).trim(thin: true, all: true) }
      var taken: Set<UInt32> = []
      while let slab = home.popSlab() { taken.insert(slab.index) }
      #expect(taken.count == slabs.count - 1)
      // The next trimmer goes past it.
      for slab in slabs where taken.contains(slab.index) {
        home.push(slab, free: Slab.freeSlots(slab.gate.loadRelaxed()))
      }
      #expect(home.trim() == 0)
      #expect(home.popSlab() != nil)
    }
  }
}
