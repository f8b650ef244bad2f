// SPDX-License-Identifier: Apache-2.0
//
// Paired differences with their 95% intervals, a row each, around the line of no difference; on a logarithmic scale.

import Glibc

struct IntervalPlot {
  struct Row {
    var label: String
    var interval: Interval
    /// Over all workloads: drawn heavier.
    var isSummary = false
  }

  var title: String
  var rows: [Row]

  private static let width = 430.0
  private static let rowHeight = 42.0

  var svg: String {
    let ends = rows.flatMap { [$0.interval.low, $0.interval.high, $0.interval.middle] }.filter { $0 > 0 && $0.isFinite }
    guard !ends.isEmpty else { return "" }
    // A wild interval is cut at the edge rather than pressing all others flat.
    let reach = min(log(4), max(log(1.1), ends.map { abs(log($0)) }.max()! * 1.1))
    func x(_ ratio: Double) -> Double {
      let value = max(-reach, min(reach, ratio > 0 ? log(ratio) : -reach))
      return Self.width / 2 + value / reach * (Self.width / 2 - 12)
    }
    let height = Double(rows.count) * Self.rowHeight + 26
    func coordinate(_ value: Double) -> String { Text.number(value, digits: 5) }
    func line(_ name: String, _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) -> String {
      Markup.element(
        "line",
        ["class": name, "x1": coordinate(x1), "y1": coordinate(y1), "x2": coordinate(x2), "y2": coordinate(y2)])
    }
    func label(_ text: String, _ x: Double, _ y: Double, _ name: String) -> String {
      Markup.text("text", ["class": name, "x": coordinate(x), "y": coordinate(y)], text)
    }
    var parts: [String] = []
    for ratio in [0.25, 0.33, 0.5, 0.7, 0.8, 0.9, 0.95, 1, 1.05, 1.1, 1.25, 1.4, 2, 3, 4]
    where abs(log(ratio)) < reach && Self.isTick(ratio, reach) {
      parts.append(line(ratio == 1 ? "zero" : "grid", x(ratio), 0, x(ratio), height - 20))
      parts.append(label(ratio == 1 ? "default" : Text.change(ratio), x(ratio), height - 5, "tick"))
    }
    for (index, row) in rows.enumerated() {
      let y = Double(index) * Self.rowHeight + 33
      let interval = row.interval
      let name = interval.low > 1 ? "better" : (interval.high < 1 ? "worse" : "neutral")
      parts.append(label(row.label, 4, y - 14, row.isSummary ? "row summary" : "row"))
      parts.append(line("interval \(name)", x(interval.low), y, x(interval.high), y))
      parts.append(
        Markup.element(
          "circle",
          [
            "class": "middle \(name)", "cx": coordinate(x(interval.middle)), "cy": coordinate(y),
            "r": row.isSummary ? "6" : "4.5",
          ]))
    }
    return Markup.element(
      "figure", ["class": "wide"],
      Markup.text("figcaption", [:], title)
        + Markup.element(
          "svg",
          [
            "xmlns": "http://www.w3.org/2000/svg", "viewBox": "0 0 \(coordinate(Self.width)) \(coordinate(height))",
            "role": "img", "aria-label": title,
          ], parts.joined()))
  }

  /// Few enough to be read.
  private static func isTick(_ ratio: Double, _ reach: Double) -> Bool {
    if reach > log(2.2) { return [0.33, 0.5, 1, 2, 3].contains(ratio) }
    if reach > log(1.3) { return [0.5, 0.7, 0.8, 1, 1.25, 1.4, 2].contains(ratio) }
    return true
  }
}
