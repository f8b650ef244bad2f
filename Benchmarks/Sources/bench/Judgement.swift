// SPDX-License-Identifier: Apache-2.0
//
// From samples to statements: which peer is the best of a row, how the candidate compares with it, and whether the
// row's goal is met. Ratios are paired: both sides of a ratio come from the same round.

import Harness
import Report

struct Judgement: Sendable {
  let row: Row
  /// Median, lowest and highest of each subject; nil where it failed.
  let figures: [(median: Double, low: Double, high: Double)?]
  let failures: [String?]
  /// The best peer: lowest median after every round is divided by its geometric mean.
  let best: Int?
  /// Each subject's paired ratios to the best peer, a round each.
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
      values[$0] == nil ? samples.failure(row.cell, $0) ?? "not measured" : nil
    }
    disturbed = samples.disturbed(row.cell)
    let present = values.indices.filter { values[$0] != nil }
    best = Peers.best(
      present.map { values[$0]! },
      isPeer: present.map { $0 != candidate && !samples.subjects[$0].isCandidate && !samples.subjects[$0].isVariant },
      isLowerBetter: true
    ).map { present[$0] }
    let best = best
    ratios = values.map { list in
      guard let list, let best, let reference = values[best] else { return nil }
      return Peers.ratios(list, to: reference)
    }
    verdict = Judgement.verdict(row.goal, values, ratios, candidate, samples.subjects)
  }

  /// The candidate's ratio to the best peer with its 95% interval.
  func ratio(_ subject: Int?) -> Interval? {
    guard let subject, let list = ratios[subject] else { return nil }
    return Statistics.interval(ofRatios: list)
  }

  private static func verdict(
    _ goal: Goal, _ values: [[Double]?], _ ratios: [[Double]?], _ candidate: Int?, _ subjects: [Subject]
  ) -> Verdict {
    guard let candidate else { return .open }
    if case .none = goal { return values[candidate] == nil ? .failed : .open }
    guard let own = values[candidate] else { return .failed }
    let against = { (name: String) -> [Double]? in
      guard let peer = subjects.firstIndex(where: { $0.name == name }) else { return nil }
      return values[peer]
    }
    switch goal {
    case .none: return .open
    case .ratio(let bound): return ratios[candidate].map { Verdict.judge(ratios: $0, atMost: bound) } ?? .open
    case .absolute(let bound): return Verdict.judge(own, atMost: bound)
    case .absoluteOrRatio(let value, let bound):
      return better(
        Verdict.judge(own, atMost: value), ratios[candidate].map { Verdict.judge(ratios: $0, atMost: bound) } ?? .open)
    case .absoluteOrRatioTo(let value, let name, let bound):
      let ratio = against(name).map { Verdict.judge(ratios: zip(own, $0).map { $0 / $1 }, atMost: bound) }
      return better(Verdict.judge(own, atMost: value), ratio ?? .open)
    case .overGlibc(let value):
      return against("glibc").map { Verdict.judge(zip(own, $0).map { $0 - $1 }, atMost: value) } ?? .open
    }
  }

  private static func better(_ left: Verdict, _ right: Verdict) -> Verdict {
    for verdict in [Verdict.met, .metWithinNoise, .missed] where left == verdict || right == verdict { return verdict }
    return .open
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
