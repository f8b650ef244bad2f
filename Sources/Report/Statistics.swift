// SPDX-License-Identifier: Apache-2.0
//
// Medians, geometric means, and Student's 95% intervals: of paired ratios by their logarithms, and of plain figures.

import Glibc

/// A middle and the 95% interval around it.
public struct Interval: Hashable, Sendable {
  public var middle: Double
  public var low: Double
  public var high: Double

  public init(middle: Double, low: Double, high: Double) {
    self.middle = middle
    self.low = low
    self.high = high
  }
}

public enum Statistics {
  public static func median(_ values: [Double]) -> Double {
    guard !values.isEmpty else { return .nan }
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  public static func geometricMean(_ values: [Double]) -> Double {
    guard !values.isEmpty else { return .nan }
    return exp(values.reduce(0) { $0 + log(max($1, 1e-12)) } / Double(values.count))
  }

  /// The geometric mean of ratios, and Student's interval of their logarithms. Of fewer than two it is unbounded. Not a
  /// bootstrap: of a handful of rounds that comes out too narrow, and a tuner would then see gains in noise.
  public static func interval(ofRatios ratios: [Double]) -> Interval {
    let logs = ratios.map { log(max($0, 1e-12)) }
    guard !logs.isEmpty else { return Interval(middle: .nan, low: 0, high: .infinity) }
    let mean = logs.reduce(0, +) / Double(logs.count)
    guard logs.count > 1 else { return Interval(middle: exp(mean), low: 0, high: .infinity) }
    let variance = logs.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(logs.count - 1)
    let half = student(degrees: logs.count - 1) * sqrt(variance / Double(logs.count))
    return Interval(middle: exp(mean), low: exp(mean - half), high: exp(mean + half))
  }

  /// The 97.5% quantile of Student's distribution.
  package static func student(degrees: Int) -> Double {
    let table = [
      12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
      2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
    ]
    if degrees < 1 { return .infinity }
    // Beyond the table: the first terms of its expansion around the normal quantile.
    return degrees <= table.count
      ? table[degrees - 1] : 1.95996 + 2.3724 / Double(degrees) + 2.823 / Double(degrees * degrees)
  }

  /// Student's interval of the mean of figures, one a round, around their median; it holds both. Of fewer than two it
  /// is unbounded.
  public static func interval(ofFigures values: [Double]) -> Interval {
    let middle = median(values)
    guard values.count > 1 else { return Interval(middle: middle, low: -.infinity, high: .infinity) }
    let count = Double(values.count)
    let mean = values.reduce(0, +) / count
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)
    let half = student(degrees: values.count - 1) * (variance / count).squareRoot()
    return Interval(middle: middle, low: min(mean - half, middle), high: max(mean + half, middle))
  }
}
