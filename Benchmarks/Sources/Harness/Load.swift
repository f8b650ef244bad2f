// SPDX-License-Identifier: Apache-2.0
//
// Foreign load: what the machine's processors did during a run that neither the run nor this program did.

import CBench
import Glibc

package struct Load {
  private let busy: Double
  private let own: Double

  /// Now: processor seconds of the CPUs that this program may use (stolen ones too) and of this program with its ended
  /// children.
  package static func now() -> Load {
    var own = 0.0
    for who in [RUSAGE_SELF, RUSAGE_CHILDREN] {
      var usage = rusage()
      getrusage(__rusage_who_t(who.rawValue), &usage)
      own += seconds(usage)
    }
    return Load(busy: busy(), own: own)
  }

  /// Processor seconds that others used since `earlier`.
  package func foreign(since earlier: Load) -> Double { max(busy - earlier.busy - (own - earlier.own), 0) }

  /// Whether so much foreign time as since `earlier` disturbs what ran for `wall` seconds: above 15% of the CPUs that
  /// the run used (of two at least, as far as there are so many: neighbors share more than a CPU), and beyond what the
  /// kernel's coarse counting can tell.
  package func disturbs(since earlier: Load, wall: Double) -> Bool {
    let used = (own - earlier.own) / max(wall, 1e-3)
    let cpus = min(max(used, 2), Double(bench_processors()))
    return foreign(since: earlier) > max(0.15 * wall * cpus, 0.025)
  }

  /// Of the CPUs that this program may use. In a container with CPUs of its own the kernel tells of all the machine's.
  private static func busy() -> Double {
    let allowed = allowedCPUs
    // cpu0 user nice system idle iowait irq softirq steal …
    return readText("/proc/stat").split(separator: "\n").reduce(0) { sum, line in
      let fields = line.split(separator: " ")
      guard fields.count > 8, fields[0].hasPrefix("cpu"), let cpu = Int(fields[0].dropFirst(3)), allowed.contains(cpu)
      else {
        return sum
      }
      let ticks = [1, 2, 3, 6, 7, 8].reduce(0) { $0 + (Double(fields[$1]) ?? 0) }
      return sum + ticks / Double(bench_clock_ticks())
    }
  }

  /// Once: the runner does not change it.
  private static let allowedCPUs: Set<Int> = {
    var mask = [UInt](repeating: 0, count: 128)
    let bytes = bench_allowed(&mask, mask.count)
    guard bytes > 0 else { return Set(0..<bench_processors()) }
    return Set((0..<Int(bytes) * 8).filter { mask[$0 / UInt.bitWidth] >> ($0 % UInt.bitWidth) & 1 == 1 })
  }()
}

/// The text of a small file; empty where it cannot be read.
package func readText(_ path: String) -> String {
  let file = open(path, O_RDONLY | O_CLOEXEC)
  guard file >= 0 else { return "" }
  defer { close(file) }
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 16384)
  while true {
    let got = read(file, &buffer, buffer.count)
    if got <= 0 { return String(decoding: bytes, as: UTF8.self) }
    bytes += buffer[0..<got]
  }
}
