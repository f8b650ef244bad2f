// SPDX-License-Identifier: Apache-2.0
//
// A goal over many cases and what came of it: what the terminal, the page and results.json tell of it. Goals of one row
// stand in the terminal's table alone. Value types.

/// What is asked of a figure.
public enum GoalBound: Sendable, Hashable {
  case atMost(Double)
  case atLeast(Double)
  /// Reported without a bound.
  case none

  /// Of figures, one a round, by their median.
  public func judge(_ values: [Double]) -> Verdict {
    switch self {
    case .atMost(let value): .judge(values, atMost: value)
    case .atLeast(let value): .judge(values, atLeast: value)
    case .none: .open
    }
  }

  /// Of ratios of paired runs, by their geometric mean.
  public func judge(ratios: [Double]) -> Verdict {
    switch self {
    case .atMost(let value): .judge(ratios: ratios, atMost: value)
    case .atLeast(let value): .judge(ratios: ratios, atLeast: value)
    case .none: .open
    }
  }

  /// As `≥ 1.05`; `unit` may be empty.
  public func text(_ unit: String) -> String {
    let unit = unit.isEmpty ? "" : " \(unit)"
    switch self {
    case .atMost(let value): return "≤ \(Text.number(value))\(unit)"
    case .atLeast(let value): return "≥ \(Text.number(value))\(unit)"
    case .none: return ""
    }
  }
}

/// A goal over many cases, with the figure that was reached.
public struct GoalOutcome: Sendable, Hashable {
  /// The group of the report that it belongs to.
  public var group: String
  public var title: String
  /// As ``GoalBound/text(_:)`` has it; empty where the figure is only reported.
  public var bound: String
  /// Of the figure; empty for a ratio.
  public var unit: String
  /// The figure with its 95% interval, whose high end is infinite of one round; nil where it could not be measured.
  public var figure: Interval?
  public var verdict: Verdict
  /// What stands behind the figure, in words.
  public var note: String

  public init(
    group: String, title: String, bound: String, unit: String = "", figure: Interval? = nil,
    verdict: Verdict = .open, note: String = ""
  ) {
    (self.group, self.title, self.bound, self.unit) = (group, title, bound, unit)
    (self.figure, self.verdict, self.note) = (figure, verdict, note)
  }

  /// Of two rows of one subject: how many times as much the second gets done, or how much faster it is, by its time of
  /// an operation. The rounds are paired: the figure is the geometric mean of their ratios, with Student's interval of
  /// the logarithms.
  ///
  /// - Parameters:
  ///   - first: Times of an operation in the row to compare with, one a round; nil where it was not measured.
  ///   - second: The same of the row that is judged.
  public static func speed(
    group: String, title: String, bound: GoalBound, of second: [Double]?, to first: [Double]?, note: String = ""
  ) -> GoalOutcome {
    var outcome = GoalOutcome(group: group, title: title, bound: bound.text(""), note: note)
    guard let first, let second, let ratios = Peers.ratios(first, to: second) else {
      outcome.note = "not all of it was measured"
      return outcome
    }
    outcome.figure = Statistics.interval(ofRatios: ratios)
    outcome.verdict = bound.judge(ratios: ratios)
    return outcome
  }

  /// The interval in brackets, or why there is none.
  public var interval: String {
    guard let figure else { return "" }
    guard figure.high.isFinite else { return "[one round]" }
    return "[\(Text.number(figure.low)) \(Text.number(figure.high))]"
  }

  /// The figure with its unit, or a dash.
  public var value: String {
    figure.map { Text.number($0.middle) + (unit.isEmpty ? "" : " \(unit)") } ?? "–"
  }
}
