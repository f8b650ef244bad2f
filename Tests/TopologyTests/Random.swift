// SPDX-License-Identifier: Apache-2.0

/// Numbers that follow from a seed (xorshift): a failure comes again.
struct Random: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed | 1 << 63 }

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}
