// SPDX-License-Identifier: Apache-2.0
// All that gives memory (the C face's functions, the heap, zones), for every size: alignment, honest usable size,
// neighbours, zeroes, and realloc's contents.
import CAnaxMalloc
import Glibc
import Testing

@Suite struct BlockTests {
  @Test(arguments: allocators)
  func everySizeIsServedAlignedAndItsOwn(allocator: Allocator) throws {
    for size in sizes where allocator.alignment <= 65536 || size <= 65536 {
      // A zone holds items of 1 to 32768 bytes.
      guard let source = allocator.source(size) else {
        let none = allocator.description.hasPrefix("zone") && !(1...32768).contains(size)
        try #require(none, "\(allocator), \(size) bytes")
        continue
      }
      // Twice: the second time what the first gave back is there again, full of its contents.
      for turn in 0..<2 {
        let blocks = try (0..<3).map { _ in try #require(source.give(), "\(allocator), \(size) bytes") }
        for (i, block) in blocks.enumerated() {
          try #require(Int(bitPattern: block) % allocator.alignment == 0, "\(allocator), \(size) bytes")
          try #require(source.usable(block) >= size, "\(allocator), \(size) bytes")
          if allocator.zeroed { try #require(holds(block, 0, count: size), "\(allocator), \(size) bytes: not zero") }
          memset(block, Int32(i + 1 + turn), source.usable(block))
        }
        // All of it was written, and nobody else's.
        for (i, block) in blocks.enumerated() {
          let whole = holds(block, UInt8(i + 1 + turn), count: source.usable(block))
          try #require(whole, "\(allocator), \(size) bytes: a neighbour was harmed")
        }
        for block in blocks { source.take(block) }
      }
      try source.end()
    }
  }

  @Test func sizeZeroGivesBlocksOfTheirOwn() {
    for giver in givers {
      let one = giver.give(0)
      let two = giver.give(0)
      #expect(one != nil && two != nil && one != two, "\(giver)")
      free(one)
      free(two)
    }
  }

  @Test func pvallocGivesWholePages() {
    let page = Int(getpagesize())
    for size in [1, page - 1, page, page + 1, 10 * page - 1] {
      let block = pvalloc(size)
      #expect(malloc_usable_size(block) >= (size + page - 1) / page * page)
      free(block)
    }
  }

  @Test func usableSizeOfNothingIsZero() { #expect(malloc_usable_size(nil) == 0) }

  @Test func callocIsZeroAfterDirtyReuse() throws {
    for size in sizes where size > 0 {
      for _ in 0..<3 {
        let blocks = (0..<4).map { _ in malloc(size) }
        for block in blocks { fill(try #require(block), 0xFF) }
        for block in blocks { free(block) }
      }
      let blocks = (0..<4).map { _ in calloc(1, size) }
      for block in blocks {
        let zero = holds(try #require(block), 0, count: size)
        try #require(zero, "\(size) bytes")
        fill(block!, 0xFF)
      }
      for block in blocks { free(block) }
    }
  }

  /// Every size to every other: what both have stays.
  @Test func reallocKeepsTheContents() throws {
    let some = [0, 1, 16, 17, 100, 129, 1000, 1024, 1025, 4097, 32768, 32769, 65536, 300_000, 1 << 20, (2 << 20) + 5]
    for from in some {
      for to in some where to > 0 {
        let block = try #require(malloc(from))
        memset(block, 0x5C, from)
        let moved = try #require(realloc(block, to), "\(from) to \(to)")
        #expect(Int(bitPattern: moved) % 16 == 0)
        #expect(malloc_usable_size(moved) >= to)
        let kept = holds(moved, 0x5C, count: min(from, to))
        #expect(kept, "\(from) to \(to)")
        fill(moved, 1)
        free(moved)
      }
    }
  }

  @Test func reallocGrowsStepByStep() {
    var block: UnsafeMutableRawPointer? = malloc(1)
    var size = 1
    block!.storeBytes(of: 0, as: UInt8.self)
    while size < 16 << 20 {
      let next = size + size / 3 + 1
      block = realloc(block, next)
      #expect(block != nil)
      memset(block! + size, Int32(UInt8(truncatingIfNeeded: next)), next - size)
      size = next
    }
    // What each step wrote is still there.
    let bytes = UnsafeRawBufferPointer(start: block, count: size)
    size = 1
    while size < 16 << 20 {
      let next = size + size / 3 + 1
      #expect(bytes[size] == UInt8(truncatingIfNeeded: next) && bytes[next - 1] == UInt8(truncatingIfNeeded: next))
      size = next
    }
    free(block)
  }

  /// As the GNU C library: the block is freed.
  @Test func reallocToZeroFreesAndGivesNull() {
    for size in [1, 1000, 1 << 20] {
      let block = malloc(size)
      #expect(realloc(block, 0) == nil)
    }
    let block = realloc(nil, 0)
    #expect(block != nil)
    free(block)
  }
}
