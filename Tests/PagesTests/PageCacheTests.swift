// SPDX-License-Identifier: Apache-2.0
// Single pages that lie ready on CPUs: what is known of them, how many there may be, and that they can be had back from
// anywhere.
// Each case is a process of its own; where there are no such caches (rung D, no membarrier) most have nothing to show.

import CAnax
import Foundation
import Heap
import LockFree
import Machine
import PerCPU
import Testing

@testable import Pages

@Suite struct PageCacheTests {
  /// Else the other cases would have nothing to show.
  @Test func whereTheKernelCanStopSectionsPagesLieReady() async {
    await #expect(processExitsWith: .success) {
      Live.start()
      // MEMBARRIER_CMD_QUERY, and MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ.
      let commands = Kernel.call(anax_sys_membarrier, 0, 0, 0)
      if anax_state().pointee.rung == UInt64(ANAX_RUNG_D) || commands < 0 || commands & 128 == 0 { return }
      #expect(Ready.start())
      try Ready.give(try Ready.pages(10))
      #expect(Ready.count >= 8)
    }
  }

  @Test func whatIsFreedIsTakenNextWithoutTheNode() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      let first = try Ready.page()
      Live.write(first, 1, 1)
      try PageRequest.release(page: first.page)
      let counted = Live.claimed
      for _ in 0..<1000 {
        let run = try Ready.page()
        #expect(run.page == first.page && !run.zero)
        #expect(Live.claimed == counted && PageCounters.claimed(node: 0) == 1)
        try PageRequest.release(page: run.page)
        #expect(PageCounters.claimed(node: 0) == 0 && PageCounters.dirty(node: 0) >= 1)
      }
      _ = Ticks.purge()
      Ready.checkNothingIsOut()
    }
  }

  @Test func zeroIsKnownAndNothingIsWritten() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      // Fresh pages: not in memory before somebody writes, given back or not.
      let fresh = try Ready.pages(40)
      for run in fresh { #expect(run.zero && !Ready.isResident(run.page)) }
      try Ready.give(fresh)
      for run in fresh { #expect(!Ready.isResident(run.page), "to free a page is not to write to it") }
      // What was out may have been written to: it is not said to be zero again.
      let again = try Ready.pages(40)
      for run in again {
        #expect(!run.zero || !fresh.contains { $0.page == run.page })
        Live.write(run, 1, 0xaa)
      }
      try Ready.give(again)
      let mixed = try Ready.pages(100)
      for run in mixed where run.zero { #expect(Live.isZero(page: run.page, 1)) }
      #expect(mixed.contains { !$0.zero })
      for run in mixed { Live.write(run, 1, 0xbb) }
      try Ready.give(mixed)
      _ = Ticks.purge()
      for run in try Ready.pages(100) { #expect(run.zero && Live.isZero(page: run.page, 1)) }
    }
  }

  @Test func aCPUKeepsNoMoreThanItMay() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      for (most, floor, wanted) in [(16, 64 << 20, 16), (5, 64 << 20, 5), (64, 64 << 20, 64), (0, 64 << 20, 0)] {
        try Tunable.pageCache.set(Int64(most))
        try Tunable.pageKeepFloor.set(Int64(floor))
        try Ready.give(try Ready.pages(300))
        #expect(Ready.count <= UInt64(wanted) && Ready.count >= UInt64(wanted / 2))
        _ = Ticks.purge()
        Ready.checkNothingIsOut()
      }
      // All CPUs together keep no more than an eighth of the floor.
      try Tunable.pageCache.set(64)
      try Tunable.pageKeepFloor.set(Int64(anax_state().pointee.cpu_count * 8 * 3 * Live.pageBytes))
      try Ready.give(try Ready.pages(300))
      #expect(Ready.count <= 3)
      try Tunable.pageKeepFloor.set(0)
      _ = Ticks.purge()
      try Ready.give(try Ready.pages(300))
      #expect(Ready.count == 0 && Live.dirty == 0)
    }
  }

  @Test func withoutDecayNothingLiesReady() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_PAGE_DECAY", "0", 1)
      #expect(Engine.ensureStarted())
      let runs = try Ready.pages(100)
      for run in runs { Live.write(run, 1, 1) }
      try Ready.give(runs)
      for run in runs { #expect(!Ready.isResident(run.page)) }
      Ready.checkNothingIsOut()
    }
  }

  @Test func whatLiesReadyIsNotOfTheLimit() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      let runs = try Ready.pages(64)
      let used = PageCounters.claimed(node: 0) * Live.pageBytes
      #expect(used == 64 * Live.pageBytes)
      try Tunable.heapLimit.set(Int64(used))
      // The highest class may have all of it.
      func run(_ count: UInt64) throws -> PageRun {
        try PageRequest.allocate(count: count, alignment: 1, placement: .local, zeroed: false, .interrupt)
      }
      #expect(throws: PageFailure.self) { _ = try run(1) }
      try Ready.give(Array(runs.prefix(12)))
      #expect(Ready.count >= 6)
      #expect(throws: PageFailure.self) { _ = try run(13) }
      let twelve = try run(12)
      #expect(throws: PageFailure.self) { _ = try run(1) }
      try PageRequest.release(page: twelve.page)
    }
  }

  /// Claimed in the bitmap, and nobody's: whoever uses it is told so, as of every free page.
  @Test func aReadyPageIsNoRun() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      let run = try Ready.page()
      try PageRequest.hold(page: run.page)
      try PageRequest.release(page: run.page)
      let before = Ready.count
      #expect(throws: PageFailure.self, "held, and freed already") { try PageRequest.release(page: run.page) }
      try PageRequest.unhold(page: run.page)
      #expect(Ready.count == before + 1)
      #expect(throws: PageFailure.self) { try PageRequest.release(page: run.page) }
      #expect(throws: PageFailure.self) { try PageRequest.hold(page: run.page) }
      #expect(throws: PageFailure.self) { try PageRequest.unhold(page: run.page) }
      #expect(throws: PageFailure.self) { try PageRequest.unwire(page: run.page) }
      #expect(throws: PageFailure.self) { try PageRequest.discard(page: run.page) }
      #expect(throws: PageFailure.self) { try PageRequest.wire(page: run.page, lock: false) }
      // What the message of a free tells a free page by (Stop.notARun).
      #expect(Pages.isClaimed(run.page) && Run.at(page: run.page).loadRelaxed() & Run.freed != 0)
      #expect(try Ready.page().page == run.page)
    }
  }

  @Test func theCountersTellWhatCPUsTookAndGave() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() || anax_state().pointee.rung == UInt64(ANAX_RUNG_A) { return }
      try Ready.give(try Ready.pages(3))
      let taken = PageCounters.taken(onCPU: 0)
      let given = PageCounters.given(onCPU: 0)
      for round in 0..<5 {
        try Ready.give(try Ready.pages(100))
        if round == 2 { _ = Ticks.purge() }
        if round == 3 { PageDrain.everything() }
      }
      // Aborted sections lose some.
      #expect((490...500).contains(PageCounters.taken(onCPU: 0) - taken))
      #expect((490...500).contains(PageCounters.given(onCPU: 0) - given))
    }
  }

  /// A thread may be moved between what it counts and what it takes off again.
  @Test func countsNeverFallBelowZero() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() || anax_state().pointee.rung == UInt64(ANAX_RUNG_A) { return }
      try Ready.give(try Ready.pages(3))
      for word in [ANAX_WORD_PAGES_TAKEN, ANAX_WORD_PAGES_GIVEN] {
        while !CPUBlocks.add(UInt64(word), 0 &- 1000) {}
      }
      #expect(PageCounters.taken(onCPU: 0) == 0)
      #expect(PageCounters.given(onCPU: 0) == 0)
      try Ready.give(try Ready.pages(2000))
      #expect(PageCounters.taken(onCPU: 0) > 0)
    }
  }

  /// What lies ready is a part of what the floor lets be kept, not more than that.
  @Test func theFloorCountsReadyPages() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      let floor = 8 * 16 * anax_state().pointee.block_count * Live.pageBytes
      try Tunable.pageKeepFloor.set(Int64(floor))
      try Tunable.pageKeep.set(0)
      let runs = try Ready.pages(Int(floor / Live.pageBytes) * 2)
      for run in runs { Live.write(run, 1, 1) }
      // Up to the cap, one by one.
      for run in runs {
        try PageRequest.release(page: run.page)
        #expect(PageCounters.dirty(node: 0) * Live.pageBytes <= floor)
      }
      #expect(Ready.count >= 8 && PageCounters.dirty(node: 0) * Live.pageBytes >= floor / 2)
    }
  }

  /// Blocks of one page, as there are where a page is larger than the largest class.
  @Test func aLargeBlockOfOnePageIsTakenFromThere() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.expectALargeBlockIsReady(bytes: Live.pageBytes - 96)
    }
  }

  @Test func noPageIsGivenTwice() async {
    await #expect(processExitsWith: .success) {
      Live.start()
      Ready.expectOneOwnerEach { _ in
        if let run = Ready.quickRun(1) { try? PageRequest.release(page: run.page) }
      } take: { _ in
        try? Ready.page()
      }
    }
  }
}
