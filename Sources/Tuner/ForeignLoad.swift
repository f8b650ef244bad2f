// SPDX-License-Identifier: Apache-2.0
//
// What dirties a cell: processor time that the hypervisor kept from the CPUs that this process may use, and time that
// others used on them. Counted by the kernel, in coarse ticks, so short cells can only be told when much is wrong.

import CAnax
import Glibc
import Topology

package struct ForeignLoad {
  private let busy: Double
  private let stolen: Double
  private let own: Double
  private let at: Double

  private static let allowed = Topology().allowed

  package static func now() -> ForeignLoad { ForeignLoad(files: FileTree(), cpus: allowed) }

  private init(files: FileTree, cpus: CPUSet) {
    own = Self.own()
    at = Clock.seconds
    (busy, stolen) = Self.seconds(files: files, cpus: cpus)
  }

  /// Busy and stolen, of these CPUs together.
  static func seconds(files: FileTree, cpus: CPUSet) -> (busy: Double, stolen: Double) {
    var (busy, stolen) = (0.0, 0.0)
    for line in (try? files.text("proc/stat"))?.split(separator: "\n") ?? [] where line.hasPrefix("cpu") {
      // cpuN user nice system idle iowait irq softirq steal …, in clock ticks; the first line is all CPUs'.
      let fields = line.split(separator: " ")
      guard let id = Int(fields[0].dropFirst(3)), cpus.contains(id), fields.count >= 9 else { continue }
      let ticks = fields.dropFirst().map { Double($0) ?? 0 }
      busy += ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]
      stolen += ticks[7]
    }
    let tick = Double(sysconf(CInt(_SC_CLK_TCK)))
    return (busy / tick, stolen / tick)
  }

  /// Processor seconds of this program and of its children that have ended.
  private static func own() -> Double {
    [RUSAGE_SELF, RUSAGE_CHILDREN].reduce(0) { sum, who in
      var usage = rusage()
      getrusage(__rusage_who_t(who.rawValue), &usage)
      return sum + seconds(usage)
    }
  }

  static func seconds(_ usage: rusage) -> Double {
    Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
      + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
  }

  /// Marks a reading with what happened since.
  package func mark(_ reading: inout Reading, processors: Int) {
    let end = Self.now()
    let wall = (end.at - at) * Double(processors)
    reading.steal = max(0, end.stolen - stolen)
    reading.foreign = max(0, end.busy - busy - (end.own - own))
    reading.isDirty = Self.disturbs(steal: reading.steal, foreign: reading.foreign, capacity: wall)
  }

  /// Above a twentieth of the machine's time stolen, or an eighth used by others, and beyond what the ticks can tell.
  static func disturbs(steal: Double, foreign: Double, capacity: Double) -> Bool {
    steal > max(0.05 * capacity, 0.015) || foreign > max(0.125 * capacity, 0.025)
  }
}
