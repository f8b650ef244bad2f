// SPDX-License-Identifier: Apache-2.0
//
// Maps of ratios: a case a tile, its color and number the candidate's ratio to the peer that is best in it. For grids
// of cases that are too many for bars.

extension BenchmarkGroupSection {
  func tiles(_ records: [BenchmarkRecord]) -> String {
    let candidates = results.candidates
    let own = records.filter { $0.tile != nil && candidates.contains($0.subject) && $0.toBest != nil }
    var names: [String] = []
    for case let name? in own.map(\.tile?.map) where !names.contains(name) { names.append(name) }
    guard !names.isEmpty else { return "" }
    let cases = Dictionary(grouping: records.lazy.filter { $0.tile != nil }, by: \.key)
    let maps = names.map { name in tileMap(name, own.filter { $0.tile?.map == name }, cases) }
    return Markup.paragraph(
      """
      Each number is Anax's ratio to the peer that is best in that cell, below 1 is better; a finger or pointer on it tells both figures \
      and the interval. Cells of a few short rounds: a pattern says something, a single tile little.
      """) + HeatMap.legend(better: "better", worse: "worse", same: "same")
      + Markup.element("div", ["class": "maps"], maps.joined(separator: "\n"))
  }

  private func tileMap(
    _ name: String, _ own: [BenchmarkRecord], _ cases: [BenchmarkRecord.Key: [BenchmarkRecord]]
  ) -> String {
    let columns = lines(own.map(\.tile!.column))
    let rows = lines(own.map(\.tile!.row))
    let cells = own.map { record in
      let best = record.toBest!
      let peer = cases[record.key]?.first { $0.subject == best.peer }
      let better = record.direction == .higher ? best.ratio.middle : 1 / best.ratio.middle
      return HeatMap.Cell(
        column: columns.firstIndex(of: record.tile!.column)!, row: rows.firstIndex(of: record.tile!.row)!,
        text: Text.number(best.ratio.middle, digits: best.ratio.middle < 1 ? 2 : 3), better: better,
        title: "\(record.title): \(BenchmarkRow.value(record.median, record.unit)), \(best.peer) "
          + (peer.map { BenchmarkRow.value($0.median, record.unit) } ?? "–")
          + ", \(Text.number(best.ratio.middle))×, 95%: \(BenchmarkRow.text(best.ratio))")
    }
    let (better, level, worse) = cells.reduce(into: (0, 0, 0)) { counts, cell in
      switch HeatMap.color(cell.better) {
      case "neutral": counts.1 += 1
      case let name where name.hasPrefix("better"): counts.0 += 1
      default: counts.2 += 1
      }
    }
    let mean = Statistics.geometricMean(own.map { $0.toBest!.ratio.middle })
    var map = HeatMap(
      title: "\(name): \(Text.number(mean))× the best peer on the whole; \(better) tiles better, \(level) level, "
        + "\(worse) worse", columnAxis: "threads", rowAxis: "", columns: columns.map(\.label), rows: rows.map(\.label),
      cells: cells)
    map.left = (rows.map { Figure.width(of: $0.label, size: 13) }.max() ?? 0) + 12
    return map.svg
  }

  private func lines(_ all: [BenchmarkRecord.Tile.Line]) -> [BenchmarkRecord.Tile.Line] {
    Array(Set(all)).sorted { $0.at < $1.at }
  }
}
