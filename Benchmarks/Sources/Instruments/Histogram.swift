// SPDX-License-Identifier: Apache-2.0
//
// A histogram of durations in ticks of the cycle counter: 64 steps in each doubling, so a reading is right to 1.6%.
// One writer at a time; in mapped memory.

public struct Histogram: BitwiseCopyable {
  @inlinable static var steps: Int { 64 }
  @inlinable static var buckets: Int { 64 * 40 }
  @usableFromInline let counts: UnsafeMutablePointer<UInt32>
  @usableFromInline let largest: UnsafeMutablePointer<UInt64>

  public init() {
    counts = mapped(Histogram.buckets, of: UInt32.self)
    largest = mapped(8, of: UInt64.self)
  }

  @inlinable @inline(__always) public func add(_ ticks: UInt64) {
    counts[Histogram.bucket(ticks)] &+= 1
    if ticks > largest.pointee { largest.pointee = ticks }
  }

  public func add(_ other: Histogram) {
    for bucket in 0..<Histogram.buckets { counts[bucket] &+= other.counts[bucket] }
    if other.maximum > maximum { largest.pointee = other.maximum }
  }

  public var maximum: UInt64 { largest.pointee }

  /// The ticks that a share of all readings stay at or below.
  public func percentile(_ share: Double) -> Double {
    var total = 0
    for bucket in 0..<Histogram.buckets { total += Int(counts[bucket]) }
    let rank = Int((Double(total) * share).rounded(.up))
    var seen = 0
    for bucket in 0..<Histogram.buckets {
      seen += Int(counts[bucket])
      if seen >= rank { return min(Histogram.value(bucket), Double(maximum)) }
    }
    return Double(maximum)
  }

  @inlinable @inline(__always) static func bucket(_ ticks: UInt64) -> Int {
    if ticks < UInt64(steps) { return Int(ticks) }
    let doubling = 63 &- ticks.leadingZeroBitCount &- 6
    let index = (doubling &+ 1) &* steps &+ Int(truncatingIfNeeded: ticks &>> UInt64(doubling)) &- steps
    return min(index, buckets &- 1)
  }

  private static func value(_ bucket: Int) -> Double {
    if bucket < steps { return Double(bucket) }
    let doubling = bucket / steps - 1
    return (Double(bucket % steps + steps) + 0.5) * Double(UInt64(1) << UInt64(doubling))
  }
}
