// SPDX-License-Identifier: Apache-2.0
//
// What all figures share: the frame with its caption, and the few shapes that they are drawn from. Widths are those of
// a phone held upright; the page's style stretches a figure to its column.

struct Figure {
  var title: String
  /// Of the figure element: `wide` where it may take more room.
  var classes = ""
  var height: Double
  var parts: [String]

  static let width = 430.0

  static func coordinate(_ value: Double) -> String { Text.number(value, digits: 5, sign: "-") }

  /// How wide a text is about, with the widest of the fonts that the style may get.
  static func width(of text: String, size: Double) -> Double { Double(text.count) * size * share }
  private static let share = 0.56

  /// A text in lines that fit, broken between words; within one only where it alone is too long.
  static func wrapped(_ text: String, width: Double, size: Double) -> [String] {
    let most = max(Int(width / (size * share)), 8)
    var lines = [""]
    for word in text.split(separator: " ", omittingEmptySubsequences: false) {
      var rest = word
      if !lines[lines.count - 1].isEmpty, lines[lines.count - 1].count + 1 + rest.count <= most {
        lines[lines.count - 1] += " " + rest
        continue
      }
      if !lines[lines.count - 1].isEmpty { lines.append("") }
      while rest.count > most {
        lines[lines.count - 1] = String(rest.prefix(most))
        rest = rest.dropFirst(most)
        lines.append("")
      }
      lines[lines.count - 1] = String(rest)
    }
    return lines
  }

  static func line(_ name: String, _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) -> String {
    Markup.element(
      "line",
      ["class": name, "x1": coordinate(x1), "y1": coordinate(y1), "x2": coordinate(x2), "y2": coordinate(y2)])
  }

  static func label(_ text: String, x: Double, y: Double, _ name: String) -> String {
    Markup.text("text", ["class": name, "x": coordinate(x), "y": coordinate(y)], text)
  }

  /// `title` is what a pointer that rests on it is told.
  static func circle(_ name: String, x: Double, y: Double, radius: Double, title: String = "") -> String {
    Markup.element(
      "circle", ["class": name, "cx": coordinate(x), "cy": coordinate(y), "r": coordinate(radius)],
      title.isEmpty ? "" : Markup.text("title", [:], title))
  }

  /// A small one that points to the left, or with a `side` of 1 to the right: there is more beyond the edge.
  static func arrow(_ name: String, x: Double, y: Double, side: Double, title: String = "") -> String {
    let corners = [(side * 7, 0.0), (-side * 2, -4.5), (-side * 2, 4.5)].map { dx, dy in
      "\(coordinate(x + dx)),\(coordinate(y + dy))"
    }
    return Markup.element(
      "polygon", ["class": name, "points": corners.joined(separator: " ")],
      title.isEmpty ? "" : Markup.text("title", [:], title))
  }

  static func box(
    _ name: String, x: Double, y: Double, width: Double, height: Double, radius: Double = 0, title: String = ""
  ) -> String {
    Markup.element(
      "rect",
      [
        "class": name, "x": coordinate(x), "y": coordinate(y), "width": coordinate(width), "height": coordinate(height),
        "rx": coordinate(radius),
      ], title.isEmpty ? "" : Markup.text("title", [:], title))
  }

  /// `legend` is markup between the caption and the drawing.
  func markup(legend: String = "") -> String {
    Markup.element(
      "figure", classes.isEmpty ? [:] : ["class": classes],
      Markup.text("figcaption", [:], title) + legend
        + drawing(parts))
  }

  /// A file of its own, with the page's style and a background.
  var file: String {
    drawing(
      [
        Markup.element("style", [:], PageStyle.text),
        Markup.element("rect", ["class": "paper", "width": "100%", "height": "100%"]),
      ] + parts) + "\n"
  }

  private func drawing(_ parts: [String]) -> String {
    Markup.element(
      "svg",
      [
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": "0 0 \(Self.coordinate(Self.width)) \(Self.coordinate(height))", "role": "img",
        "aria-label": title,
      ], parts.joined())
  }
}
