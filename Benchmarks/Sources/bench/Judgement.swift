// SPDX-License-Identifier: Apache-2.0
//
// From samples to statements: which peer is the best of a row, how the candidate compares with it, and whether the
// row's goal is met. Report has how; here it is applied to a row.

import Harness
import Report

struct Judgement: Sendable {
  let row: Row
  /// Median, lowest and highest of each subject; nil where it failed.
  let figures: [(median: Double, low: Double, high: Double)?]
  let failures: [String?]
  let best: Int?
  /// Each subject's ratios to the best peer, a round each.
  let ratios: [[Double]?]
  let verdict: Verdict
  let disturbed: Double

  init(_ row: Row, _ samples: BenchSamples, candidate: Int?) {
    self.row = row
    let values = samples.values(row.cell, row.metric)
    figures = values.map { list in
      list.map { (Statistics.median($0), $0.min() ?? .nan, $0.max() ?? .nan) }
    }
    failures = samples.subjects.indices.map {
      values[$0] == nil && !samples.isAbsent(row.cell, $0)
        ? samples.notRun(row.cell, $0).map { _ in "not run" } ?? samples.failure(row.cell, $0) ?? "not measured" : nil
    }
    disturbed = samples.disturbed(row.cell)
    let present = values.indices.filter { values[$0] != nil }
    let list = present.map { values[$0]! }
    let isPeer = present.map { $0 != candidate && samples.subjects[$0].isPeer }
    best = Peers.best(list, isPeer: isPeer, isLowerBetter: true).map { present[$0] }
    let found = Peers.ratiosToBest(list, isPeer: isPeer, isLowerBetter: true)
    let ratios = values.indices.map { subject in present.firstIndex(of: subject).flatMap { found?[$0] } }
    self.ratios = ratios
    guard let candidate, samples.notRun(row.cell, candidate) == nil else {
      verdict = .open
      return
    }
    verdict = row.goal.verdict(own: values[candidate], toBest: ratios[candidate]) { name in
      samples.subjects.firstIndex { $0.name == name }.flatMap { values[$0] }
    }
  }

  /// The candidate's ratio to the best peer with its 95% interval.
  func ratio(_ subject: Int?) -> Interval? {
    guard let subject, let list = ratios[subject] else { return nil }
    return Statistics.interval(ofRatios: list)
  }
}

/// What holds over many rows.
struct Summary: Sendable {
  let name: String
  /// Of each subject: the geometric mean over the rows, of the rounds' medians; nil where it failed in one of them.
  let means: [Double?]
  /// Of the candidate: the interval of the rounds' geometric means, and what is asked of it.
  let interval: Interval?
  let bound: Double?
  let verdict: Verdict
  let rows: Int

  /// For the report; nil where nothing is asked.
  var outcome: GoalOutcome? {
    bound.map {
      GoalOutcome(
        group: "malloc", title: name, bound: GoalBound.atMost($0).text(""), figure: interval, verdict: verdict,
        note: "\(rows) rows")
    }
  }

  /// Geometric means of the ratios to the best peer of each row.
  static func times(_ name: String, _ judgements: [Judgement], bound: Double?, candidate: Int?) -> Summary? {
    make(name, judgements.filter(\.row.isTime).map(\.ratios), bound, candidate)
  }

  /// Geometric means of peak resident memory relative to glibc.
  static func peakMemory(_ cells: [Cell], _ samples: BenchSamples, bound: Double?, candidate: Int?) -> Summary? {
    guard let glibc = samples.subjects.firstIndex(where: { $0.path == nil }) else { return nil }
    let lists: [[[Double]?]] = cells.filter(\.footprint).compactMap { cell in
      let values = samples.values(cell, "peak_kib")
      guard let reference = values[glibc] else { return nil }
      return values.map { list in list.map { zip($0, reference).map { $0 / $1 } } }
    }
    return make("peak memory / glibc", lists, bound, candidate)
  }

  /// `lists`: for each row, for each subject, a ratio each round.
  private static func make(_ name: String, _ lists: [[[Double]?]], _ bound: Double?, _ candidate: Int?) -> Summary? {
    let usable = lists.filter { $0.contains { $0 != nil } }
    guard let subjects = usable.first?.count else { return nil }
    let means = (0..<subjects).map { subject -> Double? in
      let medians = usable.compactMap { $0[subject].map(Statistics.median) }
      return medians.count == usable.count ? Statistics.geometricMean(medians) : nil
    }
    guard let candidate, means[candidate] != nil else {
      return Summary(
        name: name, means: means, interval: nil, bound: bound, verdict: candidate == nil ? .open : .failed,
        rows: usable.count)
    }
    let rounds = usable.map { $0[candidate]!.count }.min() ?? 0
    let perRound = (0..<rounds).map { round in
      Statistics.geometricMean(usable.map { $0[candidate]![round] })
    }
    return Summary(
      name: name, means: means, interval: Statistics.interval(ofRatios: perRound), bound: bound,
      verdict: bound.map { Verdict.judge(ratios: perRound, atMost: $0) } ?? .open, rows: usable.count)
  }
}
