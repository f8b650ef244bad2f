// SPDX-License-Identifier: Apache-2.0
//
// What one cell of the measurement gave: one candidate on one workload, once. Value types.

package struct Reading: Hashable, Sendable {
  /// Waits of a token in nanoseconds; nil for a program, which keeps its waits to itself.
  package struct Waits: Hashable, Sendable {
    package var p50: Double
    package var p99: Double
    package var p999: Double
    package var longest: Double

    package init(p50: Double, p99: Double, p999: Double, longest: Double) {
      self.p50 = p50
      self.p99 = p99
      self.p999 = p999
      self.longest = longest
    }
  }

  package var operations: Double
  /// Seconds.
  package var wall: Double
  /// Processor seconds of the threads or the program measured.
  package var cpu: Double
  package var waits: Waits?
  /// Jain's index of the threads' operations.
  package var fairness: Double?
  /// Context switches: given up, and taken away.
  package var voluntarySwitches = 0
  package var involuntarySwitches = 0
  /// Processor seconds that the hypervisor kept, and that others used, while the cell ran.
  package var steal = 0.0
  package var foreign = 0.0
  package var isDirty = false
  /// How often it had been measured before, and thrown away as dirty.
  package var redone = 0

  package init(operations: Double, wall: Double, cpu: Double, waits: Waits? = nil, fairness: Double? = nil) {
    self.operations = operations
    self.wall = wall
    self.cpu = cpu
    self.waits = waits
    self.fairness = fairness
  }

  /// Operations a second.
  package var throughput: Double { operations / max(wall, 1e-9) }
  /// Nanoseconds of processor time an operation.
  package var cpuPerOperation: Double { cpu * 1e9 / max(operations, 1) }
}

package struct Sample: Sendable {
  package var stage: Stage.Name
  package var round: Int
  /// Indexes into the plan.
  package var workload: Int
  package var candidate: Int
  package var reading: Reading
}
