// SPDX-License-Identifier: Apache-2.0
//
// Lines over a common axis, one a subject: what happens with more threads, over time, or far out in a distribution.
// Every point has its numbers as a title; the lowest and highest round are a thin line through it.

import Glibc

package struct LinePlot {
  package struct Point {
    package var at: Double
    package var middle: Double
    package var low: Double
    package var high: Double

    package init(at: Double, middle: Double, low: Double, high: Double) {
      (self.at, self.middle, self.low, self.high) = (at, middle, low, high)
    }
  }

  package struct Series {
    package var name: String
    /// Of its lines, for the style.
    package var style: String
    package var points: [Point]

    package init(name: String, style: String, points: [Point]) {
      (self.name, self.style, self.points) = (name, style, points)
    }
  }

  package enum Axis {
    case linear, logarithmic
    /// Shares below 1, spread so that every nine has the same room; 1 itself is the end.
    case nines
  }

  package var title: String
  package var horizontal: Axis
  package var vertical: Axis
  package var horizontalTitle: String
  package var verticalTitle: String
  package var series: [Series]
  /// What is written below the places on the horizontal axis; where empty, the values themselves.
  package var labels: [Double: String] = [:]
  package var format: (Double) -> String = { Text.number($0) }

  package init(
    title: String, horizontal: Axis, vertical: Axis, horizontalTitle: String, verticalTitle: String, series: [Series]
  ) {
    (self.title, self.horizontal, self.vertical) = (title, horizontal, vertical)
    (self.horizontalTitle, self.verticalTitle, self.series) = (horizontalTitle, verticalTitle, series)
  }

  private static let left = 50.0
  private static let right = 12.0
  private static let top = 24.0
  private static let bottom = 226.0

  /// Where a value lies on an axis, in no unit.
  private static func place(_ value: Double, _ axis: Axis) -> Double {
    switch axis {
    case .linear: value
    case .logarithmic: log(max(value, 1e-12))
    // One more nine than the last that is drawn stands for the longest.
    case .nines: value >= 1 ? log(1e6) : -log(max(1 - value, 1e-6))
    }
  }

  package var svg: String {
    let points = series.flatMap(\.points).filter { $0.middle.isFinite && (vertical == .linear || $0.middle > 0) }
    guard let least = points.map(\.at).min(), let most = points.map(\.at).max() else { return "" }
    let values = points.flatMap { [$0.low, $0.high, $0.middle] }.filter { vertical == .linear || $0 > 0 }
    let floor = vertical == .linear ? min(0, values.min()!) : values.min()! / 1.15
    let ceiling = vertical == .linear ? values.max()! * 1.05 : values.max()! * 1.15
    let (from, to) = (Self.place(least, horizontal), Self.place(most, horizontal))
    let (low, high) = (Self.place(floor, vertical), Self.place(ceiling, vertical))
    func x(_ value: Double) -> Double {
      let share = to > from ? (Self.place(value, horizontal) - from) / (to - from) : 0.5
      return Self.left + 8 + share * (Figure.width - Self.left - Self.right - 16)
    }
    func y(_ value: Double) -> Double {
      let share = high > low ? (Self.place(value, vertical) - low) / (high - low) : 0.5
      return Self.bottom - min(max(share, 0), 1) * (Self.bottom - Self.top)
    }

    var parts = [Figure.label(verticalTitle, x: 4, y: 13, "axis start")]
    for tick in Self.ticks(floor, ceiling, vertical) {
      parts.append(Figure.line(tick == 0 ? "zero" : "grid", Self.left, y(tick), Figure.width - Self.right, y(tick)))
      parts.append(Figure.label(format(tick), x: Self.left - 6, y: y(tick) + 4, "tick end"))
    }
    let places = labels.isEmpty ? Self.ticks(least, most, horizontal) : labels.keys.sorted()
    for place in places where place >= least && place <= most {
      parts.append(Figure.line("grid", x(place), Self.bottom, x(place), Self.bottom + 5))
      parts.append(Figure.label(labels[place] ?? Text.number(place), x: x(place), y: Self.bottom + 19, "tick"))
    }
    parts.append(
      Figure.label(horizontalTitle, x: (Self.left + Figure.width - Self.right) / 2, y: Self.bottom + 36, "axis"))
    for one in series.reversed() { parts.append(drawing(one, x, y)) }
    return Figure(title: title, height: Self.bottom + 42, parts: parts).markup(legend: Self.legend(series))
  }

  private func drawing(_ series: Series, _ x: (Double) -> Double, _ y: (Double) -> Double) -> String {
    let points = series.points.filter { $0.middle.isFinite && (vertical == .linear || $0.middle > 0) }
      .sorted { $0.at < $1.at }
    let path = points.map { "\(Figure.coordinate(x($0.at))),\(Figure.coordinate(y($0.middle)))" }
    var parts: [String] = []
    // Many points are a line; few have dots and the spread of the rounds.
    let isDense = points.count > 20
    if !isDense {
      parts += points.filter { $0.high > $0.low }.map {
        Figure.line("spread", x($0.at), y($0.low), x($0.at), y($0.high))
      }
    }
    parts.append(Markup.element("polyline", ["points": path.joined(separator: " ")]))
    parts += points.map { point in
      let spread = point.high > point.low ? " (\(format(point.low)) to \(format(point.high)))" : ""
      return Figure.circle(
        "point", x: x(point.at), y: y(point.middle), radius: isDense ? 1.2 : 3.2,
        title: "\(series.name), \(labels[point.at] ?? Text.number(point.at)): \(format(point.middle))\(spread)")
    }
    return Markup.element("g", ["class": "series \(series.style)"], parts.joined())
  }

  static func legend(_ series: [Series]) -> String {
    Markup.element(
      "p", ["class": "key"], series.map { Markup.text("span", ["class": $0.style], $0.name) }.joined(separator: " "))
  }

  /// Round numbers, about five.
  static func ticks(_ low: Double, _ high: Double, _ axis: Axis) -> [Double] {
    switch axis {
    case .nines: return [0.5, 0.9, 0.99, 0.999, 0.9999, 1].filter { $0 >= low && $0 <= high }
    case .linear:
      guard high > low else { return [low] }
      let size = pow(10, (log10((high - low) / 4)).rounded(.down))
      let step = [1, 2, 5, 10].map { $0 * size }.first { (high - low) / $0 <= 6 } ?? size * 10
      return Array(stride(from: (low / step).rounded(.up) * step, through: high, by: step))
    case .logarithmic:
      guard low > 0, high > low else { return [low] }
      let decades = Int(log10(low).rounded(.down))...Int(log10(high).rounded(.up))
      for digits in [[1.0, 1.5, 2, 3, 4, 5, 7], [1, 2, 5], [1, 3], [1]] {
        let list = decades.flatMap { decade in digits.map { $0 * pow(10, Double(decade)) } }
          .filter { $0 >= low && $0 <= high }
        if list.count <= 7 { return list }
      }
      return decades.filter { $0 % 2 == 0 }.map { pow(10, Double($0)) }.filter { $0 >= low && $0 <= high }
    }
  }
}
