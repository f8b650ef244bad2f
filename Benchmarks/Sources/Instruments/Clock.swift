// SPDX-License-Identifier: Apache-2.0
//
// How time is taken: in chunks, of which the median counts, so that a chunk that another process disturbed is no part
// of the result.

import CBench

public enum Clock {
  /// The median over `chunks` of the nanoseconds that one operation took; the first chunk is warm-up and not counted.
  @inlinable @inline(__always)
  public static func median(chunks: Int, operations: Int, _ body: (Int) -> Void) -> Double {
    let times = mapped(chunks, of: Double.self)
    body(operations)
    for chunk in 0..<chunks {
      let start = bench_now()
      body(operations)
      times[chunk] = Double(bench_now() - start) / Double(operations)
    }
    return median(times, chunks)
  }

  /// The same, with as many operations in a chunk as take about so long, found by doubling them. Each number is tried
  /// twice, and the quicker time counts: a first call that starts something, or a moment of another process's, must not
  /// end the search.
  @inlinable @inline(__always)
  public static func median(chunks: Int, nanoseconds: Double, _ body: (Int) -> Void) -> Double {
    var operations = 1
    var took = 0.0
    body(1)
    while true {
      took = .infinity
      for _ in 0..<2 {
        let start = bench_now()
        body(operations)
        took = min(took, Double(bench_now() - start))
      }
      if took >= nanoseconds / 4 { break }
      operations &*= 2
    }
    return median(chunks: chunks, operations: max(Int(Double(operations) * nanoseconds / took), 1), body)
  }

  public static func median(_ values: UnsafeMutablePointer<Double>, _ count: Int) -> Double {
    var buffer = UnsafeMutableBufferPointer(start: values, count: count)
    buffer.sort()
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2
  }

  /// Nanoseconds of one tick of the cycle counter, over at least 20 ms.
  public static func nanosecondsPerTick() -> Double {
    let (from, fromTicks) = (bench_now(), bench_ticks())
    while bench_now() - from < 20_000_000 {}
    return Double(bench_now() - from) / Double(bench_ticks() - fromTicks)
  }
}
