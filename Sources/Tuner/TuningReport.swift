// SPDX-License-Identifier: Apache-2.0
//
// What a tuning found, with all that its texts need: the command's lines, the page, the profile and the JSON are made
// from this and nothing else. A value type.

import Report
import Anax
import Machine

package struct TuningReport: Sendable {
  package var record: Record
  package var machine: MachineFingerprint
  package var costs: MachineCosts
  /// By index of the workload.
  package var optima: [Int: SpinOptimum]
  /// As `2026-11-25 04:00 UTC`.
  package var date: String
  /// What was typed.
  package var command: String

  package init(
    record: Record, machine: MachineFingerprint, costs: MachineCosts, optima: [Int: SpinOptimum], date: String,
    command: String
  ) {
    self.record = record
    self.machine = machine
    self.costs = costs
    self.optima = optima
    self.date = date
    self.command = command
  }

  package var plan: Plan { record.plan }

  /// One candidate on one workload, over all stages but the confirmation.
  package struct Summary: Sendable {
    package var candidate: Int
    package var runs: Int
    package var dirty: Int
    /// Medians.
    package var throughput: Double
    package var cpu: Double
    package var tail: Double?
    package var fairness: Double?
    /// Geometric means of the ratios to the default in the same round; nil of a single side.
    package var throughputRatio: Double?
    package var cpuRatio: Double?
    package var tailRatio: Double?

    /// Medians of different rounds do not compare, since machines drift: these are the default's median times the ratio
    /// in the rounds that both have.
    package func scaled(to standard: Summary?) -> Summary {
      guard let standard else { return self }
      var scaled = self
      if let throughputRatio { scaled.throughput = standard.throughput * throughputRatio }
      if let cpuRatio { scaled.cpu = standard.cpu * cpuRatio }
      if let tailRatio, let tail = standard.tail { scaled.tail = tail * tailRatio }
      return scaled
    }
  }

  package func summaries(of workload: Int) -> [Summary] {
    let samples = record.samples.filter { $0.workload == workload && $0.stage != .confirmation }
    var standard: [Key: Reading] = [:]
    for sample in samples where sample.candidate == 0 { standard[Key(sample)] = sample.reading }
    return plan.candidates.indices.compactMap { candidate in
      let own = samples.filter { $0.candidate == candidate }
      guard !own.isEmpty else { return nil }
      func middle(_ metric: (Reading) -> Double?) -> Double? {
        let values = own.compactMap { metric($0.reading) }
        return values.isEmpty ? nil : Statistics.median(values)
      }
      func ratio(_ metric: (Reading) -> Double?) -> Double? {
        let values = own.compactMap { sample -> Double? in
          guard let theirs = standard[Key(sample)].flatMap(metric), let ours = metric(sample.reading) else {
            return nil
          }
          return max(ours, 1e-9) / max(theirs, 1e-9)
        }
        return values.isEmpty ? nil : Statistics.geometricMean(values)
      }
      return Summary(
        candidate: candidate, runs: own.count, dirty: own.filter(\.reading.isDirty).count,
        throughput: middle(\.throughput) ?? .nan, cpu: middle(\.cpuPerOperation) ?? .nan, tail: middle(\.waits?.p999),
        fairness: middle(\.fairness), throughputRatio: ratio(\.throughput), cpuRatio: ratio(\.cpuPerOperation),
        tailRatio: ratio(\.waits?.p999))
    }
  }

  private struct Key: Hashable {
    var stage: Stage.Name
    var round: Int

    init(_ sample: Sample) { (stage, round) = (sample.stage, sample.round) }
  }

  /// The paired comparison that the verdict rests on: of the confirmation where there was one, else of the last stage
  /// that has cells of the candidate.
  package func comparison(of candidate: Int, on workloads: [Int]? = nil) -> (stage: Stage.Name, comparison: Comparison)?
  {
    for stage in Stage.Name.allCases.reversed() {
      if let found = Comparison(
        record.samples, stage: stage, candidate: candidate, workloads: workloads ?? plan.objective)
      {
        return (stage, found)
      }
    }
    return nil
  }

  /// The candidates of the finals besides the default, fastest first.
  package var finalists: [Comparison] {
    plan.candidates.indices.dropFirst().compactMap {
      Comparison(record.samples, stage: .finals, candidate: $0, workloads: plan.objective)
    }.sorted { $0.throughput.middle > $1.throughput.middle }
  }

  /// What a profile sets: nothing where the default is kept or the measurement did not end.
  package var values: [String: Int] {
    guard case .chosen(let index) = record.outcome else { return [:] }
    return Dictionary(uniqueKeysWithValues: plan.candidates[index].values.map { ("\($0.tunable.row.name)", $0.value) })
  }

  package var isComplete: Bool { record.outcome != .unfinished }

  /// One sentence.
  package var verdict: String {
    switch record.outcome {
    case .chosen(let index):
      let policy = plan.candidates[index].policy
      let growth = policy.growth == .none ? "" : ", with a delay that grows: \(plan.candidates[index].name)"
      return "Set lwkt.token_spin = \(policy.tries) and lwkt.token_delay = \(policy.delay) ns" + growth
    case .keepDefault: return "Keep the default"
    case .unfinished where record.failure != nil: return "A cell failed before a choice"
    case .unfinished:
      return record.isInterrupted
        ? "Stopped before a choice"
        : (record.isOutOfTime ? "Out of time before a choice" : "Too few rounds for a choice")
    }
  }

  /// Why, in a sentence or two.
  package var reason: String {
    switch record.outcome {
    case .chosen(let index):
      guard let (_, comparison) = comparison(of: index) else { return "" }
      return "Throughput \(Choice.text(comparison.throughput)) beside the default "
        + "\(plan.candidates[0].name), CPU per operation \(Text.change(comparison.cpu.middle)), on \(comparison.rounds) "
        + "fresh rounds; it holds on what it was not tuned on."
    case .keepDefault(let reason): return reason.prefix(1).uppercased() + reason.dropFirst() + "."
    case .unfinished where record.isOutOfTime:
      return
        "The workload does not fit the time of a quick measurement; measure without --quick, or a shorter one. What "
        + "was measured until then is below; nothing was chosen."
    case .unfinished where record.failure != nil:
      return "\(record.failure ?? ""). What was measured until then is below; nothing was chosen."
    case .unfinished: return "What was measured until then is below; nothing was chosen."
    }
  }

  /// What stands against all of the numbers; nil where nothing does.
  package var warning: String? {
    let dirty = record.dirty
    guard dirty * 5 > record.samples.count else { return nil }
    return "\(dirty) of \(record.samples.count) cells stayed dirty: others used the machine, so this says little. "
      + "Measure again when it is idle."
  }
}
