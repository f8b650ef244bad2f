// SPDX-License-Identifier: Apache-2.0
//
// Ratios with their 95% intervals, a row each, around the line of no difference; on a logarithmic scale. As dots, or as
// bars that grow from that line, with what others reached as small marks beside.

import Glibc

package struct IntervalPlot {
  package struct Row {
    package var label: String
    package var interval: Interval
    /// Over all rows: drawn heavier.
    package var isSummary = false
    /// At the right end of the label's line.
    package var note = ""
    /// Ratios of others on the same scale, each with what a pointer is told.
    package var marks: [(ratio: Double, title: String)] = []
    /// nil where the interval decides.
    package var standing: Standing?

    package init(label: String, interval: Interval, isSummary: Bool = false) {
      (self.label, self.interval, self.isSummary) = (label, interval, isSummary)
    }
  }

  package enum Scale {
    /// As a change, and above 1 is better.
    case change(standard: String)
    /// As a factor, and below 1 is better.
    case factor(standard: String)
  }

  package var title: String
  package var rows: [Row]
  package var scale = Scale.change(standard: "default")
  package var isBars = false
  /// How far the scale goes to either side, as a logarithm; nil fits the rows.
  package var reach: Double?

  package init(
    title: String, rows: [Row], scale: Scale = .change(standard: "default"), isBars: Bool = false, reach: Double? = nil
  ) {
    self.reach = reach
    (self.title, self.rows, self.scale, self.isBars) = (title, rows, scale, isBars)
  }

  private static let width = Figure.width
  /// Of a row whose label and note stand on one line.
  private var rowHeight: Double { isBars ? 40 : 42 }
  private static let lineHeight = 16.0

  /// The lines above a row's bar: the label, wrapped where it is long, and the note at the end of the last one or below
  /// it.
  private func lines(_ row: Row) -> (label: [String], isNoteBelow: Bool) {
    let room = Self.width - 8
    let label = Figure.wrapped(row.label, width: room, size: 13)
    let used = Figure.width(of: label.last ?? "", size: 13) + 6 + Figure.width(of: row.note, size: 13)
    return (label, !row.note.isEmpty && used > room)
  }

  private func extra(_ row: Row) -> Double {
    let lines = lines(row)
    return Self.lineHeight * Double(lines.label.count - 1 + (lines.isNoteBelow ? 1 : 0))
  }

  /// What fits the rows. A wild interval is cut at the edge rather than pressing all others flat, and shows that it is.
  package static func reach(_ rows: [Row], isBars: Bool) -> Double? {
    let ends =
      rows.flatMap { row in
        isBars
          ? [row.interval.middle] + row.marks.map(\.ratio) : [row.interval.low, row.interval.high, row.interval.middle]
      }.filter { $0 > 0 && $0.isFinite }
    return ends.map { abs(log($0)) }.max().map { min(log(isBars ? 8 : 4), max(log(1.1), $0 * 1.1)) }
  }

  package var svg: String { figure?.markup() ?? "" }

  /// nil without rows.
  var figure: Figure? {
    guard let reach = reach ?? Self.reach(rows, isBars: isBars), !rows.isEmpty else { return nil }
    func x(_ ratio: Double) -> Double {
      let value = max(-reach, min(reach, ratio > 0 ? log(ratio) : -reach))
      return Self.width / 2 + value / reach * (Self.width / 2 - 12)
    }
    // Bars are many: the scale stands above them too.
    let top = isBars ? 24.0 : 0
    let height = rows.reduce(26 + top) { $0 + rowHeight + extra($1) }
    var parts: [String] = []
    for ratio in Self.apart(ticks(reach), x, text) {
      parts.append(Figure.line(ratio == 1 ? "zero" : "grid", x(ratio), top, x(ratio), height - 20))
      if isBars { parts.append(Figure.label(text(ratio), x: x(ratio), y: 15, "tick")) }
      parts.append(Figure.label(text(ratio), x: x(ratio), y: height - 5, "tick"))
    }
    var above = top
    for row in rows {
      above += rowHeight + extra(row)
      parts += drawing(row, y: above - (isBars ? 10 : 9), x) { ratio in
        ratio > 0 && abs(log(ratio)) <= reach * 1.0001 ? nil : ratio > 1 ? 1 : -1
      }
    }
    return Figure(title: title, classes: "wide", height: height, parts: parts)
  }

  /// `beyond`: to which side a ratio is off the scale, nil where it is on it.
  private func drawing(_ row: Row, y: Double, _ x: (Double) -> Double, beyond: (Double) -> Double?) -> [String] {
    let interval = row.interval
    var name = interval.low > 1 ? "better" : (interval.high < 1 ? "worse" : "neutral")
    if case .factor = scale { name = interval.low > 1 ? "worse" : (interval.high < 1 ? "better" : "neutral") }
    if let standing = row.standing { name = standing == .level ? "neutral" : standing.rawValue }
    var parts: [String] = []
    if isBars {
      let (from, to) = (min(x(interval.middle), x(1)), max(x(interval.middle), x(1)))
      parts.append(Figure.box("bar \(name)", x: from, y: y - 6, width: max(to - from, 1), height: 12, radius: 2))
      if let side = beyond(interval.middle) {
        // Torn near its end.
        let end = x(interval.middle)
        for gap in [16.0, 22] {
          parts.append(Figure.line("tear", end - side * (gap + 2), y + 8, end - side * (gap - 2), y - 8))
        }
      }
      for mark in row.marks {
        if let side = beyond(mark.ratio) {
          parts.append(Figure.arrow("peer", x: x(mark.ratio), y: y, side: side, title: mark.title))
        } else {
          parts.append(Figure.circle("peer", x: x(mark.ratio), y: y, radius: 3.2, title: mark.title))
        }
      }
      if interval.low > 0, interval.high.isFinite {
        parts.append(Figure.line("whisker", x(interval.low), y, x(interval.high), y))
      }
    } else {
      parts.append(Figure.line("interval \(name)", x(interval.low), y, x(interval.high), y))
      parts.append(
        Figure.circle("middle \(name)", x: x(interval.middle), y: y, radius: row.isSummary ? 6 : 4.5))
    }
    let (label, isNoteBelow) = lines(row)
    let bottom = y - (isBars ? 11 : 14)
    let last = bottom - (isNoteBelow ? Self.lineHeight : 0)
    for (index, line) in label.enumerated() {
      parts.append(
        Figure.label(
          line, x: 4, y: last - Double(label.count - 1 - index) * Self.lineHeight, row.isSummary ? "row summary" : "row"
        ))
    }
    if !row.note.isEmpty { parts.append(Figure.label(row.note, x: Self.width - 4, y: bottom, "row note \(name)")) }
    return parts
  }

  private func text(_ ratio: Double) -> String {
    switch scale {
    case .change(let standard): ratio == 1 ? standard : Text.change(ratio)
    case .factor(let standard): ratio == 1 ? standard : Text.number(ratio) + "×"
    }
  }

  /// Those whose labels do not touch, the middle's first and then outwards, inside of the figure.
  static func apart(_ ticks: [Double], _ x: (Double) -> Double, _ text: (Double) -> String) -> [Double] {
    var taken: [ClosedRange<Double>] = []
    return ticks.sorted { abs(log($0)) < abs(log($1)) }.filter { ratio in
      let half = Figure.width(of: text(ratio), size: 13) / 2
      let span = x(ratio) - half...x(ratio) + half
      guard span.lowerBound >= 0, span.upperBound <= width else { return false }
      guard taken.allSatisfy({ $0.upperBound + 6 < span.lowerBound || span.upperBound + 6 < $0.lowerBound }) else {
        return false
      }
      taken.append(span)
      return true
    }
  }

  /// Round ones.
  private func ticks(_ reach: Double) -> [Double] {
    let all: [Double]
    switch scale {
    case .factor:
      all =
        reach > log(2.2)
        ? [0.125, 0.25, 0.5, 1, 2, 4, 8]
        : reach > log(1.3) ? [0.5, 0.7, 0.85, 1, 1.2, 1.4, 2] : [0.8, 0.9, 1, 1.1, 1.25]
    case .change:
      all =
        reach > log(2.2)
        ? [0.33, 0.5, 1, 2, 3]
        : reach > log(1.3)
          ? [0.5, 0.7, 0.8, 1, 1.25, 1.4, 2]
          : [0.7, 0.8, 0.9, 0.95, 1, 1.05, 1.1, 1.25]
    }
    return all.filter { abs(log($0)) < reach }
  }
}
