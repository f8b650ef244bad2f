// SPDX-License-Identifier: Apache-2.0
// How much memory the container lets this process have, read at start by bare system calls: the least memory.max of the control
// groups (version 2) from the process's own up to the mount's root, which inside a container is the container's own group; or for
// version 1 the root's memory.limit_in_bytes. What cannot be read is no limit. Topology has the whole picture.

import CAnax

@usableFromInline
package enum MemoryLimit {
  /// Bytes; `UInt64.max`: none.
  @_noLocks @_noAllocation
  package static func bytes() -> UInt64 {
    var buffer = InlineArray<1024, UInt8>(repeating: 0)
    return withUnsafeMutablePointer(to: &buffer) {
      let scratch = UnsafeMutableRawPointer($0).assumingMemoryBound(to: UInt8.self)
      let mount = read(UnsafeRawPointer(StaticString("/sys/fs/cgroup/memory.max").utf8Start), scratch)
      let first = read(UnsafeRawPointer(StaticString("/sys/fs/cgroup/memory/memory.limit_in_bytes").utf8Start), scratch)
      return min(min(mount, first), ofOwnGroup(scratch))
    }
  }

  /// The least limit of the process's own group for version 2 and of those above it, but for the root's. `scratch`: 1024 bytes.
  @_noLocks @_noAllocation
  static func ofOwnGroup(_ scratch: UnsafeMutablePointer<UInt8>) -> UInt64 {
    guard fileOfOwnGroup("", scratch) != nil else { return .max }
    let path = scratch + 512
    let root = StaticString("/sys/fs/cgroup").utf8CodeUnitCount
    var length = 0
    while path[length] != 0 { length += 1 }
    var least = UInt64.max
    while length > root {
      let end = append("/memory.max", path, length)
      path[end] = 0
      least = min(least, read(UnsafeRawPointer(path), scratch))
      repeat { length -= 1 } while length > root && path[length] != 47
    }
    return least
  }

  /// The path of a file of the group that /proc/self/cgroup names for version 2, in the upper half of `scratch`, which has 1024
  /// bytes; nil where there is none.
  @_noLocks @_noAllocation
  static func fileOfOwnGroup(_ file: StaticString, _ scratch: UnsafeMutablePointer<UInt8>) -> UnsafeRawPointer? {
    let count = Kernel.readFile("/proc/self/cgroup", into: scratch, count: 480)
    // The line of version 2 begins with "0::".
    var at = 0
    while at + 3 < count, !(scratch[at] == 48 && scratch[at + 1] == 58 && scratch[at + 2] == 58) {
      while at < count, scratch[at] != 10 { at += 1 }
      at += 1
    }
    if at + 3 >= count { return nil }
    at += 3
    let path = scratch + 512
    var length = append("/sys/fs/cgroup", path, 0)
    while at < count, scratch[at] != 10 {
      path[length] = scratch[at]
      length += 1
      at += 1
    }
    length = append(file, path, length)
    path[length] = 0
    return UnsafeRawPointer(path)
  }

  @_noLocks @_noAllocation
  static func append(_ text: StaticString, _ out: UnsafeMutablePointer<UInt8>, _ length: Int) -> Int {
    var index = 0
    while index < text.utf8CodeUnitCount {
      out[length + index] = text.utf8Start[index]
      index += 1
    }
    return length + index
  }

  /// A decimal number; "max", and version 1's huge number for it, are no limit.
  @_noLocks @_noAllocation
  static func read(_ path: UnsafeRawPointer, _ scratch: UnsafeMutablePointer<UInt8>) -> UInt64 {
    let count = Kernel.readFile(path, into: scratch, count: 31)
    var value: UInt64 = 0
    var index = 0
    while index < count, scratch[index] >= 48, scratch[index] <= 57, value < 1 << 58 {
      value = value &* 10 &+ UInt64(scratch[index] &- 48)
      index += 1
    }
    return index == 0 || value >= 1 << 50 ? .max : value
  }
}
