// SPDX-License-Identifier: Apache-2.0
// The control groups that bind this process, read by bare system calls: for version 2 its own group and those above it
// up to the mount's root, which inside a container is the container's own group. A parent's limit binds whatever its
// children say, so a reader asks all of them for one file and takes the tightest.
//
// Lives on its caller's stack; any thread. Topology has the whole picture (version 1's groups, mounts elsewhere).

import CAnax

struct ControlGroupFiles: ~Copyable {
  /// The folder that is asked next, not ended by a zero; after the root it is empty.
  private var folder = InlineArray<512, UInt8>(repeating: 0)
  private var length = 0
  private var root = 0

  /// Begins at the group that /proc/self/cgroup names for version 2; at the mount's root where that cannot be read.
  @_noLocks @_noAllocation
  init() {
    append("/sys/fs/cgroup")
    root = length
    var text = InlineArray<480, UInt8>(repeating: 0)
    let own: StaticString = "/proc/self/cgroup"
    let count = withUnsafeMutablePointer(to: &text) {
      Kernel.readFile(own, into: UnsafeMutableRawPointer($0).assumingMemoryBound(to: UInt8.self), count: 480)
    }
    // The line of version 2 begins with "0::".
    var at = 0
    while at + 3 < count, !(text[at] == 48 && text[at + 1] == 58 && text[at + 2] == 58) {
      while at < count, text[at] != 10 { at += 1 }
      at += 1
    }
    at += 3
    // What is cut off is not known whole: then the root alone.
    var end = at
    while end < count, text[end] != 10 { end += 1 }
    if end >= count { return }
    while at < end {
      append(byte: text[at])
      at += 1
    }
    while length > root, folder[length - 1] == 47 { length -= 1 }
  }

  /// Reads `file`, which begins with a slash, in the next group's folder into `bytes`. The count of bytes read, or a
  /// negated errno where the group has no such file; nil when the root has been asked.
  @_noLocks @_noAllocation
  mutating func readNext(_ file: StaticString, into bytes: UnsafeMutablePointer<UInt8>, count: Int) -> Int? {
    if length == 0 { return nil }
    let end = length
    append(file)
    append(byte: 0)
    let result = withUnsafeBytes(of: &folder) { Kernel.readFile($0.baseAddress!, into: bytes, count: count) }
    length = end
    if length == root {
      length = 0
    } else {
      repeat { length -= 1 } while length > root && folder[length] != 47
    }
    return result
  }

  @_noLocks @_noAllocation
  private mutating func append(_ text: StaticString) {
    var index = 0
    while index < text.utf8CodeUnitCount {
      append(byte: text.utf8Start[index])
      index += 1
    }
  }

  @_noLocks @_noAllocation
  private mutating func append(byte: UInt8) {
    folder[length] = byte
    length += 1
  }
}

/// Numbers in the files of control groups.
enum LimitText {
  /// The decimal number at `at`, which moves behind it and one blank; nil where there is none ("max").
  @_noLocks @_noAllocation
  static func number(_ text: UnsafePointer<UInt8>, _ count: Int, _ at: inout Int) -> UInt64? {
    var value: UInt64 = 0
    let begin = at
    while at < count, text[at] >= 48, text[at] <= 57, value < 1 << 58 {
      value = value &* 10 &+ UInt64(text[at] &- 48)
      at += 1
    }
    if at == begin { return nil }
    at += 1
    return value
  }
}
