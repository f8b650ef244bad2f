// SPDX-License-Identifier: Apache-2.0
//
// Whether something is more than chance: Student's test of paired figures, and Holm's correction where many are tested.

import Glibc

public enum Significance {
  /// The probability that the mean of a population is at least `bound` and yet a sample like `values` has its mean so
  /// far below (one-sided, Student's t). 1 where there are too few values to tell.
  public static func below(_ bound: Double, _ values: [Double]) -> Double {
    guard values.count > 1 else { return 1 }
    let count = Double(values.count)
    let mean = values.reduce(0, +) / count
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)
    guard variance > 0 else { return mean < bound ? 0 : 1 }
    return upperTail((bound - mean) / (variance / count).squareRoot(), degrees: values.count - 1)
  }

  /// The probability that Student's t with so many degrees of freedom exceeds `t`: the finite series in the angle
  /// atan(t / √degrees).
  static func upperTail(_ t: Double, degrees: Int) -> Double {
    let angle = atan(t / Double(degrees).squareRoot())
    let (sine, cosine) = (sin(angle), cos(angle))
    var term = degrees % 2 == 0 ? 1.0 : cosine
    var sum = degrees == 1 ? 0 : term
    var index = degrees % 2 == 0 ? 2 : 3
    while index < degrees {
      term *= cosine * cosine * Double(index - 1) / Double(index)
      sum += term
      index += 2
    }
    let within = degrees % 2 == 0 ? sine * sum : (angle + sine * sum) * 2 / .pi
    return (1 - within) / 2
  }

  /// Which of the hypotheses with these probabilities fall, so that with 95% no true one falls (Holm's step-down).
  public static func holm(_ probabilities: [Double], level: Double = 0.05) -> Set<Int> {
    var fallen = Set<Int>()
    for (rank, index) in probabilities.indices.sorted(by: { probabilities[$0] < probabilities[$1] }).enumerated() {
      guard probabilities[index] <= level / Double(probabilities.count - rank) else { break }
      fallen.insert(index)
    }
    return fallen
  }
}

extension Significance {
  /// The difference of two means, right less left, with its 95% interval, and how likely it is by chance (two-sided,
  /// Welch's test). nil with fewer than two values on a side.
  static func difference(_ left: [Double], _ right: [Double]) -> (
    middle: Double, low: Double, high: Double, probability: Double
  )? {
    guard left.count > 1, right.count > 1 else { return nil }
    func moments(_ values: [Double]) -> (mean: Double, ofMean: Double, degrees: Double) {
      let count = Double(values.count)
      let mean = values.reduce(0, +) / count
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)
      return (mean, variance / count, count - 1)
    }
    let (one, two) = (moments(left), moments(right))
    let middle = two.mean - one.mean
    let variance = one.ofMean + two.ofMean
    guard variance > 0 else { return (middle, middle, middle, middle == 0 ? 1 : 0) }
    // Rounded down, which is the cautious side.
    let degrees = max(
      Int(variance * variance / (one.ofMean * one.ofMean / one.degrees + two.ofMean * two.ofMean / two.degrees)), 1)
    let half = Statistics.student(degrees: degrees) * variance.squareRoot()
    let probability = 2 * upperTail(abs(middle) / variance.squareRoot(), degrees: degrees)
    return (middle, middle - half, middle + half, min(probability, 1))
  }
}
