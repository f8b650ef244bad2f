// SPDX-License-Identifier: Apache-2.0
// The middle of a drain: what the CPU finds then, and what a signal handler does that forks there. Its child drains too
// and then returns to the drain that it interrupted, which goes on there: no page may be freed twice, and no lock be
// opened that is another's by then. The moment is between a look at what lies ready and its taking (FirstWrite).

import CAnax
import Foundation
import Heap
import LockFree
import Machine
import PerCPU
import Testing
import Zones

@testable import Pages

private enum Fork {
  nonisolated(unsafe) static var child: Int32 = -1
  /// What the drain in the child came to.
  nonisolated(unsafe) static var drained: UInt64 = 0

  /// Forks at the next drain's first write to this CPU's block, where so many pages lie ready. What the child says of
  /// its drain and of the one that goes on there; the parent's takes all.
  static func inADrain(ready: UInt64) throws {
    FirstWrite.watch(try #require(CPUBlocks.partHere()).words + Int(ANAX_WORD_PAGE_STACK)) {
      child = Ready.fork()
      if child == 0 { drained = PageDrain.everything().pages }
    }
    let outcome = PageDrain.everything()
    if child == 0 {
      if drained != ready || outcome.pages != 0 { _exit(1) }
      if Ready.count != 0 { _exit(2) }
      if !Live.areCountsRight { _exit(3) }
      _ = Ticks.purge()
      _exit(Live.claimed == 0 && Live.areCountsRight && !PageDrain.isBusy ? 0 : 4)
    }
    anax_state().pointee.fake_kernel = nil
    #expect(outcome.pages == ready && Ready.count == 0)
    var status: Int32 = -1
    #expect(child > 0 && waitpid(child, &status, 0) == child)
    #expect(status == 0, "the child says \(status >> 8), signal \(status & 127)")
    _ = Ticks.purge()
    Ready.checkNothingIsOut()
  }
}

@Suite struct MidDrainTests {
  @Test func aChildOfAHandlerTakesNoPageTwice() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.give(try Ready.pages(12))
      let ready = Ready.count
      #expect(ready >= 8)
      try Fork.inADrain(ready: ready)
    }
  }

  @Test func aChildOfAHandlerTakesNoRunTwice() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startRow()
      _ = Ticks.purge()
      try Ready.give(try Ready.runs(2, 15))
      #expect(Ready.count == 30)
      try Fork.inADrain(ready: 30)
    }
  }

  /// Until its pages are free in the bitmaps a CPU does without.
  @Test func whileItIsDrainedACPUTakesAndGivesNothing() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startRow()
      let (page, run) = (try Ready.page(), try Ready.run(15))
      try Ready.give(try Ready.pages(12) + Ready.runs(1, 15))
      let ready = Ready.count
      #expect(ready >= 23)
      Drains.prepare()
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        if number == anax_sys_membarrier, Drains.turn.add(1) == 0 {
          let part = CPUBlocks.partHere()!.words
          #expect(PageStack(part: part).isClosed && RunRow(part: part).isClosed)
          let before = Ready.count
          #expect(PageCache.take() == nil && RunCache.take(15) == nil)
          for run in Drains.given {
            #expect((try? PageRequest.release(page: run)) != nil)
            #expect(!Pages.isClaimed(run), "it is free at once")
          }
          #expect(Ready.count == before)
        }
        return anax_system_call(number, a, b, c, d, e, f)
      }
      Drains.given = [page.page, run.page]
      let outcome = PageDrain.everything()
      anax_state().pointee.fake_kernel = nil
      #expect(Drains.turn.loadAcquire() == 1 && outcome.pages == ready)
      Ready.checkNothingIsOut()
    }
  }

  /// A block that was swapped out: nobody uses it, but others must see that pages of it are on their way.
  @Test(arguments: [false, true])
  func whileABlockIsDrainedItIsSeenClosed(isRow: Bool) async {
    await #expect(processExitsWith: .success) { [isRow] in
      if !Ready.start() { return }
      try Ready.startRow()
      _ = Ticks.purge()
      try Ready.give(isRow ? try Ready.runs(2, 15) : try Ready.pages(12))
      let part = try #require(CPUBlocks.partHere()).words
      let (stack, row) = (PageStack(part: part), RunRow(part: part))
      let entry = Int(ANAX_WORD_PAGE_STACK_ENTRIES)
      let page = isRow ? RunRow.page(row.slot(1).loadRelaxed()) : PageCache.page(part[entry])
      Drains.prepare()
      FirstWrite.watch(anax_state().pointee.claimed! + Int(page / 64)) {
        Drains.turn.storeRelease(stack.isClosed && (row.isClosed || row.isNone) ? 1 : 2)
      }
      Reclaim.everything()
      anax_state().pointee.fake_kernel = nil
      #expect(Drains.turn.loadAcquire() == 1 && Ready.count == 0)
      #expect(!stack.isClosed && !row.isClosed)
      _ = Ticks.purge()
      Ready.checkNothingIsOut()
    }
  }

  /// By the time that its sections are stopped the CPU's lock is another thread's, as it may be in such a child.
  @Test func aDrainLeavesAloneWhatIsNotItsAnyMore() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startRow()
      try Ready.give(try Ready.pages(12) + Ready.runs(2, 15))
      let ready = Ready.count
      #expect(ready >= 38)
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        if number == anax_sys_membarrier { Drains.passLocksOn() }
        return anax_system_call(number, a, b, c, d, e, f)
      }
      Drains.prepare()
      let outcome = PageDrain.everything()
      anax_state().pointee.fake_kernel = nil
      #expect(Drains.turn.loadAcquire() == 1)
      #expect(outcome.pages == 0 && Ready.count == ready)
      #expect(Drains.lockIsAnothers)
      let part = try #require(CPUBlocks.partHere()).words
      #expect(PageStack(part: part).isClosed && RunRow(part: part).isClosed)
    }
  }

  /// The same before a reclaim has closed the first stack.
  @Test func aReclaimLeavesAloneWhatIsNotItsAnyMore() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startRow()
      try Ready.give(try Ready.pages(12) + Ready.runs(2, 15))
      let ready = Ready.count
      #expect(ready >= 38)
      let part = try #require(CPUBlocks.partHere()).words
      Drains.prepare()
      FirstWrite.watch(part + Int(ANAX_WORD_PAGE_STACK)) { Drains.passLocksOn() }
      Reclaim.everything()
      anax_state().pointee.fake_kernel = nil
      #expect(Drains.turn.loadAcquire() == 1)
      #expect(Ready.count == ready)
      #expect(PageStack(part: part).isClosed && RunRow(part: part).isClosed)
      #expect(Drains.lockIsAnothers)
    }
  }

  /// The same when a reclaim has taken pages.
  @Test func aReclaimUnlocksNothingThatIsNotItsAnyMore() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.give(try Ready.pages(12))
      let page = PageCache.page(try #require(CPUBlocks.partHere()).words[Int(ANAX_WORD_PAGE_STACK_ENTRIES)])
      Drains.prepare()
      FirstWrite.watch(anax_state().pointee.claimed! + Int(page / 64)) { Drains.passLocksOn() }
      Reclaim.everything()
      anax_state().pointee.fake_kernel = nil
      #expect(Drains.turn.loadAcquire() == 1)
      #expect(Drains.lockIsAnothers)
    }
  }

  /// The block that a reclaim is at comes into use again in the child, which takes an item from it.
  @Test func aChildOfAHandlerGetsNoItemTwice() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      for block in (0..<40).map({ _ in Heap.allocate(96) }) { Heap.free(block) }
      let list = try #require(CPUBlocks.partHere()).words + SizeClasses.number(forSize: 96)
      #expect(list.pointee >> 16 != 0)
      nonisolated(unsafe) var child: Int32 = -1
      nonisolated(unsafe) var taken: UnsafeMutableRawPointer?
      FirstWrite.watch(list) {
        child = Ready.fork()
        if child != 0 { return }
        Reclaim.everything()
        taken = Heap.allocate(96)
      }
      Reclaim.everything()
      if child == 0 {
        if taken == nil { _exit(2) }
        for _ in 0..<5000 where Heap.allocate(96) == taken { _exit(1) }
        _exit(0)
      }
      var status: Int32 = -1
      #expect(child > 0 && waitpid(child, &status, 0) == child)
      #expect(status == 0, "the child says \(status >> 8), signal \(status & 127)")
    }
  }
}
