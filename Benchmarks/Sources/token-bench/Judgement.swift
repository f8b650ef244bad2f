// SPDX-License-Identifier: Apache-2.0
//
// From samples to statements. Ratios are paired: both sides of a ratio come from the same round. A ratio of geometric
// means is the geometric mean of the cells' ratios.

import Glibc
import Harness
import Report

struct Judgement: Sendable {
  let goal: Goal
  /// The figure, with the interval (95%) of its median over the rounds; nil where it could not be measured.
  private(set) var figure: (middle: Double, interval: ClosedRange<Double>)?
  private(set) var unit = ""
  private(set) var verdict = Verdict.open
  /// What stands behind the figure, in words.
  private(set) var note = ""
}

/// One judged cell beside the best peer.
struct Comparison: Sendable {
  let cell: TokenCell
  /// The candidate's throughput to the peer's.
  let ratio: Double
  /// How likely so low a ratio is if the true one reaches the bound.
  let probability: Double
}

struct Judge {
  let samples: TokenSamples
  private let candidate: Int?
  private let judged: [TokenCell]
  /// The peer with the highest geometric mean of throughput over the judged cells, of those that ran them all.
  let best: Int?
  /// Of each subject, that geometric mean; nil where it did not run them all.
  let means: [Double?]

  init(_ samples: TokenSamples) {
    self.samples = samples
    candidate = samples.subjects.firstIndex { $0.name == Subject.candidate }
    judged = TokenCells.judged.filter { samples.rounds[$0] != nil }
    let judged = judged
    let means = samples.subjects.indices.map { subject -> Double? in
      let values = judged.compactMap { samples.values($0, "kops")[subject].map(Statistics.median) }
      return values.count == judged.count && !values.isEmpty ? Statistics.geometricMean(values) : nil
    }
    self.means = means
    let candidate = candidate
    best = means.indices.filter { $0 != candidate && means[$0] != nil && !samples.subjects[$0].isVariant }
      .max { means[$0]! < means[$1]! }
  }

  func judgements() -> [Judgement] { Goals.all.compactMap(judgement) }

  /// nil where none of its cells was run.
  private func judgement(_ goal: Goal) -> Judgement? {
    let cells = cells(goal)
    guard let candidate = subject(goal), cells.contains(where: { samples.rounds[$0] != nil }) else { return nil }
    var judgement = Judgement(goal: goal)
    if let cell = cells.first(where: { samples.failure($0, candidate) != nil }) {
      judgement.fail("\(cell.name): \(samples.failure(cell, candidate) ?? "")")
      return judgement
    }
    switch goal.measure {
    case .uncontended(let peer): compare(&judgement, cells, "ns", candidate, peer: index(peer))
    case .cell(_, let peer), .cells(_, let peer, _): compare(&judgement, cells, "kops", candidate, peer: index(peer))
    case .throughput: compare(&judgement, cells, "kops", candidate, peer: best)
    case .processorTime: compare(&judgement, cells, "cpu_ns", candidate, peer: best)
    case .everyCell: everyCell(&judgement)
    case .spread: spread(&judgement, cells, candidate)
    case .own(let cell, let metric, let unit, let scale):
      guard let values = samples.values(cell, metric)[candidate] else { return nil }
      judgement.set(values.map { $0 * scale }, unit: unit)
    case .rounds: rounds(&judgement, cells, candidate)
    }
    return judgement
  }

  private func index(_ name: String) -> Int? { samples.subjects.firstIndex { $0.name == name } }

  /// Who must reach the goal.
  private func subject(_ goal: Goal) -> Int? {
    if case .cells(_, _, let name) = goal.measure { index(name) } else { candidate }
  }

  private func cells(_ goal: Goal) -> [TokenCell] {
    switch goal.measure {
    case .uncontended: [TokenCell(kind: .pair)]
    case .throughput, .everyCell, .processorTime: judged
    case .cell(let cell, _), .own(let cell, _, _, _): [cell]
    case .cells(let cells, _, _), .spread(let cells): cells.filter { samples.rounds[$0] != nil }
    case .rounds:
      samples.rounds.keys.filter { cell in
        if case .two(let rounds) = cell.kind { rounds > 0 } else { false }
      }
    }
  }

  /// Ratios of a metric to a peer's, a list of rounds; nil where one of the two lacks it.
  private func ratios(_ cell: TokenCell, _ metric: String, _ subject: Int, _ peer: Int) -> [Double]? {
    let values = samples.values(cell, metric)
    guard let own = values[subject], let other = values[peer] else { return nil }
    return zip(own, other).map { $0 / $1 }
  }

  private func compare(
    _ judgement: inout Judgement, _ cells: [TokenCell], _ metric: String, _ subject: Int, peer: Int?
  ) {
    guard let peer else { return judgement.explain("no peer ran all of it") }
    let lists = cells.compactMap { ratios($0, metric, subject, peer) }
    guard let rounds = lists.map(\.count).min(), lists.count == cells.count else {
      return judgement.explain("\(samples.subjects[peer].name) did not run all of it")
    }
    judgement.set((0..<rounds).map { round in Statistics.geometricMean(lists.map { $0[round] }) })
    var note = "to \(samples.subjects[peer].name)"
    if cells.count > 1 || lists.count != cells.count { note += ", \(cells.count) cells" }
    judgement.explain(note)
  }

  /// The judged cells beside the best peer, lowest ratio first.
  func comparisons() -> [Comparison] {
    guard let best, let candidate else { return [] }
    return judged.compactMap { cell -> Comparison? in
      guard let ratios = ratios(cell, "kops", candidate, best) else { return nil }
      let probability = Significance.below(log(Judge.leastRatio), ratios.map { log(max($0, 1e-9)) })
      return Comparison(cell: cell, ratio: Statistics.median(ratios), probability: probability)
    }.sorted { $0.ratio < $1.ratio }
  }

  /// The bound of the goal for every cell.
  private static var leastRatio: Double {
    for goal in Goals.all {
      if case .everyCell = goal.measure, case .atLeast(let value) = goal.bound { return value }
    }
    return 0
  }

  private func everyCell(_ judgement: inout Judgement) {
    let all = comparisons()
    guard let best, let worst = all.first else { return judgement.explain("no peer ran all of it") }
    let low = all.filter { $0.ratio < Judge.leastRatio }.count
    let significant = Significance.holm(all.map(\.probability)).count
    judgement.set(worst.ratio, significant > 0 ? .missed : low > 0 ? .metWithinNoise : .met)
    judgement.explain(
      "to \(samples.subjects[best].name); of \(all.count) cells \(low) lower, \(significant) significantly; lowest: "
        + worst.cell.name)
  }

  private func spread(_ judgement: inout Judgement, _ cells: [TokenCell], _ candidate: Int) {
    let spreads = cells.compactMap { cell -> (TokenCell, Double)? in
      // Disturbed rounds say nothing of the lock, as long as enough are left.
      let rounds = (samples.rounds[cell] ?? []).map { $0[candidate] }
      let quiet = rounds.filter { !$0.disturbed }
      let values = (quiet.count >= 3 ? quiet : rounds).compactMap { $0.metrics["kops"] }
      guard let least = values.min(), let most = values.max(), values.count > 1 else { return nil }
      return (cell, most / least)
    }
    guard let worst = spreads.max(by: { $0.1 < $1.1 }) else { return judgement.explain("needs two rounds") }
    judgement.set([worst.1])
    judgement.explain("\(cells.count) cells; \(worst.0.name)")
  }

  private func rounds(_ judgement: inout Judgement, _ cells: [TokenCell], _ candidate: Int) {
    let done = cells.compactMap { samples.values($0, "operations")[candidate]?.max() }.max() ?? 0
    // A deadlock would have failed the run; fewer rounds than asked for show less than the goal says.
    let asked = 1e8
    judgement.set(done, done >= asked ? .met : .open)
    judgement.explain("rounds that two threads did\(done >= asked ? "" : ", of 10^8 (--long)")")
  }
}

extension Judgement {
  fileprivate init(goal: Goal) { self.goal = goal }

  fileprivate mutating func set(_ values: [Double], unit: String = "") {
    figure = (Statistics.median(values), Statistics.interval(ofMedian: values))
    self.unit = unit
    verdict = goal.bound.judge(values)
  }

  fileprivate mutating func set(_ value: Double, _ verdict: Verdict) {
    (figure, self.verdict) = ((value, value...value), verdict)
  }

  fileprivate mutating func fail(_ text: String) { (verdict, note) = (.failed, text) }
  fileprivate mutating func explain(_ text: String) { note = text }
}
