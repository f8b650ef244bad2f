// SPDX-License-Identifier: Apache-2.0
// Which rung is chosen, and why. Each case is a process of its own: the rung is decided once.

import CAnax
import Foundation
import Heap
import LockFree
import Machine
import OneCPU
import Testing

@testable import PerCPU

extension CPUBlocks {
  /// One CPU's old block, as a reclaimer gets it; `finish` must follow.
  static func takeOne(_ cpu: Int) -> UnsafeMutablePointer<UInt64>? {
    swap(cpu) ? take(cpu, stopped: Ladder.stopSections()) : nil
  }
}

enum LeftOver {
  nonisolated(unsafe) static var blocks: [UnsafeMutableRawPointer] = []
}

@Suite struct LadderTests {
  @Test func theBestRungIsB() async {
    await #expect(processExitsWith: .success) {
      unsetenv("ANAX_RUNG")
      #expect(Engine.ensureStarted())
      if anax_rseq_bytes() >= 16 {
        #expect(anax_state().pointee.rung == 66)
        #expect(anax_state().pointee.rung_reason == Ladder.Reason.best.rawValue)
        #expect(anax_state().pointee.cpu_limit == anax_state().pointee.cpu_count)
        #expect(CPUBlocks.current() != nil)
      } else {
        #expect(anax_state().pointee.rung == 68)
        #expect(anax_state().pointee.rung_reason == Ladder.Reason.noArea.rawValue)
      }
    }
  }

  @Test func rungDIsForced() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_RUNG", "D", 1)
      #expect(Engine.ensureStarted())
      #expect(anax_state().pointee.rung == 68)
      #expect(anax_state().pointee.rung_reason == Ladder.Reason.forced.rawValue)
      #expect(anax_state().pointee.cpu_limit == 0)
      #expect(CPUBlocks.current() == nil)
      #expect(CPUBlocks.anyCPU() < Int(anax_state().pointee.cpu_count))
    }
  }

  @Test func withoutMembarrierNoBlockIsSwapped() async {
    await #expect(processExitsWith: .success) {
      unsetenv("ANAX_RUNG")
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        number == anax_sys_membarrier ? Int(-EPERM) : anax_system_call(number, a, b, c, d, e, f)
      }
      #expect(Engine.ensureStarted())
      #expect(anax_state().pointee.membarrier == 0)
      let block = Heap.allocate(64)
      #expect(block != nil)
      Heap.free(block)
      for cpu in 0..<Int(anax_state().pointee.cpu_count) { #expect(CPUBlocks.takeOne(cpu) == nil) }
    }
  }

  @Test func aMembarrierThatFailsLaterPutsTheBlockBack() async {
    await #expect(processExitsWith: .success) {
      unsetenv("ANAX_RUNG")
      #expect(Engine.ensureStarted())
      guard anax_state().pointee.membarrier == 1 else { return }
      let block = Heap.allocate(64)
      Heap.free(block)
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        number == anax_sys_membarrier ? Int(-EPERM) : anax_system_call(number, a, b, c, d, e, f)
      }
      let before = (0..<Int(anax_state().pointee.cpu_count)).map { anax_release_table()[$0] }
      for cpu in before.indices { #expect(CPUBlocks.takeOne(cpu) == nil) }
      #expect(anax_state().pointee.membarrier == 0)
      #expect(before == before.indices.map { anax_release_table()[$0] })
      let again = Heap.allocate(64)
      #expect(again != nil)
      Heap.free(again)
    }
  }

  /// What was put into the replacement until the kernel refused is not lost: the CPU's next slow path finds it.
  @Test func aBlockLeftOverIsDrainedOnItsCPU() async {
    await #expect(processExitsWith: .success) {
      unsetenv("ANAX_RUNG")
      #expect(Engine.ensureStarted())
      guard anax_state().pointee.membarrier == 1 else { return }
      let cpu = CPUBlocks.current()!
      OneCPU.stay(on: cpu)
      #expect(CPUBlocks.current()! == cpu)
      LeftOver.blocks = (0..<8).map { _ in Heap.allocate(64)! }
      Heap.free(Heap.allocate(64))
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        if number != anax_sys_membarrier { return anax_system_call(number, a, b, c, d, e, f) }
        for block in LeftOver.blocks { Heap.free(block) }
        LeftOver.blocks = []
        return Int(-EPERM)
      }
      #expect(CPUBlocks.takeOne(cpu) == nil)
      #expect(LeftOver.blocks.isEmpty)
      let replacement = UnsafeBufferPointer(
        start: UnsafePointer<UInt64>(bitPattern: UInt(CPUBlocks.block(cpu, 1))),
        count: Int(anax_state().pointee.block_bytes) / 8)
      #expect(replacement.contains { $0 >> 16 != 0 }, "the test put nothing there")
      #expect(CPUBlocks.takeOne(cpu) == nil)
      // A size that was not asked for yet: a slow path.
      #expect(Heap.allocate(3000) != nil)
      #expect(replacement.allSatisfy { $0 == 0 })
      #expect(CPUBlocks.reclaimLock(cpu).loadRelaxed() == 0)
    }
  }

  @Test func aSwappedBlockIsTheReclaimersAlone() async {
    await #expect(processExitsWith: .success) {
      unsetenv("ANAX_RUNG")
      #expect(Engine.ensureStarted())
      guard anax_state().pointee.membarrier == 1 else { return }
      var blocks = (0..<100).map { _ in Heap.allocate(64)! }
      for block in blocks { Heap.free(block) }
      var swapped = 0
      for cpu in 0..<Int(anax_state().pointee.cpu_count) {
        guard let old = CPUBlocks.takeOne(cpu) else { continue }
        swapped += 1
        #expect(CPUBlocks.takeOne(cpu) == nil, "a second reclaimer passes by")
        let words = UnsafeBufferPointer(start: old, count: Int(anax_state().pointee.block_bytes) / 8)
        let seen = Array(words)
        blocks = (0..<100).map { _ in Heap.allocate(64)! }
        for block in blocks { Heap.free(block) }
        #expect(Array(words) == seen)
        CPUBlocks.finish(cpu)
      }
      #expect(swapped >= 1)
    }
  }
}

@Suite struct ShardTests {
  /// Also where nobody has freed anything yet.
  @Test func whatARefillLeavesInAShardIsSeen() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_RUNG", "D", 1)
      #expect(Engine.ensureStarted())
      #expect(anax_state().pointee.shards_used == 0)
      // The first item of a page comes alone.
      for _ in 0..<3 { #expect(Heap.allocate(100) != nil) }
      let locks = Int(anax_state().pointee.cpu_count)
      let words = (0..<locks).flatMap { shard in (1..<128).map { Shards.word(shard, $0).loadRelaxed() } }
      #expect(words.contains { $0 >> 16 != 0 }, "the test put nothing there")
      #expect(anax_state().pointee.shards_used == 1)
      let zone = (1..<128).first { CacheCensus.items(node: 0, zone: $0, room: 1000) > 0 }
      #expect(zone != nil)
    }
  }

  @Test func aTakenShardIsPassedByAndAChildOpensIt() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_RUNG", "D", 1)
      #expect(Engine.ensureStarted())
      let locks = anax_state().pointee.shard_locks!
      let count = Int(anax_state().pointee.cpu_count)
      #expect(Shards.enter(0) == 0)
      if count > 1 {
        #expect(Shards.enter(0) == 1)
        Shards.leave(1)
      }
      for shard in 0..<count { locks[shard] = 1 }
      #expect(Shards.enter(0) == nil, "never waited for")
      let block = Heap.allocate(100)
      #expect(block != nil, "without a shard the depot and the slabs serve")
      Heap.free(block)
      typealias Fork = @convention(c) () -> Int32
      let fork = unsafeBitCast(dlsym(nil, "fork"), to: Fork.self)
      let child = fork()
      if child == 0 {
        let open = (0..<count).allSatisfy { locks[$0] == 0 }
        let block = Heap.allocate(100)
        Heap.free(block)
        _exit(open && block != nil ? 0 : 1)
      }
      var status: Int32 = -1
      #expect(waitpid(child, &status, 0) == child)
      #expect(status == 0)
      #expect((0..<count).allSatisfy { locks[$0] == 1 }, "the parent's stay")
    }
  }
}

@Suite struct ForkEpochTests {
  @Test func aLockIsTakenOverFromWhoIsStopped() async {
    await #expect(processExitsWith: .success) {
      #expect(Engine.ensureStarted())
      let word = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
      word.pointee = 0
      let first = ForkEpoch.tryLock(word)
      #expect(first != nil && word.pointee == first)
      #expect(ForkEpoch.tryLock(word) == nil, "held")
      // As if taken 32 half seconds ago.
      let old = word.pointee &- 32 << 32
      word.pointee = old
      let second = ForkEpoch.tryLock(word)
      #expect(second != nil && word.pointee == second)
      ForkEpoch.unlock(word, old)
      #expect(word.pointee == second, "who lost the lock does not release it")
      ForkEpoch.unlock(word, second!)
      #expect(word.pointee == 0)
      // Another epoch's holder does not exist here.
      word.pointee = first! &+ 7
      #expect(ForkEpoch.tryLock(word) != nil)
    }
  }
}
