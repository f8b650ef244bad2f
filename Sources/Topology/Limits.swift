// SPDX-License-Identifier: Apache-2.0
//
// What bounds this process, or another: CPU time and memory by control groups, address space by its rlimit, commit by
// the kernel's overcommit policy, and the machine's page and address sizes. A snapshot. Every bound says where it comes
// from.
import Glibc

package struct Limits: Hashable, Sendable {
  package struct Bound<Value: Hashable & Sendable>: Hashable, Sendable {
    package var value: Value
    /// The file or call that says so.
    package var source: String

    package init(_ value: Value, source: String) {
      self.value = value
      self.source = source
    }
  }

  package enum Overcommit: Int, Sendable {
    /// The kernel refuses only obvious excess.
    case heuristic = 0
    case always = 1
    /// Every reservation counts against the commit limit.
    case never = 2
  }

  /// CPUs' worth of time, the tightest of the process's group and all groups above it; nil is none.
  package var cpuQuota: Bound<Double>?
  /// Bytes at which the kernel kills, tightest as above; nil is none.
  package var memoryMaximum: Bound<UInt64>?
  /// Bytes at which the kernel throttles and reclaims, tightest as above; nil is none.
  package var memoryHigh: Bound<UInt64>?
  /// RLIMIT_AS in bytes; nil is none.
  package var addressSpace: Bound<UInt64>?
  /// nil where the system does not say.
  package var overcommit: Overcommit?
  /// Bytes that all processes together may commit; it binds where `overcommit` is `never`.
  package var commitLimit: UInt64?
  /// Bytes.
  package var pageSize: Int
  /// Bits of a user-space address.
  package var addressBits: Int
  /// What was wrong; each names its file.
  package var warnings: [String]

  /// What files cannot tell; a test gives its own.
  package struct Process: Sendable {
    /// Bytes; nil is none.
    package var addressSpace: UInt64?
    package var pageSize: Int
    package var addressBits: Int

    package init(addressSpace: UInt64?, pageSize: Int, addressBits: Int) {
      self.addressSpace = addressSpace
      self.pageSize = pageSize
      self.addressBits = addressBits
    }

    package static func current() -> Process {
      var limit = rlimit()
      let known = getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0
      // Stacks lie just below the end of user space.
      let stack = withUnsafePointer(to: &limit) { UInt(bitPattern: $0) }
      return Process(
        addressSpace: known && limit.rlim_cur != rlim_t.max ? UInt64(limit.rlim_cur) : nil,
        pageSize: sysconf(CInt(_SC_PAGESIZE)),
        addressBits: UInt.bitWidth - stack.leadingZeroBitCount)
    }
  }

  /// Of this process; `id`: of another one, as far as this one may see.
  package init(root: String = "/", process: Process = .current(), of id: Int32? = nil) {
    let files = FileTree(root: root)
    var groups = ControlGroups(files: files, process: id.map { "\($0)" } ?? "self")
    cpuQuota = groups.cpuQuota()
    memoryMaximum = groups.memory(v2: "memory.max", v1: "memory.limit_in_bytes", pageSize: process.pageSize)
    memoryHigh = groups.memory(v2: "memory.high", v1: nil, pageSize: process.pageSize)
    addressSpace = (id.map { Self.addressSpace(files, of: $0) } ?? process.addressSpace)
      .map { Bound($0, source: "RLIMIT_AS") }
    overcommit = files.line("proc/sys/vm/overcommit_memory").flatMap { Int($0) }.flatMap(Overcommit.init(rawValue:))
    commitLimit = Self.commitLimit(files)
    pageSize = process.pageSize
    addressBits = process.addressBits
    warnings = groups.warnings
  }

  private static func addressSpace(_ files: FileTree, of id: Int32) -> UInt64? {
    let key = "Max address space"
    let line = ((try? files.text("proc/\(id)/limits")) ?? "").split(separator: "\n").first { $0.hasPrefix(key) }
    return line.flatMap { $0.dropFirst(key.count).split(separator: " ").first }.flatMap { UInt64($0) }
  }

  private static func commitLimit(_ files: FileTree) -> UInt64? {
    guard let text = try? files.text("proc/meminfo") else { return nil }
    for line in text.split(separator: "\n") where line.hasPrefix("CommitLimit:") {
      let words = line.split { $0.isWhitespace }
      guard words.count > 1, let kibibytes = UInt64(words[1]), kibibytes < 1 << 50 else { return nil }
      return kibibytes << 10
    }
    return nil
  }
}
