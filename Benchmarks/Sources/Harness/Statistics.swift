// SPDX-License-Identifier: Apache-2.0
//
// Medians, geometric means, and the bootstrap interval of a median of paired ratios.

import Glibc

package enum Statistics {
  package static func median(_ values: [Double]) -> Double {
    guard !values.isEmpty else { return .nan }
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  package static func geometricMean(_ values: [Double]) -> Double {
    guard !values.isEmpty else { return .nan }
    return exp(values.reduce(0) { $0 + log(max($1, 1e-9)) } / Double(values.count))
  }

  /// The interval that holds the median in 95% of samples drawn again from `values`; the same for the same seed.
  package static func interval(_ values: [Double], seed: UInt64 = 1) -> ClosedRange<Double> {
    guard values.count > 1 else { return (values.first ?? .nan)...(values.first ?? .nan) }
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    let draws = 2000
    var medians: [Double] = []
    medians.reserveCapacity(draws)
    for _ in 0..<draws {
      var sample: [Double] = []
      for _ in values.indices {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        sample.append(values[Int((state >> 33) % UInt64(values.count))])
      }
      medians.append(median(sample))
    }
    medians.sort()
    return medians[draws / 40]...medians[draws - 1 - draws / 40]
  }
}
