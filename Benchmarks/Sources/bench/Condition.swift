// SPDX-License-Identifier: Apache-2.0
//
// What a run is put under: a quota of processor time, as containers have it, or a neighbor that burns a CPU. Made for
// one run and gone after it.

import CBench
import Glibc
import Harness

enum Condition: String, Hashable, Sendable {
  case none
  /// A control group that may use half of the CPUs' time.
  case quota
  /// One process that only burns processor time.
  case hog
}

/// A control group with a quota, of either version.
struct QuotaGroup: Sendable {
  let folder: String
  private static let top = "/sys/fs/cgroup"
  /// Whether the kernel was asked to hand the top's processor time on, which ends with this group.
  private let isHandedOn: Bool

  /// Makes one below the group this program is in; a reason where that may not be.
  init() throws(Problem) {
    guard geteuid() == 0 else { throw Problem("a control group with a quota can only be made as root") }
    let cpus = max(Double(bench_processors()) / 2, 0.5)
    let period = 100_000
    let name = "anax-bench-\(getpid())"
    QuotaGroup.removeLeft()
    if access("\(QuotaGroup.top)/cgroup.controllers", F_OK) == 0 {
      // A group with processes in it cannot hand its controllers on, so the new one is made at the top.
      let control = "\(QuotaGroup.top)/cgroup.subtree_control"
      let isOn = readText(control).split(whereSeparator: \.isWhitespace).contains("cpu")
      isHandedOn = !isOn && QuotaGroup.write("+cpu", control)
      folder = "\(QuotaGroup.top)/\(name)"
      try make([("cpu.max", "\(Int(cpus * Double(period))) \(period)")])
    } else {
      isHandedOn = false
      folder = "\(QuotaGroup.top)/cpu/\(name)"
      try make([("cpu.cfs_period_us", "\(period)"), ("cpu.cfs_quota_us", "\(Int(cpus * Double(period)))")])
    }
  }

  private func make(_ settings: [(file: String, value: String)]) throws(Problem) {
    guard mkdir(folder, 0o755) == 0 else { throw Problem("\(folder): \(reason(errno))") }
    for (file, value) in settings where !QuotaGroup.write(value, "\(folder)/\(file)") {
      let problem = Problem("\(folder)/\(file): \(reason(errno))")
      remove()
      throw problem
    }
  }

  /// Puts a process into the group; nil, or why the kernel refuses.
  func refusal(_ process: pid_t) -> String? {
    QuotaGroup.write("\(process)", "\(folder)/cgroup.procs") ? nil : "\(folder)/cgroup.procs: \(reason(errno))"
  }

  func remove() {
    rmdir(folder)
    if isHandedOn { _ = QuotaGroup.write("-cpu", "\(QuotaGroup.top)/cgroup.subtree_control") }
  }

  /// Groups of runs that were killed: the kernel refuses where a process is still in one.
  private static func removeLeft() {
    for parent in [top, "\(top)/cpu"] {
      guard let folder = opendir(parent) else { continue }
      defer { closedir(folder) }
      while let entry = readdir(folder) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        guard name.hasPrefix("anax-bench-"), let process = pid_t(name.dropFirst("anax-bench-".count)) else { continue }
        if kill(process, 0) != 0 { rmdir("\(parent)/\(name)") }
      }
    }
  }

  private static func write(_ text: String, _ path: String) -> Bool {
    let file = open(path, O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return false }
    defer { close(file) }
    return text.withCString { Glibc.write(file, $0, strlen($0)) } == text.utf8.count
  }
}

/// A process that only burns processor time. Waited for when it ends, so that its time counts as this program's own.
struct Hog {
  private let process: pid_t

  init() throws(Problem) {
    process = bench_spawn_hog()
    guard process > 0 else { throw Problem("fork: \(reason(errno))") }
  }

  func end() {
    kill(process, SIGKILL)
    var status: CInt = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
  }
}
