// SPDX-License-Identifier: Apache-2.0
//
// What dirties a cell: processor time that the hypervisor kept from this machine, and time that others used. Counted for
// the whole machine by the kernel, in coarse ticks, so short cells can only be told when much is wrong.

import CAnax
import Glibc
import Topology

package struct ForeignLoad {
  private let busy: Double
  private let stolen: Double
  private let own: Double
  private let at: Double

  package static func now(files: FileTree = FileTree()) -> ForeignLoad { ForeignLoad(files: files) }

  private init(files: FileTree) {
    own = Self.own()
    at = Clock.seconds
    // cpu user nice system idle iowait irq softirq steal …, in clock ticks
    let line = (try? files.text("proc/stat"))?.split(separator: "\n").first ?? ""
    let fields = line.split(separator: " ").dropFirst().map { Double($0) ?? 0 }
    let tick = Double(sysconf(CInt(_SC_CLK_TCK)))
    let known = fields.count >= 8
    busy = known ? (fields[0] + fields[1] + fields[2] + fields[5] + fields[6]) / tick : 0
    stolen = known ? fields[7] / tick : 0
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
