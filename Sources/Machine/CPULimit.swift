// SPDX-License-Identifier: Apache-2.0
// How many processors' worth of time this process has, read by bare system calls: the CPUs that its threads may run on,
// bounded by the quotas of its control groups (version 2: cpu.max of its own group and of all above it; version 1:
// cpu.cfs_quota_us at the mount's root). What cannot be read bounds nothing. Topology has the whole picture.

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

  /// The least quota of the control groups, rounded down; `UInt64.max`: none.
  @_noLocks @_noAllocation
  static func quota() -> UInt64 {
    var buffer = InlineArray<64, UInt8>(repeating: 0)
    return withUnsafeMutablePointer(to: &buffer) {
      let text = UnsafeMutableRawPointer($0).assumingMemoryBound(to: UInt8.self)
      var tightest = UInt64.max
      var groups = ControlGroupFiles()
      while let count = groups.readNext("/cpu.max", into: text, count: 63) {
        tightest = min(tightest, quotient(text, count))
      }
      var period: UInt64 = 100_000
      var at = 0
      var count = Kernel.readFile("/sys/fs/cgroup/cpu/cpu.cfs_period_us", into: text, count: 63)
      if let value = LimitText.number(text, count, &at) { period = value }
      at = 0
      count = Kernel.readFile("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", into: text, count: 63)
      if let value = LimitText.number(text, count, &at), value > 0 { tightest = min(tightest, value / max(period, 1)) }
      return tightest
    }
  }

  /// Of a text "QUOTA PERIOD"; "max" is none.
  @_noLocks @_noAllocation
  private static func quotient(_ text: UnsafePointer<UInt8>, _ count: Int) -> UInt64 {
    var at = 0
    guard let quota = LimitText.number(text, count, &at), let period = LimitText.number(text, count, &at), period > 0
    else { return .max }
    return quota / period
  }
}
