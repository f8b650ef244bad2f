// SPDX-License-Identifier: Apache-2.0
//
// The machine as a reader of figures must know it: what values must be alike to compare (the fingerprint), and the
// settings that measurements of memory depend on. A snapshot; allocates.

import Anax
import Glibc
import Machine
import Topology

/// A machine, as far as its figures depend on it.
public struct MachineDescription: Sendable, Hashable {
  public var fingerprint: MachineFingerprint
  public var libc: String
  public var nodes: Int
  /// MiB.
  public var memory: Int
  /// KiB of a page.
  public var page: Int
  /// The kernel's setting, as `madvise`.
  public var hugePages: String
  /// Of the clock frequency; `none` where the system has none, as most virtual machines.
  public var governor: String

  public static func current() -> MachineDescription {
    let files = FileTree()
    let total = ((try? files.text("proc/meminfo")) ?? "").split(separator: "\n").first { $0.hasPrefix("MemTotal:") }
    let hugePages = files.line("sys/kernel/mm/transparent_hugepage/enabled") ?? ""
    let chosen = hugePages.split(separator: "[").dropFirst().first?.split(separator: "]").first
    return MachineDescription(
      fingerprint: .current(), libc: libc(),
      nodes: max(Topology(files: files).nodes.count, 1), memory: (Int((total ?? "").filter(\.isNumber)) ?? 0) >> 10,
      page: Int(sysconf(CInt(_SC_PAGESIZE))) >> 10, hugePages: chosen.map(String.init) ?? "none",
      governor: files.line("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") ?? "none")
  }

  /// As `glibc 2.36`.
  private static func libc() -> String {
    var bytes = [CChar](repeating: 0, count: 64)
    let count = confstr(CInt(_CS_GNU_LIBC_VERSION), &bytes, bytes.count)
    return count == 0
      ? "unknown" : String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// What a table of the machine says.
  public var rows: [(label: String, value: String)] {
    let quota = fingerprint.cpuQuota.map { ", quota \(Text.number($0))" } ?? ""
    return [
      ("processor", "\(fingerprint.processor), \(fingerprint.architecture)"),
      ("CPUs allowed", "\(fingerprint.cpus)\(quota)"), ("NUMA nodes", "\(nodes)"),
      ("hypervisor", fingerprint.hypervisor ?? "none"), ("memory", "\(Text.number(Double(memory) / 1024)) GiB"),
      ("kernel", fingerprint.kernel), ("C library", libc), ("page", "\(page) KiB"), ("huge pages", hugePages),
      ("frequency governor", governor),
    ]
  }

  /// One line.
  public var summary: String {
    let host = fingerprint.hypervisor.map { " on \($0)" } ?? ""
    return "\(fingerprint.cpus) × \(fingerprint.processor)\(host), Linux \(fingerprint.kernel), \(libc), huge pages "
      + hugePages
  }

  var json: JSON {
    guard case .object(var members) = fingerprint.json else { return .null }
    members.append("libc", .string(libc))
    members.append("nodes", .integer(Int64(nodes)))
    members.append("memory_mib", .integer(Int64(memory)))
    members.append("page_kib", .integer(Int64(page)))
    members.append("huge_pages", .string(hugePages))
    members.append("governor", .string(governor))
    return .object(members)
  }

  init(
    fingerprint: MachineFingerprint, libc: String, nodes: Int, memory: Int, page: Int, hugePages: String,
    governor: String
  ) {
    (self.fingerprint, self.libc, self.nodes, self.memory) = (fingerprint, libc, nodes, memory)
    (self.page, self.hugePages, self.governor) = (page, hugePages, governor)
  }

  init(_ reader: JSONReading) throws(JSONMismatch) {
    self.init(
      fingerprint: try MachineFingerprint(reader), libc: try reader.string("libc"), nodes: try reader.integer("nodes"),
      memory: try reader.integer("memory_mib"), page: try reader.integer("page_kib"),
      hugePages: try reader.string("huge_pages"), governor: try reader.string("governor"))
  }
}
