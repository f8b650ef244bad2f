// SPDX-License-Identifier: Apache-2.0
// Short runs that lie ready on a CPU. Each case is a process of its own; where there are none (rung D, no membarrier)
// most have nothing to show.

import CAnax
import Foundation
import Heap
import LockFree
import Machine
import PerCPU
import Testing

@testable import Pages

extension Ready {
  static func run(
    _ count: UInt64, alignment: UInt64 = 1, placement: PagePlacement = .local, zeroed: Bool = false,
    _ requestClass: RequestClass = .normal
  ) throws -> PageRun {
    try PageRequest.allocate(
      count: count, alignment: alignment, placement: placement, zeroed: zeroed, requestClass)
  }

  /// For signal handlers: nothing is thrown that needs memory.
  static func quickRun(_ count: UInt64) -> PageRun? {
    try? PageRequest.allocate(count: count, alignment: 1, placement: .local, zeroed: false, .normal)
  }

  static func runs(_ number: Int, _ count: UInt64) throws -> [PageRun] { try (0..<number).map { _ in try run(count) } }

  /// The CPU has its row from now on, and a run of two pages on it.
  static func startRow() throws {
    try startBoth {
      let run = try run(2)
      let before = count
      try PageRequest.release(page: run.page)
      return count > before
    }
  }
}

@Suite struct RunCacheTests {
  @Test func whatACPUFreesItTakesNext() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startRow()
      _ = Ticks.purge()
      for count in 2...64 as ClosedRange<UInt64> {
        let first = try Ready.run(count)
        Live.write(first, count, 1)
        try PageRequest.release(page: first.page)
        let counted = Live.claimed
        for _ in 0..<100 {
          let run = try Ready.run(count)
          #expect(run.page == first.page && !run.zero)
          #expect(Live.claimed == counted && PageCounters.claimed(node: 0) == count)
          try PageRequest.release(page: run.page)
          #expect(PageCounters.claimed(node: 0) == 0 && PageCounters.dirty(node: 0) >= count)
        }
        #expect(Ready.count >= count)
        _ = Ticks.purge()
        Ready.checkNothingIsOut()
        #expect(Live.dirty == 0)
      }
      // Longer ones go the other way, also where there would be room: an entry has eight bits for a length.
      try Tunable.pageCache.set(64)
      #expect(RunCache.room == 256 && RunCache.longest < 256)
      for count in [65, 128, 255, 256] as [UInt64] {
        try Ready.give([try Ready.run(count)])
        Ready.checkNothingIsOut()
      }
    }
  }

  @Test func zeroedMeansZeroAndNothingIsWritten() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startRow()
      let run = try Ready.run(4)
      #expect(run.zero)
      try PageRequest.release(page: run.page)
      #expect(Ready.count >= 4 && !Ready.isResident(run.page), "to free a run is not to write to it")
      let again = try Ready.run(4)
      #expect(again.page == run.page && !again.zero, "what was out may have been written to")
      Live.write(again, 4, 0xaa)
      try PageRequest.release(page: run.page)
      let zeroed = try Ready.run(4, zeroed: true)
      #expect(zeroed.page == run.page && zeroed.zero && Live.isZero(page: run.page, 4))
    }
  }

  @Test func aCPUKeepsNoMoreThanItMay() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startRow()
      func fill(_ counts: [UInt64]) throws {
        var runs: [PageRun] = []
        for count in counts { runs += try Ready.runs(40, count) }
        try Ready.give(runs)
      }
      for (cache, room) in [(16, 64), (5, 20), (64, 256), (0, 0)] as [(Int64, UInt64)] {
        try Tunable.pageCache.set(cache)
        #expect(RunCache.room == room)
        for count in 2...64 as ClosedRange<UInt64> {
          _ = Ticks.purge()
          try fill([count])
          let fitting = room >> UInt64(64 - (count - 1).leadingZeroBitCount)
          let slots = min(max(fitting / 2, fitting == 1 ? 1 : 0), 16)
          #expect(Ready.count == slots * count, "\(count) pages")
        }
        _ = Ticks.purge()
        for turn in 0..<20 as Range<UInt64> {
          try fill((2...64).map { ($0 * 37 + turn * 11) % 63 + 2 })
          #expect(Ready.count <= 2 * room)
        }
        // In each slot the longest that it may hold: that is what the bound is made for.
        _ = Ticks.purge()
        var filled: UInt64 = 0
        for count in [64, 32, 16, 8, 4, 2] as [UInt64] {
          let slots = RunCache.slots(count, room)
          try Ready.give(try Ready.runs(Int(max(slots, filled) - filled), count))
          filled = max(slots, filled)
        }
        #expect(Ready.count <= 2 * room && Ready.count >= room)
        if room == 64 { #expect(Ready.count == 64 + 16 + 2 * 8 + 4 * 4 + 8 * 2) }
        _ = Ticks.purge()
        Ready.checkNothingIsOut()
      }
      // All CPUs together keep no more than an eighth of the floor.
      try Tunable.pageCache.set(64)
      try Tunable.pageKeepFloor.set(Int64(anax_state().pointee.block_count * 16 * 8 * Live.pageBytes))
      #expect(RunCache.room >= 4 && RunCache.most <= UInt64(Tunable.pageKeepFloor.value) / 8)
      try fill(Array(2...64))
      #expect(Ready.count > 0 && Ready.count <= 16)
      try Tunable.pageKeepFloor.set(0)
      _ = Ticks.purge()
      try fill(Array(2...64))
      #expect(Ready.count == 0 && Live.dirty == 0)
    }
  }

  @Test func withoutDecayNothingLiesReady() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_PAGE_DECAY", "0", 1)
      #expect(Engine.ensureStarted())
      let runs = try Ready.runs(20, 5)
      for run in runs { Live.write(run, 5, 1) }
      try Ready.give(runs)
      for run in runs { #expect(!Ready.isResident(run.page)) }
      Ready.checkNothingIsOut()
    }
  }

  /// Lengths that nobody asks for any more give way to those that come.
  @Test func whatIsNotAskedForGivesWay() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startRow()
      try Ready.give(try Ready.runs(20, 2) + Ready.runs(20, 16))
      for count in [12, 7, 33, 64] as [UInt64] {
        let claimed = PageCounters.claimed(node: 0)
        // One in eight takes another's slot.
        let runs = try Ready.runs(8, count)
        try Ready.give(runs)
        #expect(PageCounters.claimed(node: 0) == claimed)
        let counted = Live.claimed
        let ready = try Ready.run(count)
        #expect(runs.contains { $0.page == ready.page } && Live.claimed == counted, "\(count) pages are ready")
        try PageRequest.release(page: ready.page)
        Live.checkCounts()
      }
      _ = Ticks.purge()
      Ready.checkNothingIsOut()
    }
  }

  /// Not more often: where lengths come at random nothing is gained by it.
  @Test func oneRunInEightTakesAnothersSlot() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startRow()
      try Ready.give(try Ready.runs(40, 2) + Ready.runs(20, 16))
      let row = RunRow(part: try #require(CPUBlocks.partHere()).words)
      func lying(_ count: UInt64) -> Int {
        (1...RunRow.slots).count { RunRow.count(row.slot($0).loadRelaxed()) == count }
      }
      #expect(lying(2) + lying(16) == 16 && RunCache.slots(5, RunCache.room) == 4)
      var others = try Ready.runs(32, 5)
      // Once more where that section was aborted.
      while lying(5) == 0, !others.isEmpty {
        try Ready.give(Array(others.prefix(8)))
        others.removeFirst(8)
        #expect(lying(5) <= 1)
      }
      #expect(lying(5) == 1)
      try Ready.give(others)
      _ = Ticks.purge()
      Ready.checkNothingIsOut()
    }
  }

  /// The epoch in an entry is eight bits of one that goes on counting.
  @Test func theEpochOfAnEntryIsNoPartOfItsPage() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startRow()
      _ = Ticks.purge()
      AtomicWord(anax_state_run_epoch(anax_state())).storeRelaxed(255)
      for _ in 0..<3 {
        Ticks.tick()
        // Pages of both parities.
        let runs = try Ready.runs(4, 5)
        #expect(Set(runs.map { $0.page & 1 }).count == 2)
        try Ready.give(runs)
        #expect(Ready.count == 20)
        let again = try Ready.runs(4, 5)
        #expect(Set(again.map(\.page)) == Set(runs.map(\.page)))
        try Ready.give(again)
      }
      _ = Ticks.purge()
      Ready.checkNothingIsOut()
    }
  }

  @Test func whatLiesReadyIsNotOfTheLimit() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startRow()
      let runs = try Ready.runs(8, 8)
      let used = PageCounters.claimed(node: 0) * Live.pageBytes
      #expect(used == 64 * Live.pageBytes)
      try Tunable.heapLimit.set(Int64(used))
      // The highest class may have all of it.
      #expect(throws: PageFailure.self) { _ = try Ready.run(2, .interrupt) }
      try Ready.give(Array(runs.prefix(3)))
      #expect(Ready.count >= 24)
      #expect(throws: PageFailure.self) { _ = try Ready.run(25, .interrupt) }
      let all = try Ready.run(24, .interrupt)
      #expect(throws: PageFailure.self) { _ = try Ready.run(1, .interrupt) }
      try PageRequest.release(page: all.page)
    }
  }

  /// Claimed in the bitmap, and nobody's: whoever uses it is told so, as of every free page.
  @Test func aReadyRunIsNoRun() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startRow()
      let run = try Ready.run(6)
      try PageRequest.hold(page: run.page)
      try PageRequest.release(page: run.page)
      let before = Ready.count
      #expect(throws: PageFailure.self, "held, and freed already") { try PageRequest.release(page: run.page) }
      try PageRequest.unhold(page: run.page)
      #expect(Ready.count == before + 6)
      for page in run.page..<run.page + 6 {
        #expect(throws: PageFailure.self) { try PageRequest.release(page: page) }
        #expect(throws: PageFailure.self) { try PageRequest.hold(page: page) }
        #expect(throws: PageFailure.self) { try PageRequest.unhold(page: page) }
        #expect(throws: PageFailure.self) { try PageRequest.unwire(page: page) }
        #expect(throws: PageFailure.self) { try PageRequest.discard(page: page) }
        #expect(throws: PageFailure.self) { try PageRequest.wire(page: page, lock: false) }
      }
      // What the message of a free tells a free page by (Stop.notARun).
      #expect(Pages.isClaimed(run.page) && Run.at(page: run.page).loadRelaxed() & Run.freed != 0)
      #expect(try Ready.run(6).page == run.page)
    }
  }

  /// Requests with a wish go to the bitmaps, which know of places.
  @Test func wishesAreKept() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startRow()
      let runs = [try Ready.run(3)] + (try Ready.runs(2, 16))
      try Ready.give(runs)
      #expect(runs.dropFirst().contains { $0.page % 16 != 0 })
      let before = Ready.count
      for _ in 0..<8 {
        let aligned = try Ready.run(16, alignment: 16)
        #expect(aligned.address % (16 * Live.pageBytes) == 0)
        let placed = try Ready.run(16, placement: .node(0))
        #expect(!runs.contains { $0.page == aligned.page || $0.page == placed.page })
      }
      #expect(Ready.count == before)
    }
  }

  @Test func theCountersTellWhatCPUsTookAndGave() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() || anax_state().pointee.rung == UInt64(ANAX_RUNG_A) { return }
      try Ready.startRow()
      let taken = PageCounters.taken(onCPU: 0)
      let given = PageCounters.given(onCPU: 0)
      for round in 0..<5 as Range<UInt64> {
        // More than may lie ready, of two lengths that displace each other.
        try Ready.give(try Ready.runs(20, 9 + round % 2))
        if round == 2 { _ = Ticks.purge() }
        if round == 3 { PageDrain.everything() }
      }
      // Aborted sections lose some.
      #expect((900...940).contains(PageCounters.taken(onCPU: 0) - taken))
      #expect((900...940).contains(PageCounters.given(onCPU: 0) - given))
    }
  }

  /// What lies ready is a part of what the floor lets be kept, not more than that.
  @Test func theFloorCountsReadyRuns() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      let blocks = anax_state().pointee.block_count
      let floor = 16 * 64 * UInt64(Int(blocks).nextPowerOfTwo) * Live.pageBytes
      try Tunable.pageKeepFloor.set(Int64(floor))
      try Tunable.pageKeep.set(0)
      let runs = try Ready.runs(Int(floor / Live.pageBytes) / 8, 16)
      for run in runs { Live.write(run, 16, 1) }
      for run in runs {
        try PageRequest.release(page: run.page)
        #expect(PageCounters.dirty(node: 0) * Live.pageBytes <= floor)
      }
      #expect(
        Purge.floor == floor - (16 + 2 * 64 + PageQueue.share) * blocks * Live.pageBytes,
        "16 pages, twice the room of runs, and a page for each color")
      #expect(Ready.count == 32 && PageCounters.dirty(node: 0) * Live.pageBytes >= floor / 2)
    }
  }

  /// malloc's large blocks are runs too.
  @Test func aLargeBlockIsTakenFromThere() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startRow()
      try Ready.expectALargeBlockIsReady(bytes: 16 * Live.pageBytes)
    }
  }

  /// Each run has one owner: who has it writes its name on all its pages, and finds it there when the run goes back.
  @Test func noRunIsGivenTwice() async {
    await #expect(processExitsWith: .success) {
      Live.start()
      nonisolated(unsafe) let wrong = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
      wrong.initialize(to: 0)
      Ready.besideDrains { _ in
        if let run = Ready.quickRun(2) { try? PageRequest.release(page: run.page) }
        if let run = Ready.quickRun(5) { try? PageRequest.release(page: run.page) }
      } _: { thread in
        var held: [(run: PageRun, count: UInt64)] = []
        func words(_ run: PageRun, _ count: UInt64) -> [UnsafeMutablePointer<UInt64>] {
          (0..<count).map { UnsafeMutablePointer(bitPattern: UInt(run.address + $0 * Live.pageBytes))! }
        }
        func turn(_ random: UInt64) {
          if held.count < 16, random >> 40 & 1 == 0 || held.isEmpty {
            // A few lengths often, all of them sometimes.
            let count = random >> 30 & 7 == 0 ? random >> 20 % 64 + 1 : [1, 2, 3, 9][Int(random >> 24 & 3)]
            guard let run = try? Ready.run(count) else { return }
            for word in words(run, count) {
              if run.zero, word.pointee != 0 { AtomicWord(wrong).add(1) }
              word.pointee = thread << 32 | run.page
            }
            held.append((run, count))
          } else {
            let (run, count) = held.remove(at: Int(random >> 33) % held.count)
            for word in words(run, count) {
              if word.pointee != thread << 32 | run.page { AtomicWord(wrong).add(1) }
              word.pointee = 1
            }
            if (try? PageRequest.release(page: run.page)) == nil { AtomicWord(wrong).add(1) }
          }
        }
        return (turn, { for (run, _) in held { try? PageRequest.release(page: run.page) } })
      }
      #expect(wrong.pointee == 0)
    }
  }
}
