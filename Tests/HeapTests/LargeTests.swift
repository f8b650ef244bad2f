// SPDX-License-Identifier: Apache-2.0
// Blocks of pages, realloc, the limit, and what stops the process. Each case is a process of its own.

import CAnax
import Foundation
import LockFree
import Machine
import Testing

@testable import Heap

@Suite struct LargeTests {
  /// Of a CPU's blocks, and of the first blocks of CPUs: they begin at different lines.
  @Test func skewsDiffer() async {
    await #expect(processExitsWith: .success) {
      let rows = (0..<64).map { cpu in (0..<64).map { _ in Large.nextSkew(cpu) } }
      #expect(rows.joined().allSatisfy { $0 < 64 })
      #expect(rows.allSatisfy { Set($0).count > 32 && Set($0.prefix(8)).count > 6 })
      // 64 lines for 64 CPUs: that no two were alike would be chance.
      #expect((0..<64).allSatisfy { turn in Set(rows.map { $0[turn] }).count > 32 })
    }
  }

  @Test func everySizeHasItsBytesAndItsAlignment() async {
    await #expect(processExitsWith: .success) {
      for shift in 4...22 {
        for size in [1, 100, 5000, 32768, 32769, 200_000, 3 << 20] {
          let alignment = 1 << shift
          guard let block = Heap.allocate(size, alignment: alignment) else {
            Issue.record("no block of \(size) at \(alignment)")
            continue
          }
          if UInt(bitPattern: block) & UInt(alignment - 1) != 0 { Issue.record("\(block) is not at \(alignment)") }
          if Heap.usableSize(block) < size { Issue.record("\(Heap.usableSize(block)) for \(size)") }
          memset(block, 1, size)
          Heap.free(block)
        }
      }
    }
  }

  @Test func impossibleSizesAreRefused() async {
    await #expect(processExitsWith: .success) {
      for size in [Int.max, Int.max - 4096, Int.max / 2, 1 << 47, -1, Int.min] {
        errno = 0
        #expect(Heap.allocate(size) == nil)
        #expect(errno == ENOMEM)
      }
      errno = 0
      #expect(Heap.allocateZeroed(.max, 2) == nil)
      #expect(errno == ENOMEM)
      #expect(Heap.allocateZeroed(1 << 33, 1 << 33) == nil)
      let block = Heap.allocate(100)!
      #expect(Heap.reallocate(block, .max) == nil)
      memset(block, 1, 100)
      Heap.free(block)
    }
  }

  @Test func largeBlocksStartAtDifferentLines() async {
    await #expect(processExitsWith: .success) {
      _ = Engine.ensureStarted()
      let blocks = (0..<256).map { _ in UInt(bitPattern: Heap.allocate(100_000)!) }
      let page = UInt(1) << UInt(anax_state().pointee.page_shift)
      #expect(Set(blocks.map { $0 % page / 64 }).count > 40)
      #expect(blocks.allSatisfy { $0 % 64 == 0 })
    }
  }

  @Test func reallocKeepsContentsAcrossEverySeam() async {
    await #expect(processExitsWith: .success) {
      var random: UInt64 = 7
      var block = Heap.allocate(10)!
      var size = 10
      memset(block, 0x11, 10)
      for turn in 0..<400 {
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let shift = Int(random >> 60) + 4
        let new = 1 + Int(random >> 20) % (1 << (shift > 22 ? 22 : shift))
        let fill = UInt8(turn & 0xff)
        memset(block, Int32(fill), size)
        block = Heap.reallocate(block, new)!
        if Heap.usableSize(block) < new { Issue.record("\(Heap.usableSize(block)) for \(new)") }
        let kept = UnsafeRawBufferPointer(start: block, count: min(size, new))
        if !kept.allSatisfy({ $0 == fill }) { Issue.record("\(size) to \(new) lost contents") }
        size = new
      }
      Heap.free(block)
    }
  }

  static func mappings() -> Int {
    let maps = open("/proc/self/maps", O_RDONLY)
    var text = [UInt8](repeating: 0, count: 1 << 16)
    var lines = 0
    while true {
      let count = read(maps, &text, text.count)
      if count <= 0 { break }
      lines += text[..<count].count { $0 == 10 }
    }
    close(maps)
    return lines
  }

  /// A process may have 65530 mappings. Those of moved blocks end with them.
  @Test func movedBlocksLeaveNoMappingsBehind() async {
    await #expect(processExitsWith: .success) {
      var random: UInt64 = 3
      func roll(_ below: Int) -> Int {
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(random >> 33) % below
      }
      #expect(Engine.ensureStarted())
      Heap.free(Heap.allocate(64 << 20))
      let first = LargeTests.mappings()
      var blocks = [UnsafeMutableRawPointer?](repeating: nil, count: 16)
      var sizes = [Int](repeating: 0, count: 16)
      var moves = 0
      // Blocks are not touched but for a word: a move is then a few system calls.
      for _ in 0..<3000 {
        let slot = roll(16)
        if let block = blocks[slot], sizes[slot] < 30 << 20, roll(8) > 0 {
          sizes[slot] += sizes[slot] / 2 + roll(50_000)
          let moved = Heap.reallocate(block, sizes[slot])!
          if moved != block { moves += 1 }
          if moved.load(as: Int.self) != slot { Issue.record("contents are lost") }
          blocks[slot] = moved
        } else {
          Heap.free(blocks[slot])
          sizes[slot] = 4 << 20 + roll(2 << 20)
          blocks[slot] = Heap.allocate(sizes[slot])!
          blocks[slot]!.storeBytes(of: slot, as: Int.self)
        }
      }
      #expect(moves > 500)
      #expect(anax_state().pointee.own_mappings <= 16)
      let most = LargeTests.mappings()
      for block in blocks { Heap.free(block) }
      #expect(anax_state().pointee.own_mappings == 0)
      _ = Ticks.purge()
      let last = LargeTests.mappings()
      let told = "\(first) mappings at first, \(most) then, \(last) at last, \(moves) moves"
      #expect(most < first + 16 * 8 && last < first + 64, "\(told)")
    }
  }

  /// A process that limits its own address space can have room left for others.
  @Test func theReservationCanBeBounded() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_HEAP_RESERVE", "300M", 1)
      #expect(Engine.ensureStarted())
      let reserved = anax_state().pointee.reservation
      #expect(reserved > 100 << 20 && reserved <= 300 << 20)
      var limit = rlimit(rlim_cur: 2 << 30, rlim_max: rlim_t.max)
      #expect(setrlimit(__rlimit_resource_t(UInt32(ANAX_RLIMIT_AS)), &limit) == 0)
      let other = mmap(nil, 64 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
      #expect(other != MAP_FAILED)
      var blocks: [UnsafeMutableRawPointer] = []
      errno = 0
      while let block = Heap.allocate(1 << 20) { blocks.append(block) }
      #expect(errno == ENOMEM)
      #expect(blocks.count > 80 && blocks.count < 300)
    }
  }

  /// What is less than there must be at least is taken as the least.
  @Test func aReservationOfOneByteIsTheLeastThereIs() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_HEAP_RESERVE", "1", 1)
      #expect(Engine.ensureStarted())
      #expect(anax_state().pointee.reservation < 64 << 20)
      #expect(Heap.allocate(1 << 20) != nil)
    }
  }

  @Test func zeroedBlocksAreZeroAlsoWhenTheyWereUsed() async {
    await #expect(processExitsWith: .success) {
      for turn in 0..<60 {
        let size = [100, 5000, 33_000, 70_000, 400_000, 3 << 20][turn % 6]
        let block = Heap.allocateZeroed(1, size)!
        if !UnsafeRawBufferPointer(start: block, count: size).allSatisfy({ $0 == 0 }) { Issue.record("\(size)") }
        memset(block, 0xff, Heap.usableSize(block))
        Heap.free(block)
        if turn % 20 == 19 { _ = Ticks.purge() }
      }
    }
  }

  @Test func theLimitIsAnAnswer() async {
    await #expect(processExitsWith: .success) {
      _ = Engine.ensureStarted()
      try Tunable.heapLimit.set(32 << 20)
      var blocks: [UnsafeMutableRawPointer] = []
      errno = 0
      while let block = Heap.allocate(1 << 20) { blocks.append(block) }
      #expect(errno == ENOMEM)
      #expect(blocks.count >= 28 && blocks.count <= 32)
      Heap.free(blocks.popLast()!)
      Heap.free(blocks.popLast()!)
      #expect(Heap.allocate(1 << 20) != nil)
      try Tunable.heapLimit.set(0)
      #expect(Heap.allocate(64 << 20) != nil)
    }
  }
}

@Suite struct StopTests {
  static func said(_ result: ExitTest.Result?) -> String {
    String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
  }

  @Test func aDoubleFreeIsSeenAtItsBitmap() async {
    let result = await #expect(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let block = Heap.allocate(100)
      Heap.free(block)
      Heap.free(block)
      _ = Ticks.purge()
    }
    let said = Self.said(result)
    #expect(said.contains("anax: double free of 0x") && said.contains("malloc-112"), "\(said)")
  }

  @Test func theMiddleOfABlockIsSeenAtItsBitmap() async {
    let result = await #expect(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      Heap.free(Heap.allocate(100)! + 16)
      _ = Ticks.purge()
    }
    let said = Self.said(result)
    #expect(said.contains("anax: free of the middle of a block: 0x") && said.contains("malloc-112"), "\(said)")
  }

  @Test func aForeignPointerIsSeenAtOnce() async {
    let result = await #expect(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      _ = Heap.allocate(100)
      Heap.free(UnsafeMutableRawPointer(bitPattern: 0x1234_5000))
    }
    #expect(Self.said(result).contains("0x12345000"), "\(Self.said(result))")
  }

  @Test func aLargeBlockFreedTwiceIsSeenAtOnce() async {
    let result = await #expect(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let block = Heap.allocate(100_000)
      Heap.free(block)
      Heap.free(block)
    }
    #expect(Self.said(result).contains("anax: free of a block that is free already"), "\(Self.said(result))")
  }
}
