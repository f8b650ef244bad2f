// SPDX-License-Identifier: Apache-2.0
// Ready pages can be had back from anywhere: by ticks, by a purge, before a request is refused, and beside others who
// do the same.
// Where there are no such pages (rung D, no membarrier) most cases have nothing to show.

import CAnax
import Foundation
import Heap
import LockFree
import Machine
import OneCPU
import PerCPU
import Testing
import Zones

@testable import Pages

@Suite struct PageDrainTests {
  @Test func aPurgeTakesThePagesOfAllCPUs() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      for cpu in 0..<min(Int(anax_state().pointee.cpu_count), 4) {
        OneCPU.stay(on: cpu)
        let runs = try Ready.pages(12)
        for run in runs { Live.write(run, 1, 1) }
        try Ready.give(runs)
      }
      #expect(Ready.count >= 8)
      #expect(PageCounters.dirty(node: 0) >= PageCounters.readyDirty(node: 0))
      _ = Ticks.purge()
      Ready.checkNothingIsOut()
      #expect(Live.dirty == 0)
    }
  }

  /// A page goes back one to two periods after it was freed, if its CPU leaves it alone.
  @Test func ticksTakeWhatIsLeftAlone() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      let runs = try Ready.pages(8)
      for run in runs { Live.write(run, 1, 1) }
      try Ready.give(runs)
      Ticks.tick()
      #expect(Ready.count >= 8, "it was used since the tick before")
      try Ready.give([try Ready.page()])
      Ticks.tick()
      #expect(Ready.count >= 8, "so it was")
      Ticks.tick()
      Ready.checkNothingIsOut()
      for run in runs { #expect(!Ready.isResident(run.page)) }
    }
  }

  @Test func aKernelThatStopsNoSectionsLosesNothing() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.give(try Ready.pages(10))
      let before = Ready.count
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        number == anax_sys_membarrier ? Int(-EPERM) : anax_system_call(number, a, b, c, d, e, f)
      }
      let outcome = PageDrain.everything()
      #expect(outcome.pages == 0 && !outcome.isBusy)
      anax_state().pointee.fake_kernel = nil
      #expect(Ready.count == before && anax_state().pointee.membarrier == 0)
      // They are served still; when they are out there are no more.
      for left in (0..<before).reversed() {
        _ = try Ready.page()
        #expect(Ready.count == left)
      }
      #expect(PageCache.room == 0)
      try Ready.give(try Ready.pages(40))
      #expect(Ready.count == 0, "nobody could have them back from another CPU")
      Live.checkCounts()
    }
  }

  /// Of what was ready when the kernel began to refuse, a CPU's own goes with the next page given back there, or with
  /// its tick.
  @Test func whenSectionsCanNotBeStoppedACPUGivesUpItsOwn() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      for ticks in [false, true] {
        anax_state().pointee.membarrier = 1
        let runs = try Ready.pages(11)
        try Ready.give(Array(runs.prefix(10)))
        #expect(Ready.count >= 8)
        anax_state().pointee.membarrier = 0
        if ticks { Ticks.tick() } else { try PageRequest.release(page: runs[10].page) }
        #expect(Ready.count == 0)
        Live.checkCounts()
      }
      // The same where fewer are to be kept.
      anax_state().pointee.membarrier = 1
      try Ready.give(try Ready.pages(10))
      #expect(Ready.count >= 8)
      try Tunable.pageCache.set(0)
      try Ready.give([try Ready.page()])
      #expect(Ready.count == 0)
    }
  }

  /// Pages on a block that nobody uses, when the kernel begins to refuse: a slow path of that CPU takes them.
  @Test func pagesOfAnUnusedBlockAreLeftOver() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() || anax_state().pointee.rung != UInt64(ANAX_RUNG_B) { return }
      try Ready.give(try Ready.pages(12))
      let left = Ready.count
      #expect(CPUBlocks.lockStacks(0))
      Reclaim.everything()
      CPUBlocks.unlockStacks(0)
      #expect(left >= 8 && Ready.count == left)
      anax_state().pointee.membarrier = 0
      Ticks.tick()
      #expect(Ready.count == left && anax_state().pointee.left_overs == 1)
      let blocks = (0..<2000).map { _ in Heap.allocate(1000) }
      #expect(Ready.count == 0)
      for block in blocks { Heap.free(block) }
      Live.checkCounts()
    }
  }

  /// As in a child whose parent was draining when it forked.
  @Test func aStackThatWasLeftClosedIsOpenedAgain() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.give(try Ready.pages(10))
      let cpu = (0..<Int(anax_state().pointee.block_count)).first { CacheCensus.isOpen($0) }!
      PageDrain.forBoth(cpu) { _, stack, _ in stack.close() }
      let before = Ready.count
      try Ready.give(try Ready.pages(10))
      #expect(Ready.count == before, "the CPU does without")
      Ticks.tick()
      try Ready.give(try Ready.pages(10))
      #expect(Ready.count > 0)
      _ = Ticks.purge()
      Ready.checkNothingIsOut()
    }
  }

  /// It neither claims eight pages and gives back seven, nor says of pages freed a while ago that they are old.
  @Test func aClosedStackChangesNothingForOthers() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      let run = Live.allocate(64, aligned: true)
      let rest = try Ready.pages(1)
      try Ready.give(rest)
      PageDrain.everything()
      Pages.release(page: run.page, count: 64)
      let stack = try #require(CPUBlocks.partHere()).words
      PageStack(part: stack).close()
      let recent = PageBitmap.recentWord(run.page / 64).loadRelaxed()
      #expect(recent == ~0)
      let news = PageSearch.bound(chunk: run.page / 512).loadRelaxed()
      let claimed = Live.claimed
      let taken = try Ready.page()
      #expect(Live.claimed == claimed + 1 && Ready.count == 0)
      #expect(PageSearch.bound(chunk: run.page / 512).loadRelaxed() == news, "nothing was given back")
      #expect(PageBitmap.recentWord(run.page / 64).loadRelaxed() == recent)
      try Ready.give([taken])
      #expect(Live.claimed == claimed && Ready.count == 0)
      PageStack(part: stack).open()
      try Ready.give(try Ready.pages(3))
      #expect(Ready.count > 0)
    }
  }

  /// What was claimed for the stack and found no room there is as old as it was.
  @Test func whatIsGivenBackUnusedKeepsItsAge() async {
    await #expect(processExitsWith: .success) {
      Live.start()
      let run = Live.allocate(64, aligned: true)
      Pages.release(page: run.page, count: 64)
      for (age, recent) in [(PageReturn.Age.unchanged, 0xf0), (.fresh, 0xff), (.old, 0)] as [(PageReturn.Age, UInt64)] {
        let word = run.page / 64
        PageBitmap.recentWord(word).storeRelaxed(0xf0)
        #expect(PageBitmap.claim(page: run.page, count: 8))
        AtomicWord(anax_node_claimed_pages(Live.node)).add(8)
        AtomicWord(anax_node_dirty_pages(Live.node)).subtract(8)
        var back = PageReturn(age)
        back.add(word: word, 0xff, zero: 0)
        back.end()
        #expect(PageBitmap.recentWord(word).loadRelaxed() & 0xff == recent)
        #expect(back.count == 8)
      }
      Live.checkCounts()
    }
  }

  /// Of a CPU's two stacks one may be in use while the other, of a block that was swapped out, is not.
  @Test func ticksTellTheTwoStacksOfACPUApart() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() || anax_state().pointee.rung != UInt64(ANAX_RUNG_B) { return }
      try Ready.give(try Ready.pages(12))
      let left = Ready.count
      // Somebody is at the CPU's stacks while its block is taken back: the lists go, the pages stay.
      #expect(CPUBlocks.lockStacks(0))
      Reclaim.everything()
      #expect(Ready.count == left)
      CPUBlocks.unlockStacks(0)
      try Ready.give(try Ready.pages(4))
      let used = Ready.count - left
      #expect(used > 0)
      Ticks.tick()
      try Ready.give([try Ready.page()])
      #expect(Ready.count == left + used)
      Ticks.tick()
      #expect(Ready.count == used, "those in the block that nobody uses went back, the others are in use")
      Ticks.tick()
      #expect(Ready.count == 0)
      _ = Ticks.purge()
      Ready.checkNothingIsOut()
    }
  }

  /// Zones at their limit and purges need the lists of a CPU whose pages are being taken.
  @Test func whileADrainIsOnItsWayListsAreTakenBack() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() || anax_state().pointee.rung != UInt64(ANAX_RUNG_B) { return }
      for block in (0..<40).map({ _ in Heap.allocate(1000) }) { Heap.free(block) }
      try Ready.give(try Ready.pages(12))
      let zone = SizeClasses.number(forSize: 1000)
      func cached() -> UInt64 {
        CacheCensus.items(node: 0, zone: zone, room: UInt64((anax_state().pointee.zones! + zone).pointee.list_limit))
      }
      #expect(cached() > 0)
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        if number == anax_sys_membarrier, !Drains.isNested {
          Drains.isNested = true
          Reclaim.everything()
        }
        return anax_system_call(number, a, b, c, d, e, f)
      }
      let outcome = PageDrain.everything()
      anax_state().pointee.fake_kernel = nil
      #expect(Drains.isNested && outcome.pages > 0)
      #expect(cached() == 0, "the drain kept them from being taken")
      _ = Ticks.purge()
      Ready.checkNothingIsOut()
    }
  }

  @Test func whoFindsAnotherAtItIsTold() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() || anax_state().pointee.rung != UInt64(ANAX_RUNG_B) { return }
      try Ready.give(try Ready.pages(12))
      Ready.expectBusyWhileLocked()
    }
  }

  /// The parent was draining when it forked: in the child nobody is.
  @Test func aChildDrainsWhatItsParentWasDraining() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.give(try Ready.pages(12))
      #expect(Ready.count > 0)
      Ready.expectAChildDrains(atLeast: 1) { try Ready.pages(20) }
    }
  }

  /// The CPU whose pages they are need not run: it may be offline.
  @Test func pagesOfACPUThatNobodyRunsOnGoBack() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start(cpu: 1) || CPUBlocks.current() != 1 { return }
      let runs = try Ready.pages(8)
      for run in runs { Live.write(run, 1, 1) }
      try Ready.give(runs)
      OneCPU.stay(on: 0)
      let before = Ready.count
      #expect(before >= 8)
      Ticks.tick()
      Ticks.tick()
      Ready.checkNothingIsOut()
      for run in runs { #expect(!Ready.isResident(run.page)) }
    }
  }

  /// One page taken and given back again and again is no reason never to purge.
  @Test func aHeartbeatOfOnePageDoesNotKeepTheHelperFromPurging() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_PAGE_DECAY", "100", 1)
      #expect(Engine.ensureStarted())
      guard anax_state().pointee.membarrier == 1, let cpu = CPUBlocks.current() else { return }
      Thread { Helper.run() }.start()
      // Each CPU that it came to would have pages of its own.
      OneCPU.stay(on: cpu)
      try Ready.give([try Ready.page()])
      let start = Date()
      while AtomicWord(anax_state_reclaims(anax_state())).loadRelaxed() == 0, Date().timeIntervalSince(start) < 8 {
        usleep(5_000)
        try Ready.give([try Ready.page()])
      }
      #expect(AtomicWord(anax_state_reclaims(anax_state())).loadRelaxed() > 0)
    }
  }

  /// A silent program has its ready pages returned by the helper, also where that slept.
  @Test func theHelperReturnsReadyPages() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_PAGE_DECAY", "1000", 1)
      #expect(Engine.ensureStarted())
      Thread { Helper.run() }.start()
      for round in 0..<3 {
        let runs = try Ready.pages(8)
        for run in runs { Live.write(run, 1, 1) }
        try Ready.give(runs)
        if anax_state().pointee.membarrier == 1, CPUBlocks.current() != nil { #expect(Ready.count > 0) }
        let start = Date()
        while runs.contains(where: { Ready.isResident($0.page) }), Date().timeIntervalSince(start) < 8 {
          usleep(10_000)
        }
        // Two periods at most; a purge would come after four.
        #expect(Date().timeIntervalSince(start) < 3.6, "round \(round)")
        // In the last rounds it sleeps.
        while anax_state().pointee.helper & 2 == 0, Date().timeIntervalSince(start) < 10 { usleep(10_000) }
        #expect(anax_state().pointee.helper & 2 == 2)
      }
    }
  }
}
