// SPDX-License-Identifier: Apache-2.0
// Ready runs can be had back from anywhere, as ready pages can (PageDrainTests): by ticks, by a purge, before a request
// is refused, and beside others who do the same.

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

@Suite struct RunDrainTests {
  @Test func aPurgeTakesTheRunsOfAllCPUs() async {
    await #expect(processExitsWith: .success) {
      let allowed = try #require(Kernel.affinity())
      if !Ready.start() { return }
      let cpus = (0..<4).filter { allowed.contains($0) }
      for cpu in cpus {
        OneCPU.stay(on: cpu)
        try Ready.startRow()
      }
      _ = Ticks.purge()
      for cpu in cpus {
        OneCPU.stay(on: cpu)
        let runs = try Ready.runs(2, 16)
        for run in runs { Live.write(run, 16, 1) }
        try Ready.give(runs)
      }
      // On rung A this thread may have one row wherever it is.
      let isByConcurrency = anax_state().pointee.rung == UInt64(ANAX_RUNG_A)
      #expect(Ready.count >= UInt64(32 * (isByConcurrency ? 1 : cpus.count)))
      #expect(PageCounters.readyDirty(node: 0) == Ready.count)
      _ = Ticks.purge()
      Ready.checkNothingIsOut()
      #expect(Live.dirty == 0)
    }
  }

  /// A run goes back one to two periods after it was freed, whatever its neighbors on the row are used for.
  @Test func ticksTakeWhatIsLeftAlone() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startRow()
      _ = Ticks.purge()
      let runs = try Ready.runs(2, 5) + [try Ready.run(9)]
      for run in runs { Live.write(run, 5, 1) }
      try Ready.give(runs)
      #expect(Ready.count == 19)
      Ticks.tick()
      #expect(Ready.count == 19, "they were given back since the tick before")
      try Ready.give([try Ready.run(9)])
      Ticks.tick()
      #expect(Ready.count == 9, "the one that is in use stays")
      for run in runs.prefix(2) { #expect(!Ready.isResident(run.page)) }
      #expect(Ready.isResident(runs[2].page))
      Ticks.tick()
      Ready.checkNothingIsOut()
      for run in runs { #expect(!Ready.isResident(run.page)) }
    }
  }

  @Test func aKernelThatStopsNoSectionsLosesNothing() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startRow()
      try Ready.give(try Ready.runs(2, 15))
      let before = Ready.count
      #expect(before >= 30)
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        number == anax_sys_membarrier ? Int(-EPERM) : anax_system_call(number, a, b, c, d, e, f)
      }
      let outcome = PageDrain.everything()
      #expect(outcome.pages == 0 && !outcome.isBusy)
      anax_state().pointee.fake_kernel = nil
      #expect(Ready.count == before && anax_state().pointee.membarrier == 0)
      // They go with the next run given back here, and nothing is kept any more.
      try Ready.give(try Ready.runs(5, 15))
      #expect(RunCache.room == 0 && Ready.count == 0, "nobody could have them back from another CPU")
      // Or by a tick.
      anax_state().pointee.membarrier = 1
      try Ready.give(try Ready.runs(2, 15))
      #expect(Ready.count >= 30)
      anax_state().pointee.membarrier = 0
      Ticks.tick()
      #expect(Ready.count == 0)
      Live.checkCounts()
    }
  }

  /// Whichever of the two a CPU gives back when nothing is kept any more, both go.
  @Test func aPageGivenBackTakesTheRunsWithItAndTheOtherWayRound() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startRow()
      for count in [1, 5, 64] as [UInt64] {
        let last = try Ready.run(count)
        try Ready.give(try Ready.runs(2, 15) + Ready.pages(10))
        #expect(Ready.count >= 38)
        anax_state().pointee.membarrier = 0
        try PageRequest.release(page: last.page)
        #expect(Ready.count == 0, "\(count) pages were given back")
        Ready.checkNothingIsOut()
        anax_state().pointee.membarrier = 1
      }
    }
  }

  /// What lies ready is free and dirty: somebody must look after it.
  @Test func aRunOrPageThatIsLaidReadyWakesTheHelper() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startRow()
      try Ready.give(try Ready.pages(10))
      try Ready.startColors()
      for count in [0, 1, 5] as [UInt64] {
        let run = count == 0 ? try Ready.colored(20) : try Ready.run(count)
        let before = Ready.count
        try Ready.expectWakesTheHelper { try PageRequest.release(page: run.page) }
        #expect(Ready.count == before + max(count, 1), "\(count) pages")
      }
    }
  }

  /// The words of the row would be strips of user zones, if these had strips.
  @Test func aPurgeTakesNoRowForAStrip() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      let zones = try (0..<60).map { _ in
        try "user".withCString {
          try ZoneRegistry.create(
            name: UnsafeRawPointer($0).assumingMemoryBound(to: UInt8.self), nameCount: 4, size: 96, alignment: 16,
            limit: 0, systemReserve: 0, interruptReserve: 0)
        }
      }
      let words = zones.map { Int($0.id) | Int(ANAX_ZONE_STRIP) }
      let row = Int(ANAX_WORD_RUN_ROW)
      #expect(words.contains(row) && words.contains(row + Int(ANAX_RUN_ROW_SLOTS)))
      #expect(words.contains(Int(ANAX_WORD_COLOR_ROW)) && words.contains(Int(ANAX_WORD_COLOR_SLOTS)))
      try Ready.startRow()
      try Ready.startColors()
      let claimed = Live.claimed
      let colored = try Ready.coloredPages(0..<8)
      try Ready.give(try Ready.runs(40, 2))
      try Ready.give(colored)
      #expect(Ready.count >= 32 && Ready.colors > 0)
      for zone in zones { #expect(CacheCensus.items(node: 0, zone: zone.id, room: 64) == 0) }
      // The block in use has its row still when the pages are out: both blocks of the CPU come by.
      for _ in 0..<2 {
        Reclaim.everything()
        let row = RunRow(part: try #require(CPUBlocks.partHere()).words)
        if !row.isNone { #expect(row.isOpen) }
        try Ready.give(try Ready.runs(40, 2))
        #expect(Ready.count >= 32)
        let rows = [0, 1].map { RunRow(cpu: 0, which: $0) }
        #expect(rows.allSatisfy { $0.isNone || $0.isOpen })
      }
      _ = Ticks.purge()
      #expect(Ready.count == 0 && Live.claimed <= claimed)
      Live.checkCounts()
    }
  }

  /// Runs on a block that nobody uses, when the kernel begins to refuse: a slow path of that CPU takes them.
  @Test func runsOfAnUnusedBlockAreLeftOver() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() || anax_state().pointee.rung != UInt64(ANAX_RUNG_B) { return }
      try Ready.startRow()
      _ = Ticks.purge()
      try Ready.give(try Ready.runs(2, 15))
      #expect(CPUBlocks.lockStacks(0))
      Reclaim.everything()
      CPUBlocks.unlockStacks(0)
      #expect(Ready.count == 30)
      anax_state().pointee.membarrier = 0
      Ticks.tick()
      #expect(Ready.count == 30 && anax_state().pointee.left_overs == 1)
      let blocks = (0..<2000).map { _ in Heap.allocate(1000) }
      #expect(Ready.count == 0)
      for block in blocks { Heap.free(block) }
      Live.checkCounts()
    }
  }

  /// As in a child whose parent was draining when it forked.
  @Test func aRowThatWasLeftClosedIsOpenedAgain() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startRow()
      try Ready.give(try Ready.runs(2, 15))
      let cpu = (0..<Int(anax_state().pointee.block_count)).first { CacheCensus.isOpen($0) }!
      PageDrain.forBoth(cpu) { _, _, row in row.close() }
      let before = Ready.count
      try Ready.give(try Ready.runs(5, 15))
      #expect(Ready.count == before, "the CPU does without")
      Ticks.tick()
      try Ready.give(try Ready.runs(2, 15))
      #expect(Ready.count >= 30 && PageDrain.everything().pages >= 30)
      _ = Ticks.purge()
      Ready.checkNothingIsOut()
    }
  }

  /// No slot is tried, nor one in eight counted.
  @Test func aClosedRowIsLeftAlone() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startRow()
      try Ready.give(try Ready.runs(40, 2))
      let row = RunRow(part: try #require(CPUBlocks.partHere()).words)
      let other = try Ready.runs(9, 5)
      row.close()
      let turns = row.turns.loadRelaxed()
      let before = Ready.count
      try Ready.give(other)
      #expect(row.turns.loadRelaxed() == turns && Ready.count == before)
      row.open()
      try Ready.give(try Ready.runs(9, 5))
      #expect(row.turns.loadRelaxed() > turns)
    }
  }

  /// The parent was draining when it forked: in the child nobody is.
  @Test func aChildDrainsWhatItsParentWasDraining() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startRow()
      try Ready.give(try Ready.runs(2, 15))
      #expect(Ready.count >= 30)
      Ready.expectAChildDrains(atLeast: 30) { try Ready.runs(2, 15) }
    }
  }

  @Test func whoFindsAnotherAtItIsTold() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() || anax_state().pointee.rung != UInt64(ANAX_RUNG_B) { return }
      try Ready.startRow()
      try Ready.give(try Ready.runs(2, 15))
      Ready.expectBusyWhileLocked()
    }
  }

  /// The last pages of a region lie ready on another CPU, as runs.
  @Test func beforeARequestIsRefusedOtherCPUsGiveTheirs() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_HEAP_RESERVE", "67108864", 1)
      if !Ready.start() || anax_state().pointee.cpu_count < 2 { return }
      try Ready.startRow()
      try Ready.give(try Ready.runs(2, 15))
      #expect(Ready.count >= 30)
      Ready.expectTheOtherCPUGetsAll()
      #expect(throws: PageFailure.self) { _ = try Ready.run(2) }
    }
  }

  /// A silent program has its ready runs returned by the helper, and one run again and again does not keep it from
  /// that.
  @Test func theHelperReturnsReadyRuns() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_PAGE_DECAY", "1000", 1)
      #expect(Engine.ensureStarted())
      Thread { Helper.run() }.start()
      if anax_state().pointee.membarrier == 1, CPUBlocks.current() != nil { try Ready.startRow() }
      for _ in 0..<2 {
        let runs = try Ready.runs(2, 15)
        for run in runs { Live.write(run, 15, 1) }
        try Ready.give(runs)
        let start = Date()
        while runs.contains(where: { Ready.isResident($0.page) }), Date().timeIntervalSince(start) < 8 {
          usleep(10_000)
        }
        // Two periods at most; a purge would come after four.
        #expect(Date().timeIntervalSince(start) < 3.6)
      }
    }
  }
}
