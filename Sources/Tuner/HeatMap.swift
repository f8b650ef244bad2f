// SPDX-License-Identifier: Apache-2.0
//
// One measure on one workload, as a map of tries by delay: the color says how it compares with the default (blue better,
// orange worse), the number is the measured median. Colors are classes, so that the page's style gives them, in light and
// in dark.

import Anax

struct HeatMap {
  struct Cell {
    var candidate: Candidate
    var text: String
    /// Relative to the default; above 1 is better, whatever the measure. nil where it is unknown.
    var better: Double?
    var title: String
    var isDefault = false
    var isChosen = false
  }

  var title: String
  var cells: [Cell]

  private static let left = 62.0
  private static let top = 40.0
  private static let cellHeight = 34.0
  private static let width = 430.0

  /// `neutral` within 3%, then four steps either way.
  static func color(_ better: Double?) -> String {
    guard let better, better > 0 else { return "unknown" }
    let size = better >= 1 ? better : 1 / better
    let step = [1.03, 1.1, 1.25, 1.6].lastIndex { size > $0 }.map { $0 + 1 } ?? 0
    return step == 0 ? "neutral" : (better > 1 ? "better" : "worse") + "\(step)"
  }

  var svg: String {
    var pairs: [(tries: Int, delay: Int, cell: Cell)] = []
    var policies: [Cell] = []
    for cell in cells {
      if cell.candidate.isPair {
        pairs.append((cell.candidate.policy.tries, cell.candidate.policy.delay, cell))
      } else {
        policies.append(cell)
      }
    }
    let columns = Array(Set(pairs.map(\.tries))).sorted()
    let rows = Array(Set(pairs.map(\.delay))).sorted()
    guard !columns.isEmpty, !rows.isEmpty else { return "" }
    let cellWidth = (Self.width - Self.left - 2) / Double(columns.count)
    let height = Self.top + Double(rows.count) * Self.cellHeight + (policies.isEmpty ? 4 : Self.cellHeight + 14)

    var parts = [label("tries", x: Self.left + cellWidth * Double(columns.count) / 2, y: 13, "axis")]
    parts.append(label("delay", x: Self.left - 6, y: 31, "axis end"))
    for (column, tries) in columns.enumerated() {
      parts.append(label("\(tries)", x: Self.left + (Double(column) + 0.5) * cellWidth, y: 31, "tick"))
    }
    for (row, delay) in rows.enumerated() {
      let y = Self.top + (Double(row) + 0.5) * Self.cellHeight + 5
      parts.append(label(delay == 0 ? "1 pause" : Text.duration(Double(delay)), x: Self.left - 6, y: y, "tick end"))
    }
    // Marked cells last, so that no neighbor covers their frame.
    for pair in pairs.sorted(by: { Self.rank($0.cell) < Self.rank($1.cell) }) {
      let column = Double(columns.firstIndex(of: pair.tries)!)
      let row = Double(rows.firstIndex(of: pair.delay)!)
      // Without tries a delay means nothing: one cell is the whole column.
      let span = pair.tries == 0 ? Double(rows.count) : 1
      parts.append(
        box(
          pair.cell, x: Self.left + column * cellWidth, y: Self.top + row * Self.cellHeight, width: cellWidth,
          height: Self.cellHeight * span))
    }
    for (index, cell) in policies.enumerated() {
      let width = (Self.width - Self.left - 2) / Double(policies.count)
      parts.append(
        box(
          cell, x: Self.left + Double(index) * width, y: height - Self.cellHeight - 2, width: width,
          height: Self.cellHeight, prefix: "\(cell.candidate.label): "))
    }
    if !policies.isEmpty { parts.append(label("growing", x: Self.left - 6, y: height - 14, "tick end")) }
    return Markup.element(
      "figure", [:],
      Markup.text("figcaption", [:], title)
        + Markup.element(
          "svg",
          [
            "xmlns": "http://www.w3.org/2000/svg", "viewBox": "0 0 \(Text.number(Self.width)) \(Text.number(height))",
            "role": "img", "aria-label": title,
          ], parts.joined()))
  }

  private static func rank(_ cell: Cell) -> Int { cell.isChosen ? 2 : (cell.isDefault ? 1 : 0) }

  private func box(_ cell: Cell, x: Double, y: Double, width: Double, height: Double, prefix: String = "") -> String {
    let mark = (cell.isDefault ? " default" : "") + (cell.isChosen ? " chosen" : "")
    let inset = mark.isEmpty ? 1.0 : 2.5
    return Markup.element(
      "g", ["class": Self.color(cell.better)],
      Markup.text("title", [:], cell.title)
        + Markup.element(
          "rect",
          [
            "class": "cell" + mark, "x": Text.number(x + inset, digits: 5), "y": Text.number(y + inset, digits: 5),
            "width": Text.number(width - 2 * inset, digits: 5), "height": Text.number(height - 2 * inset, digits: 5),
            "rx": "3",
          ])
        + label(prefix + cell.text, x: x + width / 2, y: y + height / 2 + 5, "value"))
  }

  private func label(_ text: String, x: Double, y: Double, _ name: String) -> String {
    Markup.text("text", ["class": name, "x": Text.number(x, digits: 5), "y": Text.number(y, digits: 5)], text)
  }
}
