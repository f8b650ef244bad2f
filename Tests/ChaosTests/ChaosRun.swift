// SPDX-License-Identifier: Apache-2.0
// The threads of a chaos run: workers, and those that disturb them; and what must hold when all of them are done.

import CAnax
import Foundation
import LockFree
import WorkerSignals

@testable import Heap
@testable import Pages

extension Chaos {
  func begin(_ body: @escaping @Sendable () -> Void) {
    running.add(1)
    let thread = Thread {
      body()
      self.running.subtract(1)
    }
    thread.stackSize = 1 << 20
    thread.start()
  }

  func work(_ number: Int) {
    WorkerSignals.join()
    var dice = Dice(state: plan.seed &+ UInt64(number) &* 0x1000_0001)
    var done: UInt64 = 0
    while stop.loadRelaxed() == 0 {
      step(&dice)
      done &+= 1
    }
    WorkerSignals.leave()
    operations.add(done)
  }

  /// Every few milliseconds each worker must go on on some CPU that it may not be on, and is interrupted there.
  func disturb() {
    var dice = Dice(state: plan.seed ^ 0x55)
    let cpus = UInt64(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    while stop.loadRelaxed() == 0 {
      WorkerSignals.interruptNext { thread, _ in
        var set: UInt64 = 1 << dice.roll(min(cpus, 64))
        _ = withUnsafeMutablePointer(to: &set) {
          anax_system_call(Int(SYS_sched_setaffinity), thread, 8, Int(bitPattern: $0), 0, 0, 0)
        }
      }
      usleep(300)
    }
  }

  func tidy() {
    var dice = Dice(state: plan.seed ^ 0x77)
    while stop.loadRelaxed() == 0 {
      if dice.roll(3) == 0 { _ = Ticks.purge() } else { Ticks.tick() }
      usleep(UInt32(500 &+ dice.roll(4000)))
    }
  }

  func forkNow(_ fork: @convention(c) () -> Int32, _ number: UInt64) {
    let child = fork()
    if child == 0 {
      alarm(30)
      inChild(number)
      _exit(0)
    }
    if child < 0 { return }
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0, errno == EINTR {}
    if status != 0 { fail("the child of a fork failed", 0, UInt64(status)) }
  }

  /// In the child: the blocks that lay in slots are whole, and the heap serves. What its vanished threads were at is
  /// lost.
  func inChild(_ number: UInt64) {
    var dice = Dice(state: plan.seed ^ number)
    for slot in 0..<Chaos.slotCount {
      let block = slots[slot]
      if block > 1 { check(at: block, block, sizes[slot], turns[slot], count: sizes[slot]) }
    }
    var turn = 0
    while turn < 3000 {
      step(&dice)
      turn += 1
    }
    _ = Ticks.purge()
    // However the parent's threads were at them.
    for node in 0..<Int(anax_state().pointee.node_count) where PageCounters.ready(node: node) != 0 {
      fail("pages lie ready after a purge", UInt64(node), PageCounters.ready(node: node))
    }
    while turn < 4000 {
      step(&dice)
      turn += 1
    }
  }

  func forkNowAndThen() {
    typealias Fork = @convention(c) () -> Int32
    let fork = unsafeBitCast(dlsym(nil, "fork"), to: Fork.self)
    var number: UInt64 = 1
    while stop.loadRelaxed() == 0 {
      forkNow(fork, number)
      number &+= 1
      usleep(100_000)
    }
    AtomicWord(counters + 14).storeRelease(number)
  }

  /// The handler allocates, whatever it interrupted.
  func prepareSignals() {
    WorkerSignals.prepare { _ in
      let size = Int(anax_ticks() & 511)
      if let block = Heap.allocate(size + 8) {
        block.storeBytes(of: 0x5a5a_5a5a_5a5a_5a5a, as: UInt64.self)
        Heap.free(block)
      }
      if let run = Chaos.takePages(1 + anax_ticks() & 3) { try? PageRequest.release(page: run.page) }
    }
  }

  func plant() {
    switch plan.planted {
    case .nothing, .freedAndKept: break
    case .purgeDoesNothing:
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        if number == anax_sys_madvise, c == Int(MADV_DONTNEED) { return 0 }
        return anax_system_call(number, a, b, c, d, e, f)
      }
    }
  }

  func run() {
    plant()
    // Once through everything here, so that a child finds all of the runtime's caches filled.
    inChild(0)
    prepareSignals()
    for worker in 0..<plan.threads { begin { self.work(worker) } }
    begin { self.disturb() }
    begin { self.tidy() }
    if plan.forks { begin { self.forkNowAndThen() } }
    let end = Date().addingTimeInterval(plan.seconds)
    // On a busy machine signals are fewer.
    while Date() < end || (WorkerSignals.count < 100 && Date() < end.addingTimeInterval(60)) { usleep(20_000) }
    stop.storeRelease(1)
    while running.loadAcquire() > 0 { usleep(5000) }
    finish()
  }

  func finish() {
    for slot in 0..<Chaos.slotCount {
      let block = slots[slot]
      if block == 1 { fail("a slot is left busy") }
      if block == 0 { continue }
      check(at: block, block, sizes[slot], turns[slot], count: sizes[slot])
      drop(slot, block, keeping: false)
    }
    _ = Ticks.purge()
    _ = Ticks.purge()
    countPages()
    for number in 0..<Int(anax_state().pointee.node_count) {
      let entry = Pages.node(number)
      let claimed = AtomicWord(anax_node_claimed_pages(entry)).loadRelaxed()
      if claimed != 0 { fail("pages are left claimed when every block is free", UInt64(number), claimed) }
      let dirty = AtomicWord(anax_node_dirty_pages(entry)).loadRelaxed()
      if dirty != 0 { fail("pages are left dirty after a purge", UInt64(number), dirty) }
      if AtomicWord(anax_node_top(entry)).loadRelaxed() == 0 { fail("a node was never used", UInt64(number)) }
    }
    for zone in Chaos.zones {
      let left = AtomicWord(anax_zone_claimed(anax_state().pointee.zones! + zone)).loadRelaxed()
      if left != 0 { fail("a zone counts items that are free", 0, left) }
    }
    // Work was done and interrupted, or the test says nothing.
    if operations.loadRelaxed() < 1000 { fail("hardly anything was done", 0, operations.loadRelaxed()) }
    if WorkerSignals.count < 100 { fail("hardly a worker was interrupted", 0, WorkerSignals.count) }
    if WorkerSignals.strays > 0 { fail("a signal went astray", 0, WorkerSignals.strays) }
    withVaList([operations.loadRelaxed(), counters[14], WorkerSignals.count, plan.seed]) {
      _ = vdprintf(2, "chaos: %lu operations, %lu forks, %lu signals, seed %lu\n", $0)
    }
  }

  /// The nodes' counters against the bitmaps, when nobody is at work.
  func countPages() {
    for number in 0..<Int(anax_state().pointee.node_count) {
      let node = Pages.node(number)
      let first = node.pointee.first_page / 64
      var claimed: UInt64 = 0
      var dirty: UInt64 = 0
      for word in first..<first + AtomicWord(anax_node_top(node)).loadAcquire() * 8 {
        let bits = PageBitmap.claimedWord(word).loadRelaxed()
        claimed += UInt64(bits.nonzeroBitCount)
        dirty += UInt64((PageBitmap.touchedWord(word).loadRelaxed() & ~bits).nonzeroBitCount)
      }
      let counted = AtomicWord(anax_node_claimed_pages(node)).loadRelaxed()
      if counted != claimed { fail("the count of claimed pages is wrong", counted, claimed) }
      let countedDirty = AtomicWord(anax_node_dirty_pages(node)).loadRelaxed()
      if countedDirty != dirty { fail("the count of dirty pages is wrong", countedDirty, dirty) }
    }
  }
}
