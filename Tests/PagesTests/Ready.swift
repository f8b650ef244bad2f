// SPDX-License-Identifier: Apache-2.0
// Pages and runs that lie ready, for tests: each runs in a process of its own, on one CPU.

import CAnax
import Foundation
import Heap
import LockFree
import Machine
import OneCPU
import PerCPU
import Testing
import WorkerSignals

@testable import Pages

enum Ready {
  /// Swift does not show it.
  static let fork = unsafeBitCast(dlsym(nil, "fork"), to: (@convention(c) () -> Int32).self)

  /// A live engine and this thread on one CPU. False: there are no caches here, or the CPU is not this process's.
  static func start(cpu: Int = 0) -> Bool {
    Live.start()
    guard OneCPU.isAllowed(cpu) else { return false }
    // However many CPUs there are, each may keep what one of four may.
    let blocks = Int(anax_state().pointee.block_count).nextPowerOfTwo
    if blocks > 4 { try? Tunable.pageKeepFloor.set(Int64(blocks) << 24) }
    OneCPU.stay(on: cpu)
    OneCPU.keep()
    return anax_state().pointee.membarrier == 1 && CPUBlocks.current() != nil
  }

  /// Makes a row in both blocks of the CPU: it uses one and, after a purge, the other. So nothing lies ready on any CPU
  /// after this but what `isMade` leaves, which tries it once: a section may be aborted where it touches its memory for
  /// the first time.
  static func startBoth(_ isMade: () throws -> Bool) throws {
    for block in 0..<2 {
      if block == 1 { _ = Ticks.purge() }
      let made = try (0..<100).contains { _ in try isMade() }
      #expect(made, "no row")
    }
  }

  static func page(_ placement: PagePlacement = .local) throws -> PageRun {
    try PageRequest.allocate(count: 1, alignment: 1, placement: placement, zeroed: false, .normal)
  }

  static func pages(_ count: Int) throws -> [PageRun] { try (0..<count).map { _ in try page() } }

  static func give(_ runs: [PageRun]) throws { for run in runs { try PageRequest.release(page: run.page) } }

  static var count: UInt64 { PageCounters.ready(node: 0) }

  static func isResident(_ page: UInt64) -> Bool {
    var state: UInt8 = 0
    return mincore(UnsafeMutableRawPointer(bitPattern: UInt(Region.address(ofPage: page))), 1, &state) == 0
      && state & 1 == 1
  }

  /// While another thread has the stacks of CPU 0, on rung B, a drain takes nothing and says so.
  static func expectBusyWhileLocked() {
    let before = count
    #expect(CPUBlocks.lockStacks(0))
    let busy = PageDrain.everything()
    #expect(busy.isBusy && busy.pages == 0 && count == before)
    CPUBlocks.unlockStacks(0)
    let free = PageDrain.everything()
    #expect(!free.isBusy && free.pages == before)
  }

  /// Forks while this process has all stacks and rows locked and closed. In the child a drain must take at least so
  /// many pages, and what is given back after it must lie ready again.
  static func expectAChildDrains(atLeast least: UInt64, givingBack runs: () throws -> [PageRun]) {
    for cpu in 0..<Int(anax_state().pointee.block_count) where CacheCensus.isOpen(cpu) {
      #expect(CPUBlocks.lockStacks(cpu))
      PageDrain.forBoth(cpu) { _, stack, row in
        stack.close()
        row.close()
      }
    }
    let child = fork()
    if child == 0 {
      let outcome = PageDrain.everything()
      if outcome.isBusy || outcome.pages < least || count != 0 { _exit(1) }
      guard let runs = try? runs(), (try? give(runs)) != nil, count > 0 else { _exit(2) }
      _ = Ticks.purge()
      _exit(count == 0 && Live.claimed == 0 ? 0 : 3)
    }
    var status: Int32 = -1
    #expect(waitpid(child, &status, 0) == child)
    #expect(status == 0, "\(status >> 8)")
  }

  /// What this CPU has ready is served to another one that takes all pages of the region, before it is refused.
  static func expectTheOtherCPUGetsAll() {
    let theirs = count
    OneCPU.stay(on: 1)
    let pages = Live.node.pointee.page_limit - Live.node.pointee.first_page
    var got: UInt64 = 0
    while Pages.allocate(node: 0, cpu: 1, count: 1) != nil { got += 1 }
    #expect(got == pages, "\(theirs) of \(pages) lay ready on another CPU")
  }

  /// A large block of so many bytes comes back from what lies ready, and is not said to be zero.
  static func expectALargeBlockIsReady(bytes: UInt64) throws {
    var zero = false
    let first = try #require(Large.allocate(bytes, alignment: Live.pageBytes, zero: &zero))
    memset(first, 1, Int(bytes))
    Large.free(UInt64(UInt(bitPattern: first)))
    let counted = Live.claimed
    #expect(count > 0)
    zero = true
    let second = try #require(Large.allocate(bytes, alignment: Live.pageBytes, zero: &zero))
    #expect(second == first && Live.claimed == counted && !zero)
    Large.free(UInt64(UInt(bitPattern: second)))
    _ = Ticks.purge()
    checkNothingIsOut()
  }

  /// Six threads at it, of which two drain and purge now and then, all go from CPU to CPU, and each is interrupted by a
  /// signal whose handler runs too. What a thread does in one turn gets random bits. Nothing may be out after it.
  static func besideDrains(
    _ handler: @escaping @convention(c) (Int32) -> Void,
    _ thread: @escaping @Sendable (_ number: UInt64) -> (turn: (_ random: UInt64) -> Void, end: () -> Void)
  ) {
    WorkerSignals.prepare(handler)
    WorkerSignals.run(workers: 6) { worker in
      let (turn, end) = thread(UInt64(worker + 1))
      var random = UInt64(worker + 1) &* 0x9e37_79b9_7f4a_7c15
      var turns = 0
      // Where signals do not come the test is to fail, not to go on for ever.
      while turns < 40_000 || (WorkerSignals.count < 1000 && turns < 40_000_000) {
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        if worker < 2, turns % 400 == 0 {
          if random >> 60 & 1 == 0 { _ = Ticks.purge() } else { PageDrain.everything(idle: random >> 61 & 1 == 0) }
        }
        if turns % 64 == 0 { OneCPU.stay(on: Int(random >> 50) % Int(anax_state().pointee.cpu_count)) }
        turn(random)
        turns += 1
      }
      end()
    }
    #expect(WorkerSignals.count >= 1000 && WorkerSignals.strays == 0)
    _ = Ticks.purge()
    checkNothingIsOut()
    #expect(Live.dirty == 0)
  }

  /// Single pages beside drains. Each has one owner: who has it writes its name there, and finds it when the page goes
  /// back. `take` gets the turn's random bits.
  static func expectOneOwnerEach(
    _ handler: @escaping @convention(c) (Int32) -> Void, take: @escaping @Sendable (_ random: UInt64) -> PageRun?
  ) {
    nonisolated(unsafe) let wrong = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
    wrong.initialize(to: 0)
    besideDrains(handler) { thread in
      var held: [PageRun] = []
      func turn(_ random: UInt64) {
        if held.count < 48, random >> 40 & 1 == 0 || held.isEmpty {
          guard let run = take(random) else { return }
          let word = UnsafeMutablePointer<UInt64>(bitPattern: UInt(run.address))!
          if run.zero, word.pointee != 0 { AtomicWord(wrong).add(1) }
          word.pointee = thread << 32 | run.page
          held.append(run)
        } else {
          let run = held.remove(at: Int(random >> 33) % held.count)
          let word = UnsafeMutablePointer<UInt64>(bitPattern: UInt(run.address))!
          if word.pointee != thread << 32 | run.page { AtomicWord(wrong).add(1) }
          word.pointee = 1
          if (try? PageRequest.release(page: run.page)) == nil { AtomicWord(wrong).add(1) }
        }
      }
      return (turn, { for run in held { try? PageRequest.release(page: run.page) } })
    }
    #expect(wrong.pointee == 0)
  }

  /// What must hold when all is given back and drained.
  static func checkNothingIsOut() {
    #expect(count == 0 && Live.claimed == 0)
    Live.checkCounts()
    let first = Live.node.pointee.first_page
    let top = first + AtomicWord(anax_node_top(Live.node)).loadAcquire() * Region.pagesPerChunk
    #expect((first..<top).allSatisfy { Run.at(page: $0).loadRelaxed() == 0 }, "a free page has a run's word")
  }

  /// The state as the helper leaves it when it sleeps; whoever wakes it takes that back.
  static func expectWakesTheHelper(_ body: () throws -> Void) rethrows {
    let helper = AtomicWord(anax_state_helper(anax_state()))
    helper.claim(bits: 2)
    try body()
    #expect(helper.loadRelaxed() & 2 == 0)
  }
}

/// Words for a drain that another thread watches.
enum Drains {
  nonisolated(unsafe) static var isNested = false
  nonisolated(unsafe) static var given: [UInt64] = []
  nonisolated(unsafe) static let words = UnsafeMutablePointer<UInt64>.allocate(capacity: 32)
  /// Odd: the next drain waits in its membarrier for the other thread to ask.
  static var turn: AtomicWord { AtomicWord(words) }
  static var asking: AtomicWord { AtomicWord(words + 8) }
  static var done: AtomicWord { AtomicWord(words + 16) }
  static var served: AtomicWord { AtomicWord(words + 24) }

  static func prepare() { words.initialize(repeating: 0, count: 32) }

  /// Spins until it is true, for ten seconds at most. False: it did not come true.
  static func spin(until isTrue: () -> Bool) -> Bool {
    let begun = DispatchTime.now()
    while !isTrue() { if DispatchTime.now() > begun + 10 { return false } }
    return true
  }

  /// Some CPU's stacks are locked, and none by this thread.
  static var lockIsAnothers: Bool {
    let locked = (0..<Int(anax_state().pointee.block_count)).filter { CPUBlocks.areStacksLocked($0) }
    return !locked.isEmpty && locked.allSatisfy { !CPUBlocks.hasStacks($0) }
  }

  /// What this thread has locked is another's after it, who has closed it; `turn` is 1 then.
  static func passLocksOn() {
    for cpu in 0..<Int(anax_state().pointee.block_count) where CPUBlocks.hasStacks(cpu) {
      CPUBlocks.unlockStacks(cpu)
      turn.storeRelease(0)
      Thread {
        let isLocked = CPUBlocks.lockStacks(cpu)
        PageDrain.forBoth(cpu) { _, stack, row in
          stack.close()
          row.close()
        }
        turn.storeRelease(isLocked ? 1 : 2)
      }.start()
      while turn.loadAcquire() == 0 { usleep(100) }
    }
  }
}
