// SPDX-License-Identifier: Apache-2.0
//
// The decision, from samples alone: who goes on to the next stage, what is chosen, and what would have to be true for
// it.
// A candidate is chosen only if, on runs that had no part in selecting it, its paired gain is above zero at 95% and
// worth having, no guard rail refuses it, and it holds on what it was not tuned on. Else the default is kept, with the
// reason.

import Report

package enum Outcome: Hashable, Sendable {
  case chosen(Int)
  case keepDefault(reason: String)
  /// Stopped before the last stage had its rounds.
  case unfinished
}

package struct Choice: Sendable {
  package var plan: Plan
  package var rails: GuardRails
  /// A gain smaller than this is not worth a setting of its own.
  package static let worthwhile = 0.01

  package init(plan: Plan, rails: GuardRails) {
    self.plan = plan
    self.rails = rails
  }

  private func isRefused(_ comparison: Comparison, in stage: Stage.Name) -> Bool {
    !violations(comparison, in: stage).isEmpty
  }

  /// What keeps a candidate from going on. The last word is the confirmation's: until then only what breaks the guard
  /// rails by far is refused, and in the finals also what does so for sure. One run alone says nothing.
  private func violations(_ comparison: Comparison, in stage: Stage.Name) -> [String] {
    switch stage {
    case .sweep, .narrowing:
      return comparison.rounds > 1 ? comparison.violations(rails.lenient, plan.workloads) : []
    case .finals:
      let sure = comparison.violations(rails, plan.workloads, onlySure: true)
      return sure.isEmpty ? comparison.violations(rails.lenient, plan.workloads) : sure
    case .confirmation: return comparison.violations(rails, plan.workloads)
    }
  }

  /// The candidates besides the default that go on, best first. What a guard rail refuses comes behind all others.
  package func survivors(of stage: Stage, among active: [Int], _ samples: [Sample]) -> [Int] {
    let ranked = active.filter { $0 != 0 }.compactMap { candidate in
      Comparison(samples, stage: stage.name, candidate: candidate, workloads: plan.objective)
    }.map { (comparison: $0, refused: isRefused($0, in: stage.name)) }
      .sorted { left, right in
        if left.refused != right.refused { return right.refused }
        return left.comparison.throughput.middle > right.comparison.throughput.middle
      }
    let better = stage.name == .finals ? ranked.filter { !$0.refused && $0.comparison.throughput.middle > 1 } : ranked
    return better.prefix(stage.survivors).map(\.comparison.candidate)
  }

  /// Why there is nothing to confirm after the finals. Names the fastest that a guard rail kept out, in the latest
  /// stage that has one: later stages have more runs.
  package func reasonWithoutWinner(_ samples: [Sample]) -> String {
    fastestRefused(samples) ?? "nothing was faster than the default in the finals"
  }

  private func fastestRefused(_ samples: [Sample]) -> String? {
    var best: (stage: Stage.Name, comparison: Comparison)?
    for stage in [Stage.Name.finals, .narrowing, .sweep] where best == nil {
      best = plan.candidates.indices.dropFirst().compactMap {
        Comparison(samples, stage: stage, candidate: $0, workloads: plan.objective)
      }.filter { $0.throughput.middle > 1 && isRefused($0, in: stage) }
        .max { $0.throughput.middle < $1.throughput.middle }.map { (stage, $0) }
    }
    guard let best else { return nil }
    return
      "\(plan.candidates[best.comparison.candidate].name) comes to \(Text.change(best.comparison.throughput.middle)) in the "
      + "\(best.stage.rawValue), but a guard rail refuses it: "
      + best.comparison.violations(rails, plan.workloads).joined(separator: "; ")
  }

  /// The winner on its fresh runs.
  package func confirmed(_ winner: Int, _ samples: [Sample]) -> Outcome {
    let name = plan.candidates[winner].name
    guard let own = Comparison(samples, stage: .confirmation, candidate: winner, workloads: plan.objective),
      own.rounds > 1
    else { return .unfinished }
    let gain = Self.text(own.throughput)
    let cells = samples.filter { $0.stage == .confirmation }
    if cells.filter(\.reading.isDirty).count * 2 > cells.count {
      return .keepDefault(
        reason:
          "\(name) comes to \(gain), but most cells of its confirmation were disturbed by others; measure again on an "
          + "idle machine")
    }
    if own.throughput.low <= 1 {
      let refused = fastestRefused(samples).map { ". Of those that did not come so far, " + $0 } ?? ""
      return .keepDefault(reason: "no significant difference: \(name) comes to \(gain)" + refused)
    }
    if own.throughput.middle < 1 + Self.worthwhile {
      return .keepDefault(reason: "the gain of \(name), \(gain), is below \(Text.percent(Self.worthwhile))")
    }
    let refused = own.violations(rails, plan.workloads)
    if !refused.isEmpty {
      return .keepDefault(
        reason: "\(name) comes to \(gain), but a guard rail refuses it: \(refused.joined(separator: "; "))")
    }
    if !plan.heldOut.isEmpty {
      guard let failures = validationFailures(winner, samples) else { return .unfinished }
      if !failures.isEmpty {
        return .keepDefault(
          reason: "\(name) comes to \(gain), but fails its validation: \(failures.joined(separator: "; "))")
      }
    }
    return .chosen(winner)
  }

  /// What a candidate does worse where it was not tuned: slower on a workload for sure and by more than is worth a
  /// word; or over all by 5% for sure, or by 10%; or refused by a guard rail. nil where the cells are not there.
  package func validationFailures(_ candidate: Int, _ samples: [Sample]) -> [String]? {
    guard let other = Comparison(samples, stage: .confirmation, candidate: candidate, workloads: plan.heldOut)
    else { return nil }
    var failures = other.parts.filter { $0.throughput.high < 1 - Self.worthwhile }.map {
      "\(Self.text($0.throughput)) with \(plan.workloads[$0.workload].name)"
    }
    let whole = other.throughput
    if failures.isEmpty, whole.middle < 0.9 || (whole.middle < 0.95 && whole.high < 1) {
      failures.append("\(Self.text(other.throughput)) on what it was not tuned on")
    }
    failures += other.violations(rails, plan.workloads)
    return failures
  }

  package static func text(_ interval: Interval) -> String {
    let range = interval.high.isFinite ? " (95%: \(Text.change(interval.low)) to \(Text.change(interval.high)))" : ""
    return Text.change(interval.middle) + range
  }
}
