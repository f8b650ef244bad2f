// SPDX-License-Identifier: Apache-2.0
// Decay, zero knowledge and the cap on a live engine, each in a process of its own.

import CAnax
import Foundation
import Heap
import LockFree
import Machine
import Testing

@testable import Pages

@Suite struct PurgeTests {
  @Test func aFreedPageSurvivesOneSweepAndIsGoneAfterTwo() async {
    await #expect(processExitsWith: .success) {
      Live.start()
      let run = Live.allocate(8)
      #expect(run.zero && Live.isZero(page: run.page, 8), "fresh pages are zero")
      Live.write(run, 8, 0xaa)
      Pages.release(page: run.page, count: 8)
      let dirty = Live.dirty
      #expect(dirty >= 8)
      #expect(Purge.sweep(node: Live.node, all: false, downTo: 0) == 0)
      #expect(Live.touched(run.page) && !Live.isZero(page: run.page, 8), "kept for one sweep")
      #expect(Purge.sweep(node: Live.node, all: false, downTo: 0) == dirty)
      #expect(!Live.touched(run.page) && Live.isZero(page: run.page, 8))
      #expect(Live.dirty == 0)
      Live.checkCounts()
      let again = Live.allocate(8)
      #expect(again.page == run.page && again.zero)
    }
  }

  @Test func aDirtyPageIsNeverSaidToBeZero() async {
    await #expect(processExitsWith: .success) {
      Live.start()
      let run = Live.allocate(4)
      Live.write(run, 4, 0xbb)
      Pages.release(page: run.page, count: 4)
      let again = Live.allocate(4)
      #expect(again.page == run.page && !again.zero)
      // One dirty page of many is enough.
      Pages.release(page: again.page, count: 4)
      _ = Purge.sweep(node: Live.node, all: true, downTo: 0)
      let one = Live.allocate(1)
      Live.write(one, 1, 0xcc)
      Pages.release(page: one.page, count: 1)
      let mixed = Live.allocate(8)
      #expect(mixed.page <= one.page && one.page < mixed.page + 8 && !mixed.zero)
      Live.checkCounts()
    }
  }

  @Test func sweepingAllSparesWhatIsInUse() async {
    await #expect(processExitsWith: .success) {
      Live.start()
      let runs = (0..<200).map { _ in Live.allocate(3) }
      for run in runs { Live.write(run, 3, 0x5a) }
      for (index, run) in runs.enumerated() where index % 2 == 0 { Pages.release(page: run.page, count: 3) }
      #expect(Purge.sweep(node: Live.node, all: true, downTo: 0) == 300)
      for (index, run) in runs.enumerated() {
        let zero = Live.isZero(page: run.page, 3)
        #expect(zero == (index % 2 == 0))
      }
      Live.checkCounts()
    }
  }

  @Test func theCapHoldsWithoutASweep() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_PAGE_KEEP_FLOOR", "1048576", 1)
      setenv("ANAX_VM_PAGE_KEEP", "0", 1)
      Live.start()
      let runs = (0..<64).map { _ in Live.allocate(64) }
      for run in runs { Live.write(run, 64, 1) }
      for run in runs {
        Pages.release(page: run.page, count: 64)
        #expect(Live.dirty * Live.pageBytes <= 1_048_576)
        #expect(Live.dirty * Live.pageBytes <= Purge.allowance(node: Live.node))
      }
      Live.checkCounts()
    }
  }

  @Test func theCapReturnsDownToSevenEighthsAndNoFurther() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_PAGE_KEEP_FLOOR", "8388608", 1)
      setenv("ANAX_VM_PAGE_KEEP", "0", 1)
      // Pages that may lie ready have no part of it.
      setenv("ANAX_VM_PAGE_CACHE", "0", 1)
      Live.start()
      let runs = (0..<256).map { _ in Live.allocate(16) }
      for run in runs { Live.write(run, 16, 1) }
      let returned = { AtomicWord(anax_node_purged_pages(Live.node)).loadRelaxed() }
      var sweeps = 0
      for run in runs {
        let before = returned()
        Pages.release(page: run.page, count: 16)
        let dirty = Live.dirty * Live.pageBytes
        #expect(dirty <= 8 << 20)
        if returned() == before { continue }
        sweeps += 1
        #expect(dirty == 7 << 20, "a sweep of the cap stops at seven eighths")
      }
      // 8 MiB are freed beyond the cap, a MiB a sweep.
      #expect(sweeps >= 7)
      Live.checkCounts()
    }
  }

  @Test func aHeapThatBreathesDeeperThanTheCapRaisesIt() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_PAGE_KEEP_FLOOR", "1048576", 1)
      setenv("ANAX_VM_PAGE_KEEP", "0", 1)
      // Pages that may lie ready have no part of it.
      setenv("ANAX_VM_PAGE_CACHE", "0", 1)
      Live.start()
      let returned = { AtomicWord(anax_node_purged_pages(Live.node)).loadRelaxed() }
      func breathe() -> UInt64 {
        let before = returned()
        let runs = (0..<12).map { _ in Live.allocate(64) }
        for run in runs { Live.write(run, 64, 1) }
        for run in runs { Pages.release(page: run.page, count: 64) }
        return returned() - before
      }
      // 3 MiB in and out: the first breaths lose pages, later ones none.
      #expect(breathe() > 0)
      for _ in 0..<3 { _ = breathe() }
      #expect(breathe() == 0)
      #expect(Purge.allowance(node: Live.node) <= 4 << 20)
      // The cap is its old self again when that was long ago, and never held more than four times itself.
      for _ in 0..<20 { Purge.forgetMissed(node: Live.node) }
      #expect(Purge.allowance(node: Live.node) == 1 << 20)
      let runs = (0..<64).map { _ in Live.allocate(64) }
      for run in runs { Live.write(run, 64, 1) }
      for run in runs {
        Pages.release(page: run.page, count: 64)
        #expect(Live.dirty * Live.pageBytes <= 4 << 20)
      }
      Live.checkCounts()
    }
  }

  @Test func withoutDecayPagesGoAtOnce() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_PAGE_DECAY", "0", 1)
      #expect(Engine.ensureStarted())
      let run = Live.allocate(5)
      Live.write(run, 5, 1)
      Pages.release(page: run.page, count: 5)
      #expect(Live.dirty == 0 && Live.isZero(page: run.page, 5))
      // Beyond the cap too.
      let more = UInt64(Tunable.pageKeepFloor.value) / Live.pageBytes + 512
      let large = Live.allocate(more)
      Live.write(large, more, 1)
      Pages.release(page: large.page, count: more)
      #expect(Live.dirty == 0)
    }
  }

  @Test func whatTheKernelDoesNotTakeStaysDirty() async {
    await #expect(processExitsWith: .success) {
      Live.start()
      let run = Live.allocate(16)
      Live.write(run, 16, 0xdd)
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        if number == anax_sys_madvise, c == Int(MADV_DONTNEED) { return Int(-EINVAL) }
        return anax_system_call(number, a, b, c, d, e, f)
      }
      Pages.release(page: run.page, count: 16)
      #expect(Purge.sweep(node: Live.node, all: true, downTo: 0) == 0, "nothing was returned")
      Live.checkCounts()
      let again = Live.allocate(16)
      #expect(again.page == run.page && !again.zero)
      Pages.release(page: again.page, count: 16)
      #expect(Purge.sweep(node: Live.node, all: true, downTo: 0) == 0)
      anax_state().pointee.fake_kernel = nil
      #expect(Purge.sweep(node: Live.node, all: true, downTo: 0) == 16, "it is tried again")
      #expect(Live.isZero(page: run.page, 16))
      Live.checkCounts()
    }
  }

  /// A tick asks again, and where the kernel agrees by then the cap holds again.
  @Test func aKernelThatTakesNothingIsNotAskedAtEveryRelease() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_PAGE_KEEP_FLOOR", "1048576", 1)
      setenv("ANAX_VM_PAGE_KEEP", "0", 1)
      Live.start()
      Refusal.everything()
      func breathe() {
        let runs = (0..<256).map { _ in Live.allocate(64) }
        for run in runs { Pages.release(page: run.page, count: 64) }
      }
      breathe()
      #expect(Refusal.calls > 0 && Refusal.calls <= 4, "\(Refusal.calls) calls")
      Live.checkCounts()
      Refusal.calls = 0
      breathe()
      #expect(Refusal.calls == 0)
      // One call for each of the 32 chunks, which age in the first tick.
      for _ in 0..<2 { Ticks.tick() }
      #expect(Refusal.calls > 0 && Refusal.calls <= 40, "\(Refusal.calls) calls")
      Refusal.end()
      breathe()
      #expect(Live.dirty * Live.pageBytes <= 1 << 20)
      Live.checkCounts()
    }
  }

  /// A page that its user left locked: the others go back, but for those of its chunk.
  @Test func onePageThatTheKernelRefusesKeepsOneChunk() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_PAGE_KEEP_FLOOR", "1048576", 1)
      setenv("ANAX_VM_PAGE_KEEP", "0", 1)
      Live.start()
      let runs = (0..<256).map { _ in Live.allocate(64) }
      Refusal.everything(with: runs.map(\.page).max()! + 63)
      for run in runs { Pages.release(page: run.page, count: 64) }
      #expect(Live.dirty <= 512 + 256)
      Live.checkCounts()
      for _ in 0..<2 { Ticks.tick() }
      #expect(Live.dirty <= 512 && Live.dirty > 0)
      Refusal.end()
      Ticks.tick()
      #expect(Live.dirty == 0)
      Live.checkCounts()
    }
  }

  @Test func sweepsAtTheSameTimeKeepTheCounts() async {
    await #expect(processExitsWith: .success) {
      Live.start()
      DispatchQueue.concurrentPerform(iterations: 4) { thread in
        for turn in 0..<300 as Range<UInt64> {
          let count = 1 + (turn * 7 + UInt64(thread)) % 40
          let run = Live.allocate(count)
          if run.zero, !Live.isZero(page: run.page, 1) { Issue.record("page \(run.page) is not zero") }
          Live.write(run, 1, 3)
          Pages.release(page: run.page, count: count)
          if turn % 3 == 0 { _ = Purge.sweep(node: Live.node, all: true, downTo: 0) }
        }
      }
      Live.checkCounts()
    }
  }
}

/// A kernel that takes no pages back, or not those around one.
enum Refusal {
  nonisolated(unsafe) static var calls = 0
  nonisolated(unsafe) static var address = 0

  static func everything(with page: UInt64? = nil) {
    address = page.map { Int(Region.address(ofPage: $0)) } ?? 0
    anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
      if number == anax_sys_madvise, c == Int(MADV_DONTNEED) {
        Refusal.calls += 1
        if Refusal.address == 0 || a <= Refusal.address && Refusal.address < a + b { return Int(-EINVAL) }
      }
      return anax_system_call(number, a, b, c, d, e, f)
    }
  }

  static func end() { anax_state().pointee.fake_kernel = nil }
}
