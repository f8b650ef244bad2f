// SPDX-License-Identifier: Apache-2.0
//
// Foreign load: what the machine's processors did during a run that neither the run nor this program did.

import CBench
import Glibc

package struct Load {
  private let busy: Double
  private let own: Double

  /// Now: processor seconds of the whole machine (stolen ones too) and of this program with its ended children.
  package static func now() -> Load {
    var own = 0.0
    for who in [RUSAGE_SELF, RUSAGE_CHILDREN] {
      var usage = rusage()
      getrusage(__rusage_who_t(who.rawValue), &usage)
      own += seconds(usage)
    }
    return Load(busy: machineBusy(), own: own)
  }

  /// Processor seconds that others used since `earlier`.
  package func foreign(since earlier: Load) -> Double { max(busy - earlier.busy - (own - earlier.own), 0) }

  /// Whether so much foreign time disturbs a run of so many seconds: above 15% of the machine, and beyond what the
  /// kernel's coarse counting can tell.
  package static func disturbs(_ foreign: Double, wall: Double) -> Bool {
    foreign > max(0.15 * wall * Double(bench_processors()), 0.025)
  }

  private static func machineBusy() -> Double {
    // cpu user nice system idle iowait irq softirq steal …
    guard let line = readText("/proc/stat").split(separator: "\n").first else { return 0 }
    let fields = line.split(separator: " ").dropFirst().map { Double($0) ?? 0 }
    guard fields.count >= 8 else { return 0 }
    return (fields[0] + fields[1] + fields[2] + fields[5] + fields[6] + fields[7]) / Double(bench_clock_ticks())
  }
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
