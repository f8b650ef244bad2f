// SPDX-License-Identifier: Apache-2.0
//
// The results in one picture, for a README: a bar a group, from what one would use without Anax, with the 95% interval
// of its rows' spread; a dot is the ratio to the best peer of each row. A file of its own, light or dark as the
// reader's system is.

struct BenchmarkPicture {
  let results: BenchmarkResults

  init(_ results: BenchmarkResults) { self.results = results }

  /// nil where nothing was compared with the usual choice.
  var svg: String? {
    let bars = results.groups.compactMap { group -> IntervalPlot.Row? in
      // What was measured in one round says nothing, neither does what has no ratio.
      let rows = BenchmarkRow.all(results, group: group).filter { row in
        [row.record.toUsual, row.record.toBest].allSatisfy { $0?.ratio.high.isFinite ?? false }
      }
      let usual = rows.compactMap { $0.factor(\.toUsual) }
      let best = rows.compactMap { $0.factor(\.toBest) }
      guard !rows.isEmpty else { return nil }
      let interval = rows.count == 1 ? rows[0].interval(\.toUsual) : Statistics.interval(ofRatios: usual)
      let names = Set(rows.compactMap { $0.record.toUsual?.peer }).sorted().joined(separator: ", ")
      // Better or worse only where the rows agree: their spread decides, and of a single row that of its rounds.
      var bar = IntervalPlot.Row(
        label: "\(group), \(usual.count) \(usual.count == 1 ? "row" : "rows")", interval: interval)
      bar.note = "\(Text.number(interval.middle))× \(names)"
      let toBest = Statistics.geometricMean(best)
      bar.marks = [(toBest, "to the best peer of each row: \(Text.number(toBest))×")]
      return bar
    }
    return IntervalPlot(
      title: "Anax to what one would use without it, group by group; left is better", rows: bars,
      scale: .factor(standard: "the same"), isBars: true
    ).figure?.file
  }
}
