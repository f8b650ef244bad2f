// SPDX-License-Identifier: Apache-2.0
// Before a request is refused: what lies ready is taken back, for a bounded time and a bounded number of times. Each
// case is a process of its own; where there are no such pages (rung D, no membarrier) most have nothing to show.

import CAnax
import Foundation
import Heap
import LockFree
import Machine
import OneCPU
import PerCPU
import Testing

@testable import Pages

@Suite struct PageRefusalTests {
  /// The last pages of a region lie ready on another CPU.
  @Test func beforeARequestIsRefusedOtherCPUsGiveTheirs() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_HEAP_RESERVE", "67108864", 1)
      if !Ready.start() || anax_state().pointee.cpu_count < 2 { return }
      try Ready.give(try Ready.pages(30))
      #expect(Ready.count >= 8)
      Ready.expectTheOtherCPUGetsAll()
      #expect(throws: PageFailure.self) { _ = try Ready.page() }
    }
  }

  @Test func aRequestThatCanNeverFitDrainsNothing() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_HEAP_RESERVE", "67108864", 1)
      if !Ready.start() { return }
      try Ready.give(try Ready.pages(30))
      let before = Ready.count
      #expect(before >= 8)
      let pages = Live.node.pointee.page_limit - Live.node.pointee.first_page
      #expect(Pages.allocate(node: 0, cpu: 0, count: pages + 1) == nil)
      #expect(Ready.count == before)
      let half = Live.allocate(pages / 2)
      #expect(Pages.allocate(node: 0, cpu: 0, count: pages / 2 + 1) == nil)
      #expect(Ready.count == before)
      // One that could fit does: nobody can know better.
      let others = (0..<pages).prefix { _ in Pages.allocate(node: 0, cpu: 0, count: 64) != nil }.count
      #expect(others > 0 && Ready.count == 0)
      Pages.release(page: half.page, count: pages / 2)
      Live.checkCounts()
    }
  }

  /// Where no pages lie in a row, and while one CPU's stack is emptied another's is filled, again and again.
  @Test func aRefusedRequestStopsSectionsTwiceAtMost() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_HEAP_RESERVE", "67108864", 1)
      if !Ready.start() || anax_state().pointee.cpu_count < 2 { return }
      while Pages.allocate(node: 0, cpu: 0, count: 64) != nil {}
      while Pages.allocate(node: 0, cpu: 0, count: 1) != nil {}
      let first = Live.node.pointee.first_page + 64
      for page in 0..<40 as Range<UInt64> { Pages.release(page: first + page * 2, count: 1) }
      Drains.prepare()
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        if number == anax_sys_membarrier {
          OneCPU.stay(on: Int(Drains.turn.add(1) & 1 ^ 1))
          if let run = try? Ready.page() { try? PageRequest.release(page: run.page) }
        }
        return anax_system_call(number, a, b, c, d, e, f)
      }
      try Ready.give([try Ready.page()])
      #expect(Ready.count > 0)
      #expect(Pages.allocate(node: 0, cpu: 0, count: 16) == nil)
      let drains = Drains.turn.loadRelaxed()
      if anax_state().pointee.rung == UInt64(ANAX_RUNG_B) {
        #expect(drains == 2 && Ready.count > 0)
      } else {
        #expect((1...2).contains(drains))
      }
    }
  }

  /// Another has the stacks and does not go on: it is waited for once, and for a while.
  @Test func whoDoesNotGoOnIsWaitedForOnce() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_HEAP_RESERVE", "67108864", 1)
      if !Ready.start() || anax_state().pointee.rung != UInt64(ANAX_RUNG_B) { return }
      while Pages.allocate(node: 0, cpu: 0, count: 64) != nil {}
      while Pages.allocate(node: 0, cpu: 0, count: 1) != nil {}
      Drains.prepare()
      OneCPU.takeTurns()
      Thread {
        #expect(CPUBlocks.lockStacks(0))
        Drains.turn.storeRelease(1)
        while true { sleep(100) }
      }.start()
      while Drains.turn.loadAcquire() == 0 { usleep(1000) }
      func ticks() -> UInt64 {
        let before = anax_ticks()
        #expect(Pages.allocate(node: 0, cpu: 0, count: 1) == nil)
        return anax_ticks() - before
      }
      #expect(PageDrain.isBusy)
      #expect(ticks() >= PageDrain.patience)
      #expect(!PageDrain.isBusy && CPUBlocks.areStacksLocked(0))
      #expect((0..<20).map { _ in ticks() }.min()! < PageDrain.patience / 2)
    }
  }

  /// A handler has interrupted its own thread's drain: what that has in hand it cannot wait for.
  @Test func aHandlerDoesNotWaitForItsOwnThread() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_HEAP_RESERVE", "67108864", 1)
      if !Ready.start() || anax_state().pointee.rung != UInt64(ANAX_RUNG_B) { return }
      while Pages.allocate(node: 0, cpu: 0, count: 64) != nil {}
      while Pages.allocate(node: 0, cpu: 0, count: 1) != nil {}
      #expect(CPUBlocks.lockStacks(0))
      let fastest = (0..<20).map { _ in
        let before = anax_ticks()
        #expect(Pages.allocate(node: 0, cpu: 0, count: 1) == nil)
        return anax_ticks() - before
      }
      #expect(fastest.min()! < PageDrain.patience / 2 && !PageDrain.isBusy)
    }
  }

  /// All free pages lie ready on one CPU, and are in the hands of a thread that drains it when another looks for one.
  @Test func nobodyIsRefusedWhileAnotherDrains() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_HEAP_RESERVE", "67108864", 1)
      let hasTwo = OneCPU.isAllowed(0) && OneCPU.isAllowed(1)
      if !Ready.start() || !hasTwo { return }
      while Pages.allocate(node: 0, cpu: 0, count: 64) != nil {}
      while Pages.allocate(node: 0, cpu: 0, count: 1) != nil {}
      let pages = Live.node.pointee.page_limit - Live.node.pointee.first_page
      Pages.release(page: pages - 8, count: 8)
      Drains.prepare()
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        if number == anax_sys_membarrier, Drains.turn.loadAcquire() & 1 == 1 {
          // The other asks from now on.
          Drains.turn.add(1)
          _ = Drains.spin { Drains.asking.loadAcquire() == Drains.turn.loadAcquire() }
        }
        return anax_system_call(number, a, b, c, d, e, f)
      }
      let rounds: UInt64 = 200
      OneCPU.takeTurns()
      // Both keep their CPUs: a request waits for another's drain for a bounded time only.
      let other = Thread {
        OneCPU.stay(on: 1)
        OneCPU.keep()
        Drains.asking.storeRelease(1)
        for round in 1...rounds {
          if !Drains.spin(until: { Drains.turn.loadAcquire() == round * 2 }) { return }
          Drains.asking.storeRelease(round * 2)
          if let run = try? Ready.page() {
            Drains.served.add(1)
            try? PageRequest.release(page: run.page)
          }
          Drains.done.storeRelease(round)
        }
      }
      other.start()
      while Drains.asking.loadAcquire() != 1 { usleep(100) }
      OneCPU.keep()
      for round in 1...rounds {
        try Ready.give(try Ready.pages(8))
        Drains.turn.storeRelease(round * 2 - 1)
        PageDrain.everything()
        try #require(Drains.spin { Drains.done.loadAcquire() == round }, "the other did not ask in round \(round)")
        PageDrain.everything()
      }
      // A thread that drains may lose its CPU.
      #expect(Drains.served.loadRelaxed() >= rounds / 2, "\(Drains.served.loadRelaxed()) of \(rounds)")
    }
  }
}
