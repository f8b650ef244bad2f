// SPDX-License-Identifier: Apache-2.0
// Objects' pages that lie ready on a CPU, by color. Each case is a process of its own; where there are none (rung D, no
// membarrier) most have nothing to show.

import CAnax
import Foundation
import Heap
import LockFree
import Machine
import PerCPU
import Testing

@testable import Pages

extension Ready {
  /// The page at an index of an object of this color.
  static func colored(
    _ index: UInt64, of color: UInt64 = 0, _ placement: PagePlacement = .local, zeroed: Bool = false
  ) throws -> PageRun {
    try PageRequest.allocateColored(index: index, objectColor: color, placement: placement, zeroed: zeroed, .normal)
  }

  static func coloredPages(_ range: Range<UInt64>) throws -> [PageRun] { try range.map { try colored($0) } }

  /// The CPU has its row from now on, and an object's page on it.
  static func startColors() throws {
    var index: UInt64 = 0
    try startBoth {
      let before = count
      try PageRequest.release(page: try colored(index).page)
      index += 1
      return count > before && colors > 0
    }
  }

  /// Pages on the color row of this thread's CPU.
  static var colors: Int {
    guard let here = CPUBlocks.partHere() else { return 0 }
    let row = RunRow(part: here.words)
    return (0..<64).count { row.slot(RunRow.colorSlot($0)).loadRelaxed() != 0 }
  }

  /// The page is of the queue that a search on CPU 0 begins at, and of the word of its chunk.
  static func isExact(_ page: UInt64, _ index: UInt64, of color: UInt64 = 0) -> Bool {
    PageQueue.queue(ofPage: page) == PageQueue.start(cpu: 0, pageIndex: index, objectColor: color)
      && page / 64 % 8 == 0
  }
}

@Suite struct ColorCacheTests {
  /// In whatever order they come and go, and whichever object asks.
  @Test func aPageIsTakenNextByWhoAsksForItsColor() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startColors()
      _ = Ticks.purge()
      try #require(ColorCache.room == PageQueue.share)
      let share = PageQueue.share
      let pages = try Ready.coloredPages(0..<share)
      for page in pages { Live.write(page, 1, 1) }
      try Ready.give(pages.reversed())
      #expect(Ready.colors == Int(share) && Ready.count == share)
      let counted = Live.claimed
      #expect(counted == share && PageCounters.claimed(node: 0) == 0)
      for round in 0..<20 as Range<UInt64> {
        var taken: [PageRun] = []
        for turn in 0..<share {
          let (index, color) = ((turn * 37 + round) % 64, round * 11 % 64)
          let page = try Ready.colored(index, of: color)
          #expect(Ready.isExact(page.page, index, of: color) && !page.zero)
          taken.append(page)
        }
        #expect(Set(taken.map(\.page)) == Set(pages.map(\.page)) && Live.claimed == counted)
        #expect(Ready.count == 0 && PageCounters.claimed(node: 0) == share)
        try Ready.give(taken)
        #expect(PageCounters.dirty(node: 0) == share)
      }
      _ = Ticks.purge()
      Ready.checkNothingIsOut()
      #expect(Live.dirty == 0)
    }
  }

  /// Also where the CPU has a share of the queues only, and in whatever chunk the pages lie.
  @Test(arguments: [9, 16, 40, 64])
  func onMachinesOfManyCPUsToo(_ cpus: Int) async {
    await #expect(processExitsWith: .success) { [cpus = cpus as Int] in
      if !Ready.start() { return }
      try Ready.startColors()
      _ = Ticks.purge()
      // Words of the state are found by that count, but none that taking and giving pages needs.
      anax_state().pointee.cpu_count = UInt64(cpus)
      let share = PageQueue.share
      #expect(share < 64)
      var held: [PageRun] = []
      for chunk in 0..<12 {
        let pages = try Ready.coloredPages(0..<share)
        #expect(zip(pages, 0...).allSatisfy { Ready.isExact($0.page, $1) }, "chunk \(chunk)")
        try Ready.give(pages)
        #expect(Ready.colors == Int(share), "chunk \(chunk)")
        let counted = Live.claimed
        #expect(Set(try Ready.coloredPages(0..<share).map(\.page)) == Set(pages.map(\.page)))
        #expect(Live.claimed == counted)
        // The next lie in another chunk.
        held += pages
        while Live.claimed % 512 != 0 { held.append(Live.allocate(1)) }
      }
      #expect(Set(held.map { $0.page / 512 }).count == 12)
    }
  }

  @Test func aCPUKeepsNoMoreThanItMay() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startColors()
      for (cache, room) in [(16, 64), (5, 20), (64, 256), (0, 0)] as [(Int64, UInt64)] {
        try Tunable.pageCache.set(cache)
        #expect(RunCache.room <= room)
        let most = min(RunCache.room, PageQueue.share)
        #expect(ColorCache.room == most)
        _ = Ticks.purge()
        try Ready.give(try Ready.coloredPages(0..<300))
        #expect(Ready.colors == Int(most))
        // The others are pages as any.
        #expect(Ready.count <= most + UInt64(cache))
      }
      // All CPUs together keep no more than a sixteenth of the floor.
      try Tunable.pageCache.set(64)
      try Tunable.pageKeepFloor.set(Int64(anax_state().pointee.block_count * 16 * 8 * Live.pageBytes))
      #expect(ColorCache.room >= 4 && ColorCache.most <= UInt64(Tunable.pageKeepFloor.value) / 16)
      try Ready.startRow()
      _ = Ticks.purge()
      try Ready.give(try Ready.coloredPages(0..<300))
      #expect(Ready.colors == Int(ColorCache.room))
      // So little that single pages may lie ready, and no more: what is there goes with the next run.
      let run = try Ready.run(2)
      let blocks = Int(anax_state().pointee.block_count).nextPowerOfTwo
      try Tunable.pageKeepFloor.set(Int64(blocks) * 8 * Int64(Live.pageBytes))
      #expect(ColorCache.room == 0 && PageCache.room == 1 && Ready.colors > 0)
      try PageRequest.release(page: run.page)
      #expect(Ready.colors == 0)
      try Tunable.pageKeepFloor.set(0)
      _ = Ticks.purge()
      try Ready.give(try Ready.coloredPages(0..<100))
      #expect(Ready.count == 0 && Live.dirty == 0)
      Ready.checkNothingIsOut()
    }
  }

  /// Others take no slot, and requests with a wish get no page from there.
  @Test func onlyPagesOfObjectsAndOnlyWithoutAWish() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startColors()
      _ = Ticks.purge()
      try Ready.give(try Ready.pages(64))
      #expect(Ready.colors == 0)
      // The single pages have the first eight queues of the CPU's word.
      let page = try Ready.colored(20)
      try PageRequest.release(page: page.page)
      #expect(Ready.colors == 1)
      let others = try Ready.pages(40) + [try Ready.colored(20, .node(0)), try Ready.colored(21)]
      #expect(Ready.colors == 1 && !others.contains { $0.page == page.page })
      #expect(try Ready.colored(20).page == page.page)
    }
  }

  /// Others hold those of the CPU's word: what there was besides is kept, and gives way when these come back.
  @Test func aPageOfTheCPUsWordTakesTheSlotOfAnother() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startColors()
      PageDrain.everything()
      let share = PageQueue.share
      let own = try Ready.coloredPages(0..<share)
      let others = try Ready.coloredPages(0..<share)
      #expect(zip(own, 0...).allSatisfy { Ready.isExact($0.page, $1) })
      #expect(others.allSatisfy { $0.page / 64 % 8 != 0 })
      try Ready.give(others)
      #expect(Ready.colors == Int(share))
      let counted = Live.claimed
      #expect(try Ready.coloredPages(0..<share).map(\.page) == others.map(\.page) && Live.claimed == counted)
      try Ready.give(others)
      try Ready.give(own)
      #expect(Ready.colors == Int(share) && others.allSatisfy { !Pages.isClaimed($0.page) })
      try Ready.give(try Ready.coloredPages(share..<share + 1))
      let again = try Ready.coloredPages(0..<share)
      #expect(again.map(\.page) == own.map(\.page))
      // And they do not give way to others.
      let more = try Ready.coloredPages(0..<share)
      try Ready.give(again)
      try Ready.give(more)
      #expect(try Ready.coloredPages(0..<share).map(\.page) == own.map(\.page))
    }
  }

  /// Others hold half of the CPU's word: what an object has then lies on half of the places at least, and on all of
  /// them when these pages have come back.
  @Test func placesAreApartAgainWhenTheCPUsWordHasComeBack() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() || PageQueue.share < 64 { return }
      try Ready.startColors()
      PageDrain.everything()
      func places(_ pages: [PageRun]) -> Int { Set(pages.map { $0.page % 64 }).count }
      let all = try Ready.coloredPages(0..<64)
      #expect(places(all) == 64)
      let held = stride(from: 0, to: 64, by: 2).map { all[$0] }
      try Ready.give(stride(from: 1, to: 64, by: 2).map { all[$0] })
      for _ in 0..<4 {
        let pages = try Ready.coloredPages(0..<64)
        #expect(places(pages) >= 32, "\(places(pages)) places")
        try Ready.give(pages)
        #expect(Ready.colors == 64)
      }
      try Ready.give(held)
      let again = try Ready.coloredPages(0..<64)
      #expect(again.map(\.page) == all.map(\.page))
    }
  }

  /// A page that came to a row by a thread of another CPU is not given out for another color, and makes room.
  @Test func whatLiesInAWrongSlotGivesWay() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startColors()
      _ = Ticks.purge()
      let page = try Ready.colored(5)
      try PageRequest.release(page: page.page)
      let slot = RunRow(part: try #require(CPUBlocks.partHere()).words).slot(RunRow.colorSlot(5))
      // Of another queue, and of another word too.
      for wrong in [page.page ^ 1, page.page ^ 64] {
        let entry = slot.loadRelaxed()
        slot.storeRelaxed(RunRow.entry(wrong, 1))
        let other = try Ready.colored(5)
        #expect(other.page != wrong)
        slot.storeRelaxed(entry)
        try PageRequest.release(page: other.page)
      }
      PageDrain.everything()
      let (right, wrong) = (try Ready.colored(5), try Ready.colored(6))
      #expect(Ready.isExact(right.page, 5))
      try PageRequest.release(page: wrong.page)
      let there = RunRow(part: try #require(CPUBlocks.partHere()).words).slot(RunRow.colorSlot(6))
      #expect(RunRow.page(there.loadRelaxed()) == wrong.page)
      slot.storeRelaxed(there.loadRelaxed())
      there.storeRelaxed(0)
      // Also to a page that is of another word.
      let other = try Ready.colored(5)
      #expect(other.page / 64 % 8 != 0 && PageQueue.turn(ofPage: other.page, cpu: 0) == 5)
      try PageRequest.release(page: other.page)
      #expect(RunRow.page(slot.loadRelaxed()) == other.page && !Pages.isClaimed(wrong.page))
      try PageRequest.release(page: right.page)
      #expect(RunRow.page(slot.loadRelaxed()) == right.page && !Pages.isClaimed(other.page))
      _ = Ticks.purge()
      Ready.checkNothingIsOut()
    }
  }

  @Test func zeroedMeansZero() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startColors()
      let page = try Ready.colored(9)
      Live.write(page, 1, 0xaa)
      try PageRequest.release(page: page.page)
      let zeroed = try Ready.colored(9, zeroed: true)
      #expect(zeroed.page == page.page && zeroed.zero && Live.isZero(page: page.page, 1))
    }
  }

  /// Held, a page lies ready only after the last unhold; and it is none until then, nor afterwards.
  @Test func aReadyPageIsNoRun() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startColors()
      let page = try Ready.colored(9).page
      #expect(Run(word: Run.at(page: page).loadRelaxed()).pages == 1)
      let before = Ready.count
      try PageRequest.hold(page: page)
      try PageRequest.release(page: page)
      #expect(Ready.count == before)
      try PageRequest.unhold(page: page)
      #expect(Ready.count == before + 1)
      #expect(throws: PageFailure.self) { try PageRequest.release(page: page) }
      #expect(throws: PageFailure.self) { try PageRequest.hold(page: page) }
      #expect(try Ready.colored(9).page == page)
    }
  }

  @Test func ticksTakeWhatIsLeftAlone() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startColors()
      _ = Ticks.purge()
      let pages = try Ready.coloredPages(0..<8)
      for page in pages { Live.write(page, 1, 1) }
      try Ready.give(pages)
      Ticks.tick()
      #expect(Ready.count == 8, "they were given back since the tick before")
      try Ready.give([try Ready.colored(3)])
      Ticks.tick()
      #expect(Ready.count == 1, "the one that is in use stays")
      for page in pages { #expect(Ready.isResident(page.page) == (page.page == pages[3].page)) }
      Ticks.tick()
      Ready.checkNothingIsOut()
    }
  }

  /// Whatever is given back, or a tick.
  @Test func whereTheKernelStopsNoSectionsNoneIsKept() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startColors()
      for count in [0, 1, 5] as [UInt64] {
        let pages = try Ready.coloredPages(0..<9)
        let page = pages[0]
        let last = try Ready.run(max(count, 1))
        try Ready.give(Array(pages.dropFirst()))
        #expect(Ready.colors >= 8)
        anax_state().pointee.membarrier = 0
        try PageRequest.release(page: count == 0 ? page.page : last.page)
        #expect(Ready.count == 0, "\(count) pages were given back")
        try PageRequest.release(page: count == 0 ? last.page : page.page)
        Ready.checkNothingIsOut()
        anax_state().pointee.membarrier = 1
      }
      try Ready.give(try Ready.coloredPages(1..<9))
      #expect(Ready.colors == 8)
      anax_state().pointee.membarrier = 0
      Ticks.tick()
      Ready.checkNothingIsOut()
    }
  }

  @Test func beforeARequestIsRefusedOtherCPUsGiveTheirs() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_HEAP_RESERVE", "67108864", 1)
      if !Ready.start() || anax_state().pointee.cpu_count < 2 { return }
      try Ready.startColors()
      try Ready.give(try Ready.coloredPages(0..<8))
      #expect(Ready.colors == 8)
      Ready.expectTheOtherCPUGetsAll()
    }
  }

  @Test func aChildDrainsWhatItsParentWasDraining() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startColors()
      try Ready.give(try Ready.coloredPages(0..<8))
      #expect(Ready.colors == 8)
      Ready.expectAChildDrains(atLeast: 8) { try Ready.coloredPages(0..<8) }
    }
  }

  /// The row is opened while runs of the same CPU are taken from outside: it was not closed, so what lies there is the
  /// CPU's.
  @Test func whatIsOpenedDuringADrainIsNotDrained() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startRow()
      _ = Ticks.purge()
      let (page, run) = (try Ready.colored(3), try Ready.run(15))
      try Ready.give([run])
      #expect(Ready.count == 15 && Ready.colors == 0)
      // Its memory is touched here: the section is not repeated.
      let row = RunRow(part: try #require(CPUBlocks.partHere()).words)
      for turn in 0..<64 as Range<UInt64> { row.slot(RunRow.colorSlot(turn)).storeRelaxed(0) }
      Drains.prepare()
      Drains.given = [page.page]
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        if number == anax_sys_membarrier, Drains.turn.add(1) == 0 {
          #expect((try? PageRequest.release(page: Drains.given[0])) != nil)
          #expect(Ready.colors == 1)
        }
        return anax_system_call(number, a, b, c, d, e, f)
      }
      let outcome = PageDrain.everything()
      anax_state().pointee.fake_kernel = nil
      #expect(Drains.turn.loadAcquire() == 1 && outcome.pages == 15)
      #expect(Ready.count == 1 && Ready.colors == 1)
      #expect(try Ready.colored(3).page == page.page)
    }
  }

  /// As in a child whose parent was draining when it forked, also where nothing lies there.
  @Test func aRowThatWasLeftClosedIsOpenedAgain() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startColors()
      // A purge would change the block.
      PageDrain.everything()
      let pages = try Ready.coloredPages(0..<8)
      let cpu = (0..<Int(anax_state().pointee.block_count)).first { CacheCensus.isOpen($0) }!
      PageDrain.forBoth(cpu) { _, _, row in row.close() }
      try PageRequest.release(page: pages[0].page)
      #expect(Ready.colors == 0, "the CPU does without")
      Ticks.tick()
      try Ready.give(Array(pages.dropFirst()))
      #expect(Ready.colors == 7)
      _ = Ticks.purge()
      Ready.checkNothingIsOut()
    }
  }

  /// A page that somebody makes a block of more pages, which it is not for, comes back with all of them.
  @Test func aPageThatHasGrownIsNoObjectsAnyMore() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startColors()
      _ = Ticks.purge()
      let page = try Ready.colored(0)
      let address = UInt64(page.address)
      let block = UnsafeMutableRawPointer(bitPattern: UInt(address))
      let grown = try #require(Heap.reallocate(block, 16 * Int(Live.pageBytes)))
      #expect(UInt64(UInt(bitPattern: grown)) == address)
      Large.free(address)
      #expect(Ready.colors == 0)
      _ = Ticks.purge()
      Ready.checkNothingIsOut()
    }
  }

  @Test func theCountersTellWhatCPUsTookAndGave() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() || anax_state().pointee.rung == UInt64(ANAX_RUNG_A) { return }
      try Ready.startColors()
      let taken = PageCounters.taken(onCPU: 0)
      let given = PageCounters.given(onCPU: 0)
      for round in 0..<5 {
        // More than may lie ready.
        try Ready.give(try Ready.coloredPages(0..<100))
        if round == 2 { _ = Ticks.purge() }
        if round == 3 { PageDrain.everything() }
      }
      // Aborted sections lose some.
      #expect((480...510).contains(PageCounters.taken(onCPU: 0) - taken))
      #expect((480...510).contains(PageCounters.given(onCPU: 0) - given))
    }
  }

  @Test func noPageIsGivenTwice() async {
    await #expect(processExitsWith: .success) {
      Live.start()
      Ready.expectOneOwnerEach { _ in
        if let run = try? PageRequest.allocateColored(
          index: 7, objectColor: 0, placement: .local, zeroed: false, .normal)
        {
          try? PageRequest.release(page: run.page)
        }
      } take: { random in
        // Now and then a page of no object.
        random >> 20 & 7 == 0 ? try? Ready.page() : try? Ready.colored(random >> 24 & 15)
      }
    }
  }
}
