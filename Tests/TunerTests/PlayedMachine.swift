// SPDX-License-Identifier: Apache-2.0
//
// A machine that tests play: what each candidate gives on each workload is told, and noise is added. Time is counted,
// not taken.
import Anax

@testable import Report
@testable import Tuner

final class PlayedMachine {
  var random: SeededGenerator
  var noise = 0.1
  /// Relative to 1: of throughput, CPU per operation and p99.9; and the fairness.
  var throughput: (Candidate, Workload) -> Double = { _, _ in 1 }
  var cpu: (Candidate, Workload) -> Double = { _, _ in 1 }
  var tail: (Candidate, Workload) -> Double = { _, _ in 1 }
  var fairness: (Candidate, Workload) -> Double = { _, _ in 0.99 }
  /// Whether the cell with this number, from 0, is dirty.
  var dirty: (Int) -> Bool = { _ in false }
  /// Seconds that a cell takes besides its own.
  var overhead = 0.0
  private(set) var cells = 0
  var now = 0.0

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  func measure(_ candidate: Candidate, _ workload: Workload, _ seconds: Double) -> Reading {
    now += seconds + overhead
    let operations = 1e6 * seconds * throughput(candidate, workload) * random.noise(noise)
    var reading = Reading(
      operations: operations, wall: seconds,
      cpu: operations * 300e-9 * cpu(candidate, workload) * random.noise(noise),
      fairness: fairness(candidate, workload))
    let longest = 5000 * tail(candidate, workload) * random.noise(noise)
    if case .contention = workload {
      reading.waits = .init(p50: 50, p99: longest / 4, p999: longest, longest: longest * 3)
    }
    reading.isDirty = dirty(cells)
    cells += 1
    return reading
  }

  static let standard = Candidate(.standard)
  static let grid = WorkloadGrid(sections: [100, 2000], thinks: [500], threadsPerCPU: [1, 4], shared: [0])
  static let grids = (tries: [0, 5, 40, 320], delays: [0, 100, 1000])
  static let candidates = CandidateGrid(
    tries: grids.tries, delays: grids.delays, standard: standard,
    policies: [Candidate(.exponential2018, label: "exponential2018")]
  ).candidates

  /// The default has a place of its own where the grid has none for it.
  static let extra = grids.tries.contains(standard.policy.tries) && grids.delays.contains(standard.policy.delay) ? 0 : 1

  static func plan(_ effort: Plan.Effort = .quick, seed: UInt64 = 1, program: [String]? = nil) -> Plan {
    var plan = Plan(candidates: candidates, grid: grid, program: program, cpus: 2, effort: effort, seed: seed)
    plan.budget = nil
    plan.limit = nil
    return plan
  }

  func tuning(_ plan: Plan, _ rails: GuardRails = GuardRails()) -> Tuning {
    Tuning(plan: plan, rails: rails, now: { self.now }) { candidate, workload, seconds throws(CellFailure) in
      self.measure(candidate, workload, seconds)
    }
  }

  func run(_ plan: Plan = plan(), _ rails: GuardRails = GuardRails()) throws -> Record {
    tuning(plan, rails).run()
  }
}
