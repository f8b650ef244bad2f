// SPDX-License-Identifier: Apache-2.0
//
// Waits in ticks of the cycle counter, in buckets of 32 steps each doubling: a reading is right to 1.6%. An add is one
// increment and one comparison. One thread writes; its owner merges when that thread has ended.

package struct WaitHistogram: Sendable {
  private static let steps = 32
  private static let buckets = steps * 40
  private var counts = [UInt32](repeating: 0, count: buckets)
  package private(set) var largest: UInt64 = 0
  package private(set) var total = 0

  package init() {}

  @inline(__always) mutating func add(_ ticks: UInt64) {
    counts[Self.bucket(ticks)] &+= 1
    total &+= 1
    if ticks > largest { largest = ticks }
  }

  package mutating func add(_ other: WaitHistogram) {
    for bucket in counts.indices { counts[bucket] &+= other.counts[bucket] }
    largest = max(largest, other.largest)
    total += other.total
  }

  /// The ticks that a share of all waits stay at or below.
  package func percentile(_ share: Double) -> Double {
    let rank = max(1, Int((Double(total) * share).rounded(.up)))
    var seen = 0
    for bucket in counts.indices {
      seen += Int(counts[bucket])
      if seen >= rank { return min(Self.value(bucket), Double(largest)) }
    }
    return Double(largest)
  }

  /// The buckets that hold something: their middle in ticks, and how many waits they hold.
  package var points: [(ticks: Double, count: Int)] {
    counts.indices.lazy.filter { counts[$0] > 0 }.map { (Self.value($0), Int(counts[$0])) }
  }

  /// Waits in nanoseconds and how often; those up to `free` nanoseconds count as none.
  package func contended(above free: Double, nanosecondsPerTick: Double) -> [(nanoseconds: Double, count: Int)] {
    points.map { point in
      let nanoseconds = point.ticks * nanosecondsPerTick
      return (nanoseconds <= free ? 0 : nanoseconds, point.count)
    }
  }

  @inline(__always) private static func bucket(_ ticks: UInt64) -> Int {
    if ticks < UInt64(steps) { return Int(ticks) }
    let doubling = 63 &- ticks.leadingZeroBitCount &- 5
    let index = (doubling &+ 1) &* steps &+ Int(truncatingIfNeeded: ticks &>> UInt64(doubling)) &- steps
    return min(index, buckets &- 1)
  }

  private static func value(_ bucket: Int) -> Double {
    if bucket < steps { return Double(bucket) }
    let doubling = bucket / steps - 1
    return (Double(bucket % steps + steps) + 0.5) * Double(UInt64(1) << UInt64(doubling))
  }
}
