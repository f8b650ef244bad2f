// SPDX-License-Identifier: Apache-2.0
// Single pages that lie ready on CPUs: what is known of them, how many there may be, and that they can be had back from anywhere.
// Each case is a process of its own; where there are no such caches (rung D, no membarrier) most have nothing to show.

import CAnax
import Foundation
import Heap
import LockFree
import Machine
import PerCPU
import Testing

@testable import Pages

private enum Ready {
  /// A live engine and this thread on one CPU. False: there are no caches here.
  static func start(cpu: Int = 0) -> Bool {
    Live.start()
    stay(on: cpu)
    return anax_state().pointee.membarrier == 1 && CPUBlocks.current() != nil
  }

  static func stay(on cpu: Int) {
    var mask: UInt64 = 1 << UInt64(cpu)
    _ = withUnsafePointer(to: &mask) { Kernel.call(Int(SYS_sched_setaffinity), 0, 8, Int(bitPattern: $0)) }
  }

  static func page(_ placement: PagePlacement = .local) throws -> PageRun {
    try PageRequest.allocate(count: 1, alignment: 1, placement: placement, zeroed: false, .normal)
  }

  static func pages(_ count: Int) throws -> [PageRun] { try (0..<count).map { _ in try page() } }

  static func give(_ runs: [PageRun]) throws { for run in runs { try PageRequest.release(page: run.page) } }

  static var count: UInt64 { PageCounters.ready(node: 0).pages }

  static func isResident(_ page: UInt64) -> Bool {
    var state: UInt8 = 0
    return mincore(UnsafeMutableRawPointer(bitPattern: UInt(Region.address(ofPage: page))), 1, &state) == 0
      && state & 1 == 1
  }

  /// What must hold when all is given back and drained.
  static func checkNothingIsOut() {
    #expect(count == 0 && Live.claimed == 0)
    Live.checkCounts()
  }
}

@Suite struct PageCacheTests {
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

  @Test func aPurgeTakesThePagesOfAllCPUs() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      for cpu in 0..<min(Int(anax_state().pointee.cpu_count), 4) {
        Ready.stay(on: cpu)
        let runs = try Ready.pages(12)
        for run in runs { Live.write(run, 1, 1) }
        try Ready.give(runs)
      }
      #expect(Ready.count >= 8)
      #expect(PageCounters.dirty(node: 0) >= Ready.count - PageCounters.ready(node: 0).zero)
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

  /// The last pages of a region lie ready on another CPU.
  @Test func beforeARequestIsRefusedOtherCPUsGiveTheirs() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_HEAP_RESERVE", "67108864", 1)
      if !Ready.start() { return }
      try Ready.give(try Ready.pages(30))
      let theirs = Ready.count
      #expect(theirs >= 8)
      Ready.stay(on: 1)
      let pages = Live.node.pointee.page_limit - Live.node.pointee.first_page
      var got: UInt64 = 0
      while Pages.allocate(node: 0, cpu: 1, count: 1) != nil { got += 1 }
      #expect(got == pages, "\(theirs) of \(pages) lay ready on another CPU")
      #expect(throws: PageFailure.self) { _ = try Ready.page() }
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

  @Test func aKernelThatStopsNoSectionsLosesNothing() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.give(try Ready.pages(10))
      let before = Ready.count
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        number == anax_sys_membarrier ? Int(-EPERM) : anax_system_call(number, a, b, c, d, e, f)
      }
      #expect(PageDrain.everything() == 0)
      anax_state().pointee.fake_kernel = nil
      #expect(Ready.count == before && anax_state().pointee.membarrier == 0)
      // They are served still; when they are out there are no more.
      for left in (0..<before).reversed() {
        _ = try Ready.page()
        #expect(Ready.count == left)
      }
      for run in try Ready.pages(40) { try PageRequest.release(page: run.page) }
      #expect(Ready.count <= 16)
      Live.checkCounts()
    }
  }

  /// As in a child whose parent was draining when it forked.
  @Test func aStackThatWasLeftClosedIsOpenedAgain() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.give(try Ready.pages(10))
      let cpu = (0..<Int(anax_state().pointee.block_count)).first { CacheCensus.isOpen($0) }!
      PageDrain.forEachStack(cpu) { $0.close() }
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

  /// Each page has one owner: who has it writes its name there, and finds it when the page goes back.
  @Test func noPageIsGivenTwice() async {
    await #expect(processExitsWith: .success) {
      Live.start()
      nonisolated(unsafe) let wrong = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
      wrong.initialize(to: 0)
      DispatchQueue.concurrentPerform(iterations: 6) { thread in
        var held: [PageRun] = []
        var random = UInt64(thread + 1) &* 0x9e37_79b9_7f4a_7c15
        for turn in 0..<40_000 as Range<UInt64> {
          random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
          if thread == 0, turn % 400 == 0 { _ = random >> 60 & 1 == 0 ? Ticks.purge() : PageDrain.everything() }
          if held.count < 48, random >> 40 & 1 == 0 || held.isEmpty {
            guard let run = try? Ready.page() else { continue }
            let word = UnsafeMutablePointer<UInt64>(bitPattern: UInt(run.address))!
            if run.zero, word.pointee != 0 { AtomicWord(wrong).add(1) }
            word.pointee = UInt64(thread + 1) << 32 | run.page
            held.append(run)
          } else {
            let run = held.remove(at: Int(random >> 33) % held.count)
            let word = UnsafeMutablePointer<UInt64>(bitPattern: UInt(run.address))!
            if word.pointee != UInt64(thread + 1) << 32 | run.page { AtomicWord(wrong).add(1) }
            word.pointee = 1
            if (try? PageRequest.release(page: run.page)) == nil { AtomicWord(wrong).add(1) }
          }
        }
        for run in held { try? PageRequest.release(page: run.page) }
      }
      #expect(wrong.pointee == 0)
      _ = Ticks.purge()
      Ready.checkNothingIsOut()
      #expect(Live.dirty == 0)
    }
  }
}
