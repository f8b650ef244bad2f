// SPDX-License-Identifier: Apache-2.0
// How much memory the container lets this process have, read at start by bare system calls: the least memory.max of its
// control groups of version 2, or for version 1 the root's memory.limit_in_bytes. What cannot be read is no limit.
// Topology has the whole picture.

import CAnax

@usableFromInline
package enum MemoryLimit {
  /// Bytes; `UInt64.max`: none.
  @_noLocks @_noAllocation
  package static func bytes() -> UInt64 {
    var buffer = InlineArray<32, UInt8>(repeating: 0)
    return withUnsafeMutablePointer(to: &buffer) {
      let text = UnsafeMutableRawPointer($0).assumingMemoryBound(to: UInt8.self)
      var least = bytes(text, Kernel.readFile("/sys/fs/cgroup/memory/memory.limit_in_bytes", into: text, count: 31))
      var groups = ControlGroupFiles()
      while let count = groups.readNext("/memory.max", into: text, count: 31) { least = min(least, bytes(text, count)) }
      return least
    }
  }

  /// "max", and version 1's huge number for it, are no limit.
  @_noLocks @_noAllocation
  private static func bytes(_ text: UnsafePointer<UInt8>, _ count: Int) -> UInt64 {
    var at = 0
    guard let value = LimitText.number(text, count, &at), value < 1 << 50 else { return .max }
    return value
  }
}
