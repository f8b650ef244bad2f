// SPDX-License-Identifier: Apache-2.0
// A signal handler forks in the middle of a drain; its child drains too and then returns to the drain that it
// interrupted, which goes on there. No page may be freed twice, and no lock be opened that is another's by then. The
// moment is between a look at what lies ready and its taking: the memory of the CPU's block is read-only when the
// sections have been stopped, and the handler is the one of the fault at the first write.

import CAnax
import Foundation
import Heap
import LockFree
import Machine
import PerCPU
import Testing

@testable import Pages

private enum Fork {
  /// Of the drain in the child, and how much it came to.
  nonisolated(unsafe) static var child: Int32 = -1
  nonisolated(unsafe) static var drained: UInt64 = 0
  nonisolated(unsafe) static var block: UInt = 0
  nonisolated(unsafe) static var isArmed = false
  nonisolated(unsafe) static var fork: @convention(c) () -> Int32 = { -1 }

  static func protect(_ access: Int32) {
    let start = block & ~UInt(Live.pageBytes - 1)
    _ = anax_system_call(anax_sys_mprotect, Int(start), Int(Live.pageBytes), Int(access), 0, 0, 0)
  }

  /// Forks at the first write of the next drain to the word of this CPU's block. False where the forked drain, or the
  /// one that goes on in the child, leaves anything wrong.
  static func atTheFirstWrite(to word: Int32, ready: UInt64) -> Bool {
    guard let here = CPUBlocks.partHere() else { return false }
    block = UInt(bitPattern: here.words + Int(word))
    fork = unsafeBitCast(dlsym(nil, "fork"), to: (@convention(c) () -> Int32).self)
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in
      // A second fault is a real one.
      if !Fork.isArmed { signal(SIGSEGV, SIG_DFL) }
      Fork.isArmed = false
      Fork.protect(PROT_READ | PROT_WRITE)
      Fork.child = Fork.fork()
      if Fork.child == 0 { Fork.drained = PageDrain.everything().pages }
    }
    sigaction(SIGSEGV, &action, nil)
    isArmed = true
    anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
      let result = anax_system_call(number, a, b, c, d, e, f)
      if number == anax_sys_membarrier, Fork.isArmed { Fork.protect(PROT_READ) }
      return result
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
    var status: Int32 = -1
    let isWhole = child > 0 && waitpid(child, &status, 0) == child && status == 0
    #expect(isWhole, "the child says \(status >> 8), signal \(status & 127)")
    #expect(outcome.pages == ready && Ready.count == 0)
    return isWhole
  }
}

@Suite struct DrainForkTests {
  @Test func aChildOfAHandlerTakesNoPageTwice() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.give(try Ready.pages(12))
      let ready = Ready.count
      #expect(ready >= 8)
      #expect(Fork.atTheFirstWrite(to: ANAX_WORD_PAGE_STACK, ready: ready))
      _ = Ticks.purge()
      Ready.checkNothingIsOut()
    }
  }

  @Test func aChildOfAHandlerTakesNoRunTwice() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startRow()
      _ = Ticks.purge()
      try Ready.give(try Ready.runs(2, 15))
      #expect(Ready.count == 30)
      #expect(Fork.atTheFirstWrite(to: ANAX_WORD_RUN_ROW, ready: 30))
      _ = Ticks.purge()
      Ready.checkNothingIsOut()
    }
  }

  /// By the time that its sections are stopped the CPU's lock is another thread's, as it may be in such a child.
  @Test func aDrainLeavesAloneWhatIsNotItsAnyMore() async {
    await #expect(processExitsWith: .success) {
      if !Ready.start() { return }
      try Ready.startRow()
      try Ready.give(try Ready.pages(12))
      let ready = Ready.count
      #expect(ready >= 10)
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        if number == anax_sys_membarrier {
          for cpu in 0..<Int(anax_state().pointee.block_count) where CPUBlocks.hasStacks(cpu) {
            CPUBlocks.unlockStacks(cpu)
            let thread = Thread { Drains.turn.storeRelease(CPUBlocks.lockStacks(cpu) ? 1 : 2) }
            Drains.turn.storeRelease(0)
            thread.start()
            while Drains.turn.loadAcquire() == 0 { usleep(100) }
          }
        }
        return anax_system_call(number, a, b, c, d, e, f)
      }
      Drains.prepare()
      let outcome = PageDrain.everything()
      anax_state().pointee.fake_kernel = nil
      #expect(Drains.turn.loadAcquire() == 1)
      #expect(outcome.pages == 0 && Ready.count == ready)
      let cpu = try #require((0..<Int(anax_state().pointee.block_count)).first { CPUBlocks.areStacksLocked($0) })
      #expect(!CPUBlocks.hasStacks(cpu))
      PageDrain.forBoth(cpu) { which, stack, row in
        if which == 0 { #expect(stack.isClosed && row.isClosed) }
      }
    }
  }
}
