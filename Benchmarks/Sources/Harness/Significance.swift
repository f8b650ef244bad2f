// SPDX-License-Identifier: Apache-2.0
//
// Whether something is more than chance: Student's test of paired figures, and Holm's correction where many are tested.

import Glibc

package enum Significance {
  /// The probability that the mean of a population is at least `bound` and yet a sample like `values` has its mean so far
  /// below (one-sided, Student's t). 1 where there are too few values to tell.
  package static func below(_ bound: Double, _ values: [Double]) -> Double {
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
  package static func holm(_ probabilities: [Double], level: Double = 0.05) -> Set<Int> {
    var fallen = Set<Int>()
    for (rank, index) in probabilities.indices.sorted(by: { probabilities[$0] < probabilities[$1] }).enumerated() {
      guard probabilities[index] <= level / Double(probabilities.count - rank) else { break }
      fallen.insert(index)
    }
    return fallen
  }
}
