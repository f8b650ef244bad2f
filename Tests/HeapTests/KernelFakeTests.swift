// SPDX-License-Identifier: Apache-2.0
// Machines that say no: a fake in the kernel's place refuses, and the heap answers with less, or with NULL and ENOMEM.
// Each case is a process of its own.

import CAnax
import Foundation
import Heap
import LockFree
import Pages
import Testing

enum Refusals {
  nonisolated(unsafe) static var left = 0
  nonisolated(unsafe) static var targets: [Range<Int>] = []
}

@Suite struct KernelFakeTests {
  @Test func aSmallerReservationWhereALargeOneIsRefused() async {
    await #expect(processExitsWith: .success) {
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        if number == anax_sys_mmap, b > 3 << 30 { return Int(-ENOMEM) }
        return anax_system_call(number, a, b, c, d, e, f)
      }
      let block = Heap.allocate(1000)
      #expect(block != nil)
      #expect(anax_state().pointee.reservation <= 3 << 30)
      #expect(anax_state().pointee.heap_pages << anax_state().pointee.page_shift >= 1 << 30)
      Heap.free(block)
      errno = 0
      #expect(Heap.allocate(4 << 30) == nil)
      #expect(errno == ENOMEM)
    }
  }

  @Test func withoutAddressSpaceEveryRequestIsRefused() async {
    await #expect(processExitsWith: .success) {
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        number == anax_sys_mmap ? Int(-ENOMEM) : anax_system_call(number, a, b, c, d, e, f)
      }
      for size in [0, 1, 1000, 32768, 32769, 1 << 20] {
        errno = 0
        #expect(Heap.allocate(size) == nil)
        #expect(errno == ENOMEM)
        errno = 0
        #expect(Heap.allocateZeroed(1, size) == nil)
        #expect(errno == ENOMEM)
        #expect(Heap.allocate(size, alignment: 64) == nil)
      }
      Heap.free(nil)
      #expect(Heap.usableSize(nil) == 0)
      #expect(anax_state().pointee.started == 3)
    }
  }

  @Test func aKernelThatKnowsNothing() async {
    await #expect(processExitsWith: .success) {
      anax_state().pointee.fake_kernel = { _, _, _, _, _, _, _ in Int(-ENOSYS) }
      errno = 0
      #expect(Heap.allocate(100) == nil)
      #expect(errno == ENOMEM)
    }
  }

  /// A sandbox that leaves memory calls only.
  @Test func aKernelThatOnlyMaps() async {
    await #expect(processExitsWith: .success) {
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        number == anax_sys_mmap || number == anax_sys_munmap
          ? anax_system_call(number, a, b, c, d, e, f) : Int(-ENOSYS)
      }
      var blocks: [UnsafeMutableRawPointer] = []
      for size in stride(from: 1, to: 200_000, by: 777) {
        guard let block = Heap.allocate(size) else {
          Issue.record("no block of \(size)")
          continue
        }
        memset(block, 1, size)
        blocks.append(block)
      }
      for block in blocks { Heap.free(block) }
      #expect(Ticks.purge() == 0, "nothing is said to be returned")
      let block = Heap.allocateZeroed(1, 100_000)!
      #expect(UnsafeRawBufferPointer(start: block, count: 100_000).allSatisfy { $0 == 0 })
      let dirty = AtomicWord(anax_node_dirty_pages(Pages.node(0))).loadRelaxed()
      #expect(dirty < anax_state().pointee.heap_pages)
    }
  }

  /// Strict overcommit: nothing may be writable from the start.
  @Test func memoryIsOpenedInSteps() async {
    await #expect(processExitsWith: .success) {
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        if number == anax_sys_mmap, c & Int(PROT_WRITE) != 0 { return Int(-ENOMEM) }
        return anax_system_call(number, a, b, c, d, e, f)
      }
      #expect(Engine.ensureStarted())
      var blocks: [(UnsafeMutableRawPointer, Int)] = []
      for turn in 0..<3000 {
        let size = [16, 100, 3000, 30000, 70000][turn % 5]
        let block = Heap.allocate(size)!
        memset(block, Int32(turn & 0x7f), size)
        blocks.append((block, size))
      }
      let opened = AtomicWord(anax_node_committed(Pages.node(0))).loadRelaxed()
      #expect(opened >= AtomicWord(anax_node_top(Pages.node(0))).loadRelaxed())
      #expect(opened > 10)
      for (turn, (block, size)) in blocks.enumerated() {
        let last = block.load(fromByteOffset: size - 1, as: UInt8.self)
        if last != UInt8(turn & 0x7f) { Issue.record("block \(turn) changed") }
        Heap.free(block)
      }
    }
  }

  @Test func aStepThatIsRefusedIsAnAnswerAndNotTheEnd() async {
    await #expect(processExitsWith: .success) {
      Refusals.left = 60
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        if number == anax_sys_mmap, c & Int(PROT_WRITE) != 0 { return Int(-ENOMEM) }
        if number == anax_sys_mprotect {
          if Refusals.left == 0 { return Int(-ENOMEM) }
          Refusals.left -= 1
        }
        return anax_system_call(number, a, b, c, d, e, f)
      }
      var blocks: [UnsafeMutableRawPointer] = []
      errno = 0
      while let block = Heap.allocate(100_000) {
        memset(block, 1, 100_000)
        blocks.append(block)
        if blocks.count > 100_000 { break }
      }
      #expect(errno == ENOMEM)
      #expect(blocks.count > 10 && blocks.count < 100_000)
      Heap.free(blocks.popLast()!)
      let again = Heap.allocate(100_000)
      #expect(again != nil, "what is free can be had")
      Refusals.left = .max
      #expect(Heap.allocate(100_000) != nil, "and the kernel is asked again")
    }
  }

  @Test func pagesThatCannotBeMovedAreCopied() async {
    await #expect(processExitsWith: .success) {
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        number == anax_sys_mremap ? Int(-EINVAL) : anax_system_call(number, a, b, c, d, e, f)
      }
      var block = Heap.allocate(1 << 20)!
      memset(block, 0x6b, 1 << 20)
      var wall: [UnsafeMutableRawPointer] = []
      for size in [2, 4, 8] {
        // What lies right behind must not be free.
        wall.append(Heap.allocate(100_000)!)
        block = Heap.reallocate(block, size << 20)!
        let kept = UnsafeRawBufferPointer(start: block, count: 1 << 20).allSatisfy { $0 == 0x6b }
        #expect(kept)
      }
      Heap.free(block)
    }
  }

  /// Two mappings, of which the second cannot be moved, and a target that is a hole by then: what was moved comes back,
  /// and nobody gets the target.
  @Test(arguments: [0, 1])
  func aTargetThatIsLostIsNeverUsedAgain(_ moved: Int) async {
    await #expect(processExitsWith: .success) { [moved = moved as Int] in
      let half = 4 << 20
      let block = Heap.allocate(2 * half)!
      memset(block, 0x6b, 2 * half)
      let middle = (Int(bitPattern: block) + half) & ~4095
      // MADV_DONTDUMP: a mapping of its own.
      #expect(anax_system_call(anax_sys_madvise, middle, half, 16, 0, 0, 0) == 0)
      let wall = Heap.allocate(100_000)!
      Refusals.left = moved
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        if number == anax_sys_mremap, d & Int(ANAX_MREMAP_DONTUNMAP) != 0 {
          Refusals.targets.append(e..<e + c)
          if Refusals.left == 0 { return Int(-ENOMEM) }
          Refusals.left -= 1
        }
        if number == anax_sys_mmap, d & Int(MAP_FIXED) != 0 { return Int(-ENOMEM) }
        if number == anax_sys_msync { return Int(-ENOMEM) }
        return anax_system_call(number, a, b, c, d, e, f)
      }
      let copied = Heap.reallocate(block, 4 * half)!
      #expect(Refusals.targets.count == moved + 1)
      #expect(UnsafeRawBufferPointer(start: copied, count: 2 * half).allSatisfy { $0 == 0x6b })
      anax_state().pointee.fake_kernel = nil
      Heap.free(copied)
      Heap.free(wall)
      _ = Ticks.purge()
      for _ in 0..<40 {
        let start = Int(bitPattern: Heap.allocate(5 << 20)!)
        for target in Refusals.targets { #expect(!target.overlaps(start..<start + 5 << 20)) }
      }
    }
  }

  /// A limit on address space that the process sets for itself, after the reservation: no move may leave a hole there.
  @Test func aLimitThatIsSetLaterLeavesNoHole() async {
    await #expect(processExitsWith: .success) {
      let block = Heap.allocate(8 << 20)!
      memset(block, 0x6b, 8 << 20)
      let wall = Heap.allocate(100_000)!
      Refusals.left = 0
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        if number == anax_sys_mremap { Refusals.left += 1 }
        return anax_system_call(number, a, b, c, d, e, f)
      }
      var limit = rlimit(rlim_cur: 1 << 30, rlim_max: rlim_t.max)
      #expect(setrlimit(__rlimit_resource_t(UInt32(ANAX_RLIMIT_AS)), &limit) == 0)
      let copied = Heap.reallocate(block, 16 << 20)!
      #expect(UnsafeRawBufferPointer(start: copied, count: 8 << 20).allSatisfy { $0 == 0x6b })
      #expect(Refusals.left == 0, "nothing was moved")
      Heap.free(copied)
      Heap.free(wall)
    }
  }
}
