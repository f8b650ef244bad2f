// SPDX-License-Identifier: Apache-2.0
// What cannot be: NULL with the right errno, nothing else touched; and errno is left alone by what succeeds.
import CAnaxMalloc
import Glibc
import Testing

/// errno after `body`, which was 4711 before.
private func errnoAfter(_ body: () -> Void) -> Int32 {
  errno = 4711
  body()
  return errno
}

@Suite struct RefusalTests {
  @Test(arguments: givers)
  func impossibleSizesAreRefused(giver: Giver) {
    for size in impossible {
      var block: UnsafeMutableRawPointer?
      let code = errnoAfter { block = giver.give(Int(bitPattern: size)) }
      #expect(block == nil, "\(giver), \(size) bytes")
      #expect(code == (giver.description.hasPrefix("posix") ? 4711 : ENOMEM), "\(giver), \(size) bytes")
    }
  }

  @Test func posixMemalignReportsByItsResultAlone() {
    let mark = UnsafeMutableRawPointer(bitPattern: 0xABC0)
    for alignment in [0, 1, 2, 4, 3, 7, 12, 24, 48, 100, Int.max] {
      var block = mark
      var result: Int32 = 0
      #expect(errnoAfter { result = posix_memalign(&block, alignment, 10) } == 4711, "\(alignment)")
      #expect(result == EINVAL && block == mark, "\(alignment)")
    }
    for size in impossible {
      for alignment in [8, 16, 64, 4096, 1 << 30] {
        var block = mark
        var result: Int32 = 0
        #expect(errnoAfter { result = posix_memalign(&block, alignment, Int(bitPattern: size)) } == 4711)
        #expect(result == ENOMEM && block == mark, "\(alignment), \(size)")
      }
    }
    // The largest power of two is an alignment, but nothing lies there.
    var block = mark
    #expect(posix_memalign(&block, Int.min, 10) == ENOMEM && block == mark)
  }

  @Test func alignedAllocWantsAPowerOfTwo() {
    for alignment in [0, 3, 12, 24, 100, Int.max] {
      var block: UnsafeMutableRawPointer?
      #expect(errnoAfter { block = aligned_alloc(alignment, 10) } == EINVAL, "\(alignment)")
      #expect(block == nil)
    }
  }

  @Test func memalignRoundsAlignmentsUp() {
    for (alignment, promised) in [(0, 16), (1, 16), (3, 16), (24, 32), (33, 64), (100, 128), (3000, 4096)] {
      let block = memalign(alignment, 100)
      #expect(block != nil && Int(bitPattern: block) % promised == 0, "\(alignment)")
      free(block)
    }
    var block: UnsafeMutableRawPointer?
    #expect(errnoAfter { block = memalign(Int(bitPattern: UInt(Int.max) + 2), 10) } == EINVAL)
    #expect(block == nil)
  }

  @Test func productsThatOverflowAreRefused() {
    let half = Int(bitPattern: UInt(1) << 33)
    for (count, size) in [(half, half), (2, Int.min), (-1, -1), (-1, 2), (Int.max, 3), (half, 1 << 31)] {
      var block: UnsafeMutableRawPointer?
      #expect(errnoAfter { block = calloc(count, size) } == ENOMEM)
      #expect(block == nil, "calloc(\(count), \(size))")
      let old = malloc(10)
      memset(old!, 9, 10)
      #expect(errnoAfter { block = reallocarray(old, count, size) } == ENOMEM)
      #expect(block == nil, "reallocarray(\(count), \(size))")
      // The old block is still the caller's.
      #expect(holds(old!, 9, count: 10))
      free(old)
    }
  }

  @Test func reallocThatFailsLeavesTheBlock() {
    for old in [10, 5000, 100_000, 3 << 20] {
      let block = malloc(old)!
      memset(block, 7, old)
      for size in impossible {
        var result: UnsafeMutableRawPointer?
        #expect(errnoAfter { result = realloc(block, Int(bitPattern: size)) } == ENOMEM)
        #expect(result == nil)
      }
      let kept = holds(block, 7, count: old)
      #expect(kept)
      free(block)
    }
  }

  @Test func successLeavesErrnoAlone() {
    for giver in givers {
      for size in [0, 100, 5000, 100_000, 2 << 20] {
        var block: UnsafeMutableRawPointer?
        #expect(errnoAfter { block = giver.give(size) } == 4711, "\(giver), \(size) bytes")
        #expect(errnoAfter { free(block) } == 4711, "free of \(giver), \(size) bytes")
      }
    }
    #expect(errnoAfter { free(nil) } == 4711)
    #expect(errnoAfter { _ = malloc_trim(0) } == 4711)
  }
}
