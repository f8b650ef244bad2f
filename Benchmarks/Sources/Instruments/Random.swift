// SPDX-License-Identifier: Apache-2.0
//
// The random numbers of the measurements: one xorshift generator a thread, its state in a local variable.

public struct Random {
  @usableFromInline var state: UInt64

  public init(_ seed: UInt64) {
    var mixed = seed &+ 0x9E37_79B9_7F4A_7C15
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    state = (mixed ^ (mixed >> 31)) | 1
  }

  @inlinable @inline(__always) public mutating func next() -> UInt64 {
    state ^= state &<< 13
    state ^= state &>> 7
    state ^= state &<< 17
    return state
  }

  /// Evenly from 0 up to, not including, `bound` (below 2^32).
  @inlinable @inline(__always) public mutating func below(_ bound: Int) -> Int {
    Int(truncatingIfNeeded: ((next() &>> 32) &* UInt64(truncatingIfNeeded: bound)) &>> 32)
  }

  /// A size of a power law: half of all are below 32 bytes, a quarter below 64, and so on, up to `doublings` doublings.
  @inlinable @inline(__always) public mutating func powerLawSize(doublings: Int) -> Int {
    let bits = next()
    let doubling = min((bits | 1 &<< 62).trailingZeroBitCount, doublings)
    let base = 16 &<< doubling
    return base &+ (Int(truncatingIfNeeded: bits &>> 32) & (base &- 1))
  }

  /// The length of a text: most are short, some are long.
  @inlinable @inline(__always) public mutating func textSize() -> Int {
    let bits = next()
    let kind = bits & 15
    let value = Int(truncatingIfNeeded: bits &>> 32)
    return kind < 10 ? 17 &+ value & 31 : kind < 15 ? 32 &+ value & 127 : 128 &+ value & 1023
  }

  public mutating func shuffle(_ values: UnsafeMutablePointer<Int>, _ count: Int) {
    var index = count - 1
    while index > 0 {
      let other = below(index + 1)
      (values[index], values[other]) = (values[other], values[index])
      index -= 1
    }
  }
}
