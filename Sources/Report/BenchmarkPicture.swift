// SPDX-License-Identifier: Apache-2.0
//
// The results in one picture, for a README: a bar a group, from what one would use without Anax; a dot is the ratio to the best peer
// of each row. A file of its own, light or dark as the reader's system is.

struct BenchmarkPicture {
  let results: BenchmarkResults

  init(_ results: BenchmarkResults) { self.results = results }

  /// nil where nothing was compared with the usual choice.
  var svg: String? {
    let bars = results.groups.compactMap { group -> IntervalPlot.Row? in
      let rows = BenchmarkRow.all(results, group: group)
      let usual = rows.compactMap { $0.factor(\.toUsual) }.filter { $0 > 0 }
      let best = rows.compactMap { $0.factor(\.toBest) }.filter { $0 > 0 }
      guard !usual.isEmpty, !best.isEmpty else { return nil }
      let ratio = Statistics.geometricMean(usual)
      let names = Set(rows.compactMap { $0.record.toUsual?.peer }).sorted().joined(separator: ", ")
      var bar = IntervalPlot.Row(
        label: "\(group), \(usual.count) \(usual.count == 1 ? "row" : "rows")",
        interval: Interval(middle: ratio, low: ratio, high: ratio))
      bar.note = "\(Text.number(ratio))× \(names)"
      bar.verdict = ratio < 1 ? "better" : "worse"
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
