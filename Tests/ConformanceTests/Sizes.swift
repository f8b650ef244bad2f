// SPDX-License-Identifier: Apache-2.0
// The sizes and alignments that every test goes through, the C functions that give a block, and all that gives memory:
// these functions, the heap beneath them, and zones.
import Anax
import CAnaxMalloc
import Glibc
import Heap

/// Both sides of every boundary there is: 0, each class's bound, the largest class, whole pages, what is served by
/// runs.
let sizes: [Int] = {
  var all = [0, 1, 15, 16, 17, 32767, 32768, 32769, 65536, 100_000, 1 << 20, (2 << 20) + 1, 3 << 20]
  for number in 1...SizeClasses.count {
    let bound = SizeClasses.size(ofClass: number)
    all += [bound - 1, bound, bound + 1]
  }
  return Array(Set(all)).sorted()
}()

let alignments = [8, 16, 32, 64, 128, 256, 1024, 2048, 4096, 16384, 65536, 1 << 21]

/// More than any machine has, and more than a pointer difference can say. All must give NULL and ENOMEM.
let impossible: [UInt] = [
  UInt(Int.max), UInt(Int.max) - 1, UInt(Int.max) - 4096, UInt(Int.max) + 1, UInt(Int.max) + 2, UInt.max, UInt.max - 1,
  UInt.max - 15, UInt.max - 4095, UInt.max - 65535, 1 << 62, 1 << 48,
]

struct Giver: Sendable, CustomStringConvertible {
  let description: String
  /// What the function promises of the address.
  let alignment: Int
  let give: @Sendable (Int) -> UnsafeMutableRawPointer?
}

let givers: [Giver] =
  [
    Giver(description: "malloc", alignment: 16) { malloc($0) },
    Giver(description: "calloc(1, n)", alignment: 16) { calloc(1, $0) },
    Giver(description: "calloc(n, 1)", alignment: 16) { calloc($0, 1) },
    Giver(description: "realloc(NULL, n)", alignment: 16) { realloc(nil, $0) },
    Giver(description: "reallocarray(NULL, n, 1)", alignment: 16) { reallocarray(nil, $0, 1) },
    Giver(description: "valloc", alignment: Int(getpagesize())) { valloc($0) },
    Giver(description: "pvalloc", alignment: Int(getpagesize())) { pvalloc($0) },
  ]
  + alignments.flatMap { alignment in
    [
      Giver(description: "aligned_alloc(\(alignment))", alignment: max(alignment, 16)) { aligned_alloc(alignment, $0) },
      Giver(description: "memalign(\(alignment))", alignment: max(alignment, 16)) { memalign(alignment, $0) },
      Giver(description: "posix_memalign(\(alignment))", alignment: max(alignment, 16)) {
        var block: UnsafeMutableRawPointer?
        return posix_memalign(&block, alignment, $0) == 0 ? block : nil
      },
    ]
  }

/// Blocks of one size from one allocator, and the way back.
struct Source {
  let give: () -> UnsafeMutableRawPointer?
  let usable: (UnsafeMutableRawPointer) -> Int
  let take: (UnsafeMutableRawPointer) -> Void
  /// Ends what was made for this size alone.
  var end: () throws -> Void = {}
}

/// An allocator: the C face, the heap, or a zone of the size. Nil where it has no such size.
struct Allocator: Sendable, CustomStringConvertible {
  let description: String
  let alignment: Int
  var zeroed = false
  let source: @Sendable (Int) -> Source?
}

let allocators: [Allocator] =
  givers.map { giver in
    Allocator(description: giver.description, alignment: giver.alignment, zeroed: giver.description.hasPrefix("calloc"))
    {
      size in Source(give: { giver.give(size) }, usable: { malloc_usable_size($0) }, take: { free($0) })
    }
  }
  + [
    Allocator(description: "heap", alignment: 16) { size in
      Source(give: { Heap.allocate(size) }, usable: { Heap.usableSize($0) }, take: { Heap.free($0) })
    },
    Allocator(description: "heap, zeroed", alignment: 16, zeroed: true) { size in
      Source(give: { Heap.allocateZeroed(1, size) }, usable: { Heap.usableSize($0) }, take: { Heap.free($0) })
    },
    Allocator(description: "heap, aligned to 4096", alignment: 4096) { size in
      Source(give: { Heap.allocate(size, alignment: 4096) }, usable: { Heap.usableSize($0) }, take: { Heap.free($0) })
    },
  ]
  + [1, 16, 64, 512, 4096].flatMap { alignment in
    [false, true].map { zeroed in
      Allocator(
        description: "zone aligned to \(alignment)\(zeroed ? ", zeroed" : "")", alignment: max(alignment, 16),
        zeroed: zeroed
      ) { size in
        guard let zone = try? RawZone("conformance", itemSize: size, alignment: alignment) else { return nil }
        return Source(
          give: { try? zone.allocate(zeroed: zeroed) }, usable: { _ in size }, take: { zone.deallocate($0) },
          end: { try destroy(zone) })
      }
    }
  }

/// Other tests' threads may have caches in hand that this zone's items are in: then it is to be tried again.
private func destroy(_ zone: RawZone) throws {
  for _ in 0..<5000 {
    do throws(ZoneError) { return try zone.destroy() } catch {
      guard case .busy = error else { throw error }
      usleep(1000)
    }
  }
  try zone.destroy()
}

/// Fills all that may be used.
func fill(_ block: UnsafeMutableRawPointer, _ byte: UInt8) {
  memset(block, Int32(byte), malloc_usable_size(block))
}

func holds(_ block: UnsafeMutableRawPointer, _ byte: UInt8, count: Int) -> Bool {
  UnsafeRawBufferPointer(start: block, count: count).allSatisfy { $0 == byte }
}
