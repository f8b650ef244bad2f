// SPDX-License-Identifier: Apache-2.0
//
// Jain's index of how evenly threads were served, and the random numbers of a plan.

import Report

extension Statistics {
  /// 1 where all threads got the same, 1/n where one got all; nil without threads or operations.
  package static func fairness(_ operations: [Double]) -> Double? {
    let squares = operations.reduce(0) { $0 + $1 * $1 }
    guard squares > 0 else { return nil }
    let sum = operations.reduce(0, +)
    return sum * sum / (Double(operations.count) * squares)
  }
}

/// A generator whose sequence is told by its seed.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 0x1234_5678_9ABC_DEF1 }

  package mutating func next() -> UInt64 {
    // splitmix64
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}
