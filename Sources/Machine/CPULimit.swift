// SPDX-License-Identifier: Apache-2.0
// How many processors' worth of time this process has, read by bare system calls: the CPUs that its threads may run on, bounded by
// the quota of its control group (version 2: cpu.max of its own group and of the mount's root; version 1: cpu.cfs_quota_us at the
// mount's root). What cannot be read bounds nothing. Topology has the whole picture.

import CAnax

package enum CPULimit {
  /// The CPUs that some threads may run on, any one of them.
  package struct Allowed {
    private var union = InlineArray<128, UInt64>(repeating: 0)
    /// How many; `.max` where no thread's are known.
    package private(set) var count = UInt64.max

    @_noLocks @_noAllocation
    package init() {}

    /// Adds those of a thread, by its kernel id; 0 is the calling thread. One that has ended adds none.
    @_noLocks @_noAllocation
    package mutating func add(thread: Int) {
      var mask = InlineArray<128, UInt64>(repeating: 0)
      let bytes = withUnsafeMutablePointer(to: &mask) {
        Kernel.call(anax_sys_sched_getaffinity, thread, 1024, Int(bitPattern: $0))
      }
      if Kernel.failed(bytes) { return }
      var known: UInt64 = 0
      var word = 0
      while word < 128 {
        if word < bytes / 8 { union[word] |= mask[word] }
        known &+= UInt64(union[word].nonzeroBitCount)
        word += 1
      }
      if known > 0 { count = known }
    }
  }

  /// As the calling thread sees it. At least 1; a quota counts rounded down.
  @_noLocks @_noAllocation
  package static func processors() -> UInt64 {
    var allowed = Allowed()
    allowed.add(thread: 0)
    return processors(allowed)
  }

  @_noLocks @_noAllocation
  package static func processors(_ allowed: Allowed) -> UInt64 { max(min(allowed.count, quota()), 1) }

  @_noLocks @_noAllocation
  static func quota() -> UInt64 {
    var buffer = InlineArray<1024, UInt8>(repeating: 0)
    return withUnsafeMutablePointer(to: &buffer) {
      let scratch = UnsafeMutableRawPointer($0).assumingMemoryBound(to: UInt8.self)
      var tightest = quotient("/sys/fs/cgroup/cpu.max", scratch)
      if let path = MemoryLimit.fileOfOwnGroup("/cpu.max", scratch) {
        tightest = min(tightest, quotient(path, scratch))
      }
      var period: UInt64 = 100_000
      var at = 0
      var count = read("/sys/fs/cgroup/cpu/cpu.cfs_period_us", scratch)
      if count > 0, let value = number(scratch, count, &at) { period = value }
      at = 0
      count = read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", scratch)
      if count > 0, let value = number(scratch, count, &at), value > 0 {
        tightest = min(tightest, value / max(period, 1))
      }
      return tightest
    }
  }

  /// Of a file "QUOTA PERIOD"; "max" is none.
  @_noLocks @_noAllocation
  static func quotient(_ path: StaticString, _ scratch: UnsafeMutablePointer<UInt8>) -> UInt64 {
    quotient(UnsafeRawPointer(path.utf8Start), scratch)
  }

  @_noLocks @_noAllocation
  static func quotient(_ path: UnsafeRawPointer, _ scratch: UnsafeMutablePointer<UInt8>) -> UInt64 {
    let count = Kernel.readFile(path, into: scratch, count: 63)
    var at = 0
    guard let quota = number(scratch, count, &at), let period = number(scratch, count, &at), period > 0 else {
      return .max
    }
    return quota / period
  }

  @_noLocks @_noAllocation
  static func read(_ path: StaticString, _ scratch: UnsafeMutablePointer<UInt8>) -> Int {
    Kernel.readFile(path, into: scratch, count: 63)
  }

  /// The decimal number at `at`, which moves behind it and one blank.
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
