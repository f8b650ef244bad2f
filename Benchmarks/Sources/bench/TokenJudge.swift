// SPDX-License-Identifier: Apache-2.0
//
// What became of the token's goals. Ratios are paired: both sides come from the same round, and a ratio of geometric
// means is the geometric mean of the cells' ratios. Report has the statistics; nothing here but the samples' owner
// touches them.

import Harness
import Report

struct TokenJudge {
  private let samples: BenchSamples
  private let candidate: Int?
  /// The judged cells that were run, and their times.
  private let judged: [Cell]
  private let times: CellTimes

  init(_ samples: BenchSamples) {
    self.samples = samples
    candidate = samples.subjects.firstIndex { $0.isCandidate && $0.families.contains(.tokens) }
    let judged = TokenCells.judged.map { Cell.lock($0) }.filter { samples.rounds[$0] != nil }
    times = CellTimes(judged.map { samples.values($0, "ns") }, isPeer: samples.subjects.map(\.isPeer))
    self.judged = judged
  }

  /// Of the goals for which something was run.
  var outcomes: [GoalOutcome] { candidate == nil ? [] : TokenGoals.all.compactMap(outcome) }

  private func outcome(_ goal: TokenGoal) -> GoalOutcome? {
    let asked = asked(goal)
    let cells = asked.filter { samples.rounds[$0] != nil }
    guard let subject = subject(goal), !cells.isEmpty, var outcome = outcome(goal, cells, subject) else { return nil }
    if cells.count < asked.count, outcome.verdict != .failed {
      // Of some of the cells nothing can be said about all.
      outcome.verdict = .open
      outcome.note = "\(cells.count) of \(asked.count) cells were run; \(outcome.note)"
    }
    return outcome
  }

  private func outcome(_ goal: TokenGoal, _ cells: [Cell], _ subject: Int) -> GoalOutcome? {
    if let cell = cells.first(where: { samples.failure($0, subject) != nil }) {
      let note = "\(cell.name): \(samples.failure(cell, subject) ?? "")"
      return make(goal, verdict: .failed, note: note)
    }
    switch goal.measure {
    case .time(_, let peer): return compare(goal, cells, "ns", subject, to: index(peer), isRate: false)
    case .rate(_, let peer, _): return compare(goal, cells, "ns", subject, to: index(peer), isRate: true)
    case .throughput: return throughput(goal, subject)
    case .processorTime: return compare(goal, cells, "cpu_ns", subject, to: times.best, isRate: false)
    case .everyCell: return everyCell(goal, subject)
    case .spread: return spread(goal, cells, subject)
    case .own(_, let metric, let unit, let scale):
      return samples.values(cells[0], metric)[subject].map { figure(goal, $0.map { $0 * scale }, unit: unit) }
    case .rounds: return rounds(goal, cells, subject)
    }
  }

  private func index(_ name: String) -> Int? { samples.subjects.firstIndex { $0.name == name } }

  /// Who must reach the goal.
  private func subject(_ goal: TokenGoal) -> Int? {
    if case .rate(_, _, let name?) = goal.measure { index(name) } else { candidate }
  }

  /// Its cells, run or not.
  private func asked(_ goal: TokenGoal) -> [Cell] {
    switch goal.measure {
    case .throughput, .everyCell, .processorTime: TokenCells.judged.map { Cell.lock($0) }
    case .time(let cells, _), .rate(let cells, _, _), .spread(let cells): cells.map { Cell.lock($0) }
    case .own(let cell, _, _, _): [Cell.lock(cell)]
    case .rounds:
      samples.rounds.keys.filter { if case .lock(let lock) = $0.kind { lock.isForRounds } else { false } }
    }
  }

  // MARK: - Ratios

  private func means(_ cells: [Cell], _ metric: String, _ subject: Int) -> [Double]? {
    CellTimes.means(cells.map { samples.values($0, metric) }, subject)
  }

  private func compare(
    _ goal: TokenGoal, _ cells: [Cell], _ metric: String, _ subject: Int, to peer: Int?, isRate: Bool
  ) -> GoalOutcome {
    guard let peer else { return make(goal, note: "its peer was not measured") }
    guard let own = means(cells, metric, subject), let other = means(cells, metric, peer),
      let ratios = isRate ? Peers.ratios(other, to: own) : Peers.ratios(own, to: other)
    else { return make(goal, note: "\(samples.subjects[peer].name) did not run all of it") }
    let many = cells.count > 1 ? ", \(cells.count) cells" : ""
    return ratio(goal, ratios, note: "to \(samples.subjects[peer].name)\(many)")
  }

  /// Each round is compared with the peer that is best in the others, as rows are.
  private func throughput(_ goal: TokenGoal, _ subject: Int) -> GoalOutcome {
    guard let best = times.best, let ratios = times.toBest(subject) else {
      return make(goal, note: "no peer ran all of it")
    }
    return ratio(
      goal, ratios.map { 1 / $0 }, note: "to \(samples.subjects[best].name), \(judged.count) cells")
  }

  private func everyCell(_ goal: TokenGoal, _ subject: Int) -> GoalOutcome {
    guard let best = times.best, let each = times.eachCell(subject, atLeast: TokenGoals.leastRatio) else {
      return make(goal, note: "no peer ran all of it")
    }
    let counts = "of \(each.count) cells \(each.below) lower, \(each.significant) significantly"
    return make(
      goal, figure: each.ratio, verdict: each.verdict,
      note: "to \(samples.subjects[best].name); \(counts); lowest: \(judged[each.worst].name)")
  }

  // MARK: - Figures of the token alone

  private func spread(_ goal: TokenGoal, _ cells: [Cell], _ subject: Int) -> GoalOutcome {
    let spreads = cells.compactMap { cell -> (cell: Cell, spread: Double)? in
      // Disturbed rounds say nothing of the lock, as long as enough are left.
      let rounds = (samples.rounds[cell] ?? []).map { $0[subject] }
      let quiet = rounds.filter { !$0.disturbed }
      let values = (quiet.count >= 3 ? quiet : rounds).compactMap { $0.metrics["ns"] }
      guard let least = values.min(), let most = values.max(), values.count > 1 else { return nil }
      return (cell, most / least)
    }
    guard let worst = spreads.max(by: { $0.spread < $1.spread }) else { return make(goal, note: "needs two rounds") }
    // One figure of all rounds, and no sample of them.
    var verdict = Verdict.open
    if case .atMost(let bound) = goal.bound { verdict = worst.spread <= bound ? .met : .missed }
    return make(
      goal, figure: Interval(middle: worst.spread, low: worst.spread, high: worst.spread), verdict: verdict,
      note: "\(spreads.count) cells; \(worst.cell.name)")
  }

  private func rounds(_ goal: TokenGoal, _ cells: [Cell], _ subject: Int) -> GoalOutcome {
    let done = cells.compactMap { samples.values($0, "operations")[subject]?.max() }.max() ?? 0
    // A deadlock would have failed the run; fewer rounds than asked for show less than the goal says.
    let isEnough = done >= Double(TokenGoals.roundsAsked)
    return make(
      goal, unit: "rounds", figure: Interval(middle: done, low: done, high: done), verdict: isEnough ? .met : .open,
      note: "by two threads\(isEnough ? "" : ", of 10^8 (--full)")")
  }

  // MARK: - Outcomes

  private func make(
    _ goal: TokenGoal, unit: String = "", figure: Interval? = nil, verdict: Verdict = .open, note: String = ""
  ) -> GoalOutcome {
    GoalOutcome(
      group: "tokens", title: goal.title, bound: goal.bound.text(unit), unit: unit, figure: figure, verdict: verdict,
      note: note)
  }

  private func ratio(_ goal: TokenGoal, _ ratios: [Double], note: String) -> GoalOutcome {
    make(
      goal, figure: Statistics.interval(ofRatios: ratios), verdict: goal.bound.judge(ratios: ratios), note: note)
  }

  /// The median of the rounds, with its interval.
  private func figure(_ goal: TokenGoal, _ values: [Double], unit: String = "", note: String = "") -> GoalOutcome {
    make(
      goal, unit: unit, figure: Statistics.interval(ofFigures: values), verdict: goal.bound.judge(values), note: note)
  }
}
