// SPDX-License-Identifier: Apache-2.0
//
// One measure as a map of columns by rows: the color says how a cell compares with its standard (blue better, orange
// worse), the number is the measured median. Colors are classes, so that the page's style gives them, in light and in
// dark.

package struct HeatMap {
  package struct Cell {
    /// Indices of the map's columns and rows.
    package var column: Int
    package var row: Int
    /// Rows that the cell covers.
    package var span = 1
    package var text: String
    /// Relative to the standard; above 1 is better, whatever the measure. nil where it is unknown.
    package var better: Double?
    package var title: String
    package var isDefault = false
    package var isChosen = false

    package init(
      column: Int = 0, row: Int = 0, span: Int = 1, text: String, better: Double?, title: String,
      isDefault: Bool = false, isChosen: Bool = false
    ) {
      (self.column, self.row, self.span) = (column, row, span)
      (self.text, self.better, self.title) = (text, better, title)
      (self.isDefault, self.isChosen) = (isDefault, isChosen)
    }
  }

  package var title: String
  /// What columns and rows are.
  package var columnAxis: String
  package var rowAxis: String
  package var columns: [String]
  package var rows: [String]
  package var cells: [Cell]
  /// A row of its own below, with its label; empty is none.
  package var strip: (label: String, cells: [Cell]) = ("", [])
  /// Room for the rows' labels.
  package var left = 62.0

  package init(
    title: String, columnAxis: String, rowAxis: String, columns: [String], rows: [String], cells: [Cell]
  ) {
    (self.title, self.columnAxis, self.rowAxis) = (title, columnAxis, rowAxis)
    (self.columns, self.rows, self.cells) = (columns, rows, cells)
  }

  private static let top = 40.0
  private static let cellHeight = 34.0
  private static let width = Figure.width

  /// `neutral` within 3%, then four steps either way.
  package static func color(_ better: Double?) -> String {
    guard let better, better > 0 else { return "unknown" }
    let size = better >= 1 ? better : 1 / better
    let step = [1.03, 1.1, 1.25, 1.6].lastIndex { size > $0 }.map { $0 + 1 } ?? 0
    return step == 0 ? "neutral" : (better > 1 ? "better" : "worse") + "\(step)"
  }

  /// The colors in words, as a paragraph.
  package static func legend(better: String, worse: String, same: String) -> String {
    let steps = ["worse4", "worse3", "worse2", "worse1", "neutral", "better1", "better2", "better3", "better4"]
    let texts = ["60%", "25%", "10%", "3% \(worse)", same, "3% \(better)", "10%", "25%", "60%"]
    return Markup.element(
      "p", ["class": "legend"], zip(steps, texts).map { Markup.text("span", ["class": $0], $1) }.joined())
  }

  package var svg: String {
    guard !columns.isEmpty, !rows.isEmpty else { return "" }
    let cellWidth = (Self.width - left - 2) / Double(columns.count)
    let height = Self.top + Double(rows.count) * Self.cellHeight + (strip.cells.isEmpty ? 4 : Self.cellHeight + 14)

    var parts = [Figure.label(columnAxis, x: left + cellWidth * Double(columns.count) / 2, y: 13, "axis")]
    parts.append(Figure.label(rowAxis, x: left - 6, y: 31, "axis end"))
    for (column, text) in columns.enumerated() {
      parts.append(Figure.label(text, x: left + (Double(column) + 0.5) * cellWidth, y: 31, "tick"))
    }
    for (row, text) in rows.enumerated() {
      parts.append(Figure.label(text, x: left - 6, y: Self.top + (Double(row) + 0.5) * Self.cellHeight + 5, "tick end"))
    }
    // Marked cells last, so that no neighbor covers their frame.
    for cell in cells.sorted(by: { Self.rank($0) < Self.rank($1) }) {
      parts.append(
        box(
          cell, x: left + Double(cell.column) * cellWidth, y: Self.top + Double(cell.row) * Self.cellHeight,
          width: cellWidth, height: Self.cellHeight * Double(cell.span)))
    }
    for (index, cell) in strip.cells.enumerated() {
      let width = (Self.width - left - 2) / Double(strip.cells.count)
      parts.append(
        box(
          cell, x: left + Double(index) * width, y: height - Self.cellHeight - 2, width: width,
          height: Self.cellHeight))
    }
    if !strip.cells.isEmpty { parts.append(Figure.label(strip.label, x: left - 6, y: height - 14, "tick end")) }
    return Figure(title: title, height: height, parts: parts).markup()
  }

  private static func rank(_ cell: Cell) -> Int { cell.isChosen ? 2 : (cell.isDefault ? 1 : 0) }

  private func box(_ cell: Cell, x: Double, y: Double, width: Double, height: Double) -> String {
    let mark = (cell.isDefault ? " default" : "") + (cell.isChosen ? " chosen" : "")
    let inset = mark.isEmpty ? 1.0 : 2.5
    return Markup.element(
      "g", ["class": Self.color(cell.better)],
      Markup.text("title", [:], cell.title)
        + Figure.box(
          "cell" + mark, x: x + inset, y: y + inset, width: width - 2 * inset, height: height - 2 * inset, radius: 3)
        + Figure.label(cell.text, x: x + width / 2, y: y + height / 2 + 5, "value"))
  }
}
