// SPDX-License-Identifier: Apache-2.0
//
// The candidate against itself: the same run under two names, each with its turn in every round as any two subjects
// have.
// Whatever differs is noise of the machine and of the method, so this says what the bound between level and not is
// worth here.

import Glibc

/// What is said of the candidate's ratios to itself, over all judged rows.
public struct ControlSummary: Sendable, Hashable {
  public struct Farthest: Sendable, Hashable {
    public var title: String
    public var ratio: Double
  }

  /// The control's name.
  public var subject: String
  public var rows: Int
  /// The geometric mean over the rows, with the 95% interval of the rows' spread around it.
  public var ratio: Interval
  /// Nineteen rows of twenty differ by no more than this factor, either way.
  public var within: Double
  public var farthest: Farthest
  /// Rows that would be called better or worse: falsely.
  public var better: Int
  public var worse: Int
  /// Rows whose interval leaves out 1; one of twenty is to be expected.
  public var sure: Int

  /// nil without rows of two rounds or more.
  init?(_ rows: [BenchmarkRow]) {
    let pairs = rows.compactMap { row in row.record.toControl.map { (row.record, $0) } }
      .filter { $0.1.ratio.high.isFinite }
    let sizes = pairs.map { abs(log($0.1.ratio.middle)) }.sorted()
    guard let far = pairs.max(by: { abs(log($0.1.ratio.middle)) < abs(log($1.1.ratio.middle)) }) else { return nil }
    self.rows = pairs.count
    subject = far.1.peer
    ratio = Statistics.interval(ofRatios: pairs.map(\.1.ratio.middle))
    within = exp(sizes[min((sizes.count * 19 + 19) / 20, sizes.count) - 1])
    farthest = Farthest(title: far.0.title, ratio: far.1.ratio.middle)
    let standings = pairs.map { Standing($0.1.ratio, $0.0.direction) }
    better = standings.filter { $0 == .better }.count
    worse = standings.filter { $0 == .worse }.count
    sure = pairs.filter { $0.1.ratio.low > 1 || $0.1.ratio.high < 1 }.count
  }

  /// In one sentence or two.
  var text: String {
    let share = { (ratio: Double) in Text.percent(max(ratio, 1 / ratio) - 1) }
    return """
      The same library, run twice under two names in \(rows) \(rows == 1 ? "row" : "rows"): \(Text.number(ratio.middle, digits: 4))× \
      itself on the whole; nineteen rows of twenty differ by \(share(within)) or less, the farthest by \(share(farthest.ratio)) \
      (\(farthest.title)). Of these rows \(better) would be called better and \(worse) worse, though nothing differs; \
      \(sure) of \(rows) intervals leave out 1, where one of twenty is to be expected.
      """
  }
}

extension BenchmarkResults {
  /// nil where the candidate was not run twice.
  public var control: ControlSummary? {
    ControlSummary(groups.flatMap { BenchmarkRow.all(self, group: $0) })
  }
}
