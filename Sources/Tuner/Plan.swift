// SPDX-License-Identifier: Apache-2.0
//
// What is measured, in which order, how often and how long. A value that is made once, before the first cell.

package struct Stage: Sendable {
  package enum Name: String, Sendable, CaseIterable {
    /// Everything, to find what is worth a closer look.
    case sweep
    /// The better half again.
    case narrowing
    /// The few best, with more and longer runs: the choice.
    case finals
    /// The choice beside the default, on fresh runs: its difference, and whether it holds elsewhere.
    case confirmation
  }

  package var name: Name
  package var rounds: Int
  /// Rounds that are measured even when the time is up.
  package var minimumRounds: Int
  /// Seconds of a cell.
  package var seconds: Double
  /// How many candidates besides the default go on from here; of the last stage, none.
  package var survivors: Int
  /// Indexes into the plan's workloads.
  package var workloads: [Int]
}

package struct Plan: Sendable {
  /// The first is the default.
  package var candidates: [Candidate]
  package var workloads: [Workload]
  /// What the choice is made for, and what it is validated on: indexes into `workloads`.
  package var objective: [Int]
  package var heldOut: [Int]
  package var stages: [Stage]
  /// Seconds for all stages; nil takes what it takes.
  package var budget: Double?
  /// Seconds after which no cell begins, and a program is ended: only a workload that does not fit the budget comes
  /// there.
  package var limit: Double?
  package var seed: UInt64
  /// Workloads that were declared and are not measured, since the budget has no time for them.
  package var leftOut = 0

  /// Seconds of a cell besides its own: threads start and end.
  static let overhead = 0.005

  /// How thorough: of a cell the seconds, of a stage the rounds.
  package struct Effort: Sendable {
    package var cell: Double
    package var rounds: Int
    package var budget: Double?
    package var limit: Double?

    package init(cell: Double, rounds: Int, budget: Double?, limit: Double? = nil) {
      self.cell = cell
      self.rounds = rounds
      self.budget = budget
      self.limit = limit
    }

    package static let quick = Effort(cell: 0.05, rounds: 5, budget: 45, limit: 55)
    package static let full = Effort(cell: 0.1, rounds: 7, budget: nil)
  }

  /// With a program, that decides, the synthetic workloads are measured once around and then validate the choice. Where
  /// a budget has no time for all declared workloads, as many as it has time for are drawn from them.
  package init(
    candidates: [Candidate], grid: WorkloadGrid, program: [String]?, cpus: Int, effort: Effort, seed: UInt64
  ) {
    let all = grid.workloads
    var random = SeededGenerator(seed: seed)
    let order = all.indices.shuffled(using: &random)
    func plan(_ count: Int) -> Plan {
      Plan(
        candidates, tuned: order.prefix(count).sorted().map { all[$0] }, heldOut: grid.heldOut(cpus: cpus), program,
        effort,
        seed)
    }
    self = plan(all.count)
    guard let budget else { return }
    // Something is left over for the machine's own costs and for cells that are measured again.
    let bound = 0.8 * budget
    var count = all.count
    while count > 1, minima.reduce(0, +) > bound {
      count = max(1, min(count - 1, Int(bound / minima.reduce(0, +) * Double(count))))
      self = plan(count)
    }
    leftOut = all.count - count
  }

  private init(
    _ candidates: [Candidate], tuned: [Workload.Contention], heldOut untuned: [Workload.Contention],
    _ program: [String]?, _ effort: Effort, _ seed: UInt64
  ) {
    self.candidates = candidates
    self.seed = seed
    budget = effort.budget
    limit = effort.limit
    workloads = (tuned + untuned).map(Workload.contention) + (program.map { [.program($0)] } ?? [])
    let synthetic = Array(0..<tuned.count)
    heldOut = Array(tuned.count..<tuned.count + untuned.count)
    objective = program == nil ? synthetic : [workloads.count - 1]
    let others = candidates.count - 1
    let finalists = min(4, others)
    let half = max(finalists, (others + 1) / 2)
    stages = [
      Stage(
        name: .sweep, rounds: program == nil ? 2 : 1, minimumRounds: 1, seconds: effort.cell, survivors: half,
        workloads: program == nil ? synthetic : synthetic + objective),
      Stage(
        name: .narrowing, rounds: 2, minimumRounds: 1, seconds: effort.cell, survivors: finalists, workloads: objective),
      Stage(
        name: .finals, rounds: effort.rounds, minimumRounds: 3, seconds: effort.cell * 2, survivors: 1,
        workloads: objective),
      Stage(
        name: .confirmation, rounds: effort.rounds * 2, minimumRounds: 5, seconds: effort.cell * 3, survivors: 0,
        workloads: objective + heldOut),
    ]
  }

  /// Seconds that each stage takes with all of its rounds, and with the fewest.
  var weights: [Double] {
    zip(stages, candidateCounts).map { stage, candidates in
      Double(stage.rounds * stage.workloads.count * candidates) * (stage.seconds + Self.overhead)
    }
  }
  var minima: [Double] { zip(stages, weights).map { $1 * Double($0.minimumRounds) / Double(max($0.rounds, 1)) } }

  /// How many candidates each stage measures.
  package var candidateCounts: [Int] {
    var active = candidates.count
    return stages.map { stage in
      defer { active = min(active, stage.survivors + 1) }
      return active
    }
  }

  package var cellCount: Int {
    zip(stages, candidateCounts).reduce(0) { $0 + $1.0.rounds * $1.0.workloads.count * $1.1 }
  }
}
