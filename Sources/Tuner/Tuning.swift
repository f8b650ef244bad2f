// SPDX-License-Identifier: Apache-2.0
//
// The measurement's course: stages of rounds, in a round every workload in random order, on a workload every candidate
// still in the race, in random order. Dirty cells are measured again, twice at most. Cells run one at a time, on the
// thread that calls `run`; what a cell is comes from outside, so that a test can play a machine.

/// Why a cell could not be measured.
package struct CellFailure: Error, CustomStringConvertible {
  package var description: String
  package init(_ description: String) { self.description = description }
}

/// What came of it.
package struct Record: Sendable {
  package var plan: Plan
  package var rails: GuardRails
  package var samples: [Sample] = []
  package var outcome = Outcome.unfinished
  /// The candidate that went into the confirmation.
  package var winner: Int?
  package var isInterrupted = false
  /// Whether the plan's limit came before its end.
  package var isOutOfTime = false
  /// What ended it: a cell that could not be measured.
  package var failure: String?
  /// Cells thrown away as dirty, and cells kept although dirty.
  package var discarded = 0
  package var dirty: Int { samples.lazy.filter(\.reading.isDirty).count }
  /// Seconds.
  package var duration = 0.0

  package init(plan: Plan, rails: GuardRails) {
    self.plan = plan
    self.rails = rails
  }
}

package struct Progress: Sendable {
  package var stage: Stage.Name
  package var round: Int
  package var rounds: Int
  /// 0 to 1, of everything.
  package var done: Double
  /// Seconds; nil while unknown.
  package var left: Double?
}

package struct Tuning {
  package var plan: Plan
  package var rails: GuardRails
  /// Measures one cell; nil where the run was interrupted.
  package var measure: (Candidate, Workload, Double) throws(CellFailure) -> Reading?
  package var isInterrupted: () -> Bool = { false }
  /// Seconds on a clock that only goes forward.
  package var now: () -> Double
  package var report: (Progress) -> Void = { _ in }

  private static let attempts = 3

  package init(
    plan: Plan, rails: GuardRails, now: @escaping () -> Double,
    measure: @escaping (Candidate, Workload, Double) throws(CellFailure) -> Reading?
  ) {
    self.plan = plan
    self.rails = rails
    self.now = now
    self.measure = measure
  }

  /// What was measured until a cell failed is in the record too.
  package func run() -> Record {
    var record = Record(plan: plan, rails: rails)
    let start = now()
    do throws(CellFailure) {
      try measure(into: &record, start)
    } catch {
      record.outcome = .unfinished
      record.failure = error.description
    }
    record.duration = now() - start
    return record
  }

  private func measure(into record: inout Record, _ start: Double) throws(CellFailure) {
    let choice = Choice(plan: plan, rails: rails)
    var random = SeededGenerator(seed: plan.seed)
    var active = Array(plan.candidates.indices)
    var pace = Pace(plan: plan)

    for (index, stage) in plan.stages.enumerated() {
      let deadline = plan.budget.map { now() + ($0 - (now() - start)) * pace.share(of: index) }
      // Beyond half of its time a stage redoes nothing, so that its rounds fit; nor does it take what later ones must
      // have.
      let latest = plan.budget.map { start + $0 - pace.minimum(after: index) }
      let cost = stage.seconds + Plan.overhead
      var needed = Double(stage.minimumRounds * stage.workloads.count * active.count) * cost
      let redoUntil = deadline.map { (now() + $0) / 2 }
      for round in 0..<stage.rounds {
        let began = now()
        if let deadline, let latest, round >= stage.minimumRounds, began + pace.roundCost > min(deadline, latest) {
          break
        }
        for workload in stage.workloads.shuffled(using: &random) {
          for candidate in active.shuffled(using: &random) {
            if mustEnd(start, &record) { return }
            report(
              Progress(
                stage: stage.name, round: round + 1, rounds: stage.rounds, done: pace.done,
                left: pace.left(elapsed: now() - start, budget: plan.budget)))
            needed -= cost
            let redo = redoUntil.map { min($0, latest! - needed - cost) }
            guard
              let reading = try cell(
                plan.candidates[candidate], plan.workloads[workload], stage.seconds, redo, &record.discarded)
            else {
              if !mustEnd(start, &record) { record.isInterrupted = true }
              return
            }
            record.samples.append(
              Sample(stage: stage.name, round: round, workload: workload, candidate: candidate, reading: reading))
            pace.cell(stage.seconds)
          }
        }
        pace.roundCost = now() - began
      }
      pace.ended(stage: index)
      if stage.name == .confirmation {
        if let winner = record.winner { record.outcome = choice.confirmed(winner, record.samples) }
      } else {
        let survivors = choice.survivors(of: stage, among: active, record.samples)
        if stage.name == .finals {
          guard let winner = survivors.first else {
            record.outcome = .keepDefault(reason: choice.reasonWithoutWinner(record.samples))
            break
          }
          record.winner = winner
        }
        active = [0] + survivors
      }
    }
  }

  /// Whether to stop here; marks the record with why.
  private func mustEnd(_ start: Double, _ record: inout Record) -> Bool {
    record.duration = now() - start
    record.isInterrupted = isInterrupted()
    record.isOutOfTime = !record.isInterrupted && plan.limit.map { record.duration >= $0 } ?? false
    return record.isInterrupted || record.isOutOfTime
  }

  private func cell(
    _ candidate: Candidate, _ workload: Workload, _ seconds: Double, _ redoUntil: Double?, _ discarded: inout Int
  ) throws(CellFailure) -> Reading? {
    var redone = 0
    while true {
      guard var reading = try measure(candidate, workload, seconds) else { return nil }
      reading.redone = redone
      let isLate = redoUntil.map { now() > $0 } ?? false
      if !reading.isDirty || redone + 1 == Self.attempts || isLate || isInterrupted() { return reading }
      redone += 1
      discarded += 1
    }
  }
}

/// How far a measurement is, and what is left of it: cells weighed by their seconds.
private struct Pace {
  private let weights: [Double]
  private let minima: [Double]
  private var finished = 0.0
  private var current = 0.0
  private var stage = 0
  /// Seconds that the last round took.
  var roundCost = 0.0

  init(plan: Plan) {
    weights = plan.weights
    minima = plan.minima
  }

  mutating func cell(_ seconds: Double) { current += seconds + Plan.overhead }

  mutating func ended(stage index: Int) {
    finished += weights[index]
    current = 0
    stage = index + 1
  }

  private var weight: Double { finished + min(current, stage < weights.count ? weights[stage] : 0) }

  var done: Double { min(1, weight / max(weights.reduce(0, +), 1e-9)) }

  /// Which part of the time that is left is this stage's.
  func share(of index: Int) -> Double { weights[index] / max(weights[index...].reduce(0, +), 1e-9) }

  /// Seconds that the stages behind this one take with the fewest rounds.
  func minimum(after index: Int) -> Double { minima[(index + 1)...].reduce(0, +) }

  func left(elapsed: Double, budget: Double?) -> Double? {
    guard done > 0.01 else { return nil }
    let left = elapsed / done * (1 - done)
    return budget.map { min(left, max(0, $0 - elapsed)) } ?? left
  }
}
