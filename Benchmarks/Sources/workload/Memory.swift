// SPDX-License-Identifier: Apache-2.0
//
// Blocks of the allocator under test, and the readings of resident memory.

import Glibc

/// A block of the allocator under test.
typealias Block = UnsafeMutableRawPointer

extension UnsafeMutableRawPointer {
  /// Writes the first word, as the first use of any block does.
  @inline(__always) func touch() { storeBytes(of: 1, as: Int.self) }

  /// Writes one word in every `step` bytes.
  @inline(__always) func touchAll(_ bytes: Int, step: Int) {
    var offset = 0
    while offset < bytes {
      storeBytes(of: offset, toByteOffset: offset, as: Int.self)
      offset &+= step
    }
  }
}

enum Resident {
  /// Resident memory in KiB, counted page by page (exact, slow).
  static func exact() -> Int { field("Rss:", of: "/proc/self/smaps_rollup") }
  /// Freed lazily (MADV_FREE) but still counted as resident, KiB.
  static func lazilyFreed() -> Int { field("LazyFree:", of: "/proc/self/smaps_rollup") }
  /// The highest resident memory so far, KiB.
  static func peak() -> Int { field("VmHWM:", of: "/proc/self/status") }

  /// Reads a `Name:   value kB` line without any allocation; 0 where there is none.
  private static func field(_ name: StaticString, of path: StaticString) -> Int {
    let file = open(path.utf8Start.withMemoryRebound(to: CChar.self, capacity: 1) { $0 }, O_RDONLY)
    guard file >= 0 else { return 0 }
    defer { _ = close(file) }
    return withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { buffer in
      var filled = 0
      while filled < buffer.count {
        let got = read(file, buffer.baseAddress! + filled, buffer.count - filled)
        if got <= 0 { break }
        filled += got
      }
      let length = name.utf8CodeUnitCount
      var start = 0
      while start + length < filled {
        if memcmp(buffer.baseAddress! + start, name.utf8Start, length) == 0 {
          return Int(atoll((buffer.baseAddress! + start + length).assumingMemoryBound(to: CChar.self)))
        }
        while start < filled, buffer[start] != UInt8(ascii: "\n") { start += 1 }
        start += 1
      }
      return 0
    }
  }
}
