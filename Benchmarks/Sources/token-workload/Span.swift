// SPDX-License-Identifier: Apache-2.0
//
// The measured span of a run: time, processor time and switches between its begin and its end, and the figures made of
// them. Used by the thread that does not take part.

import CBench
import Glibc
import Instruments

struct Span {
  private var times: (from: UInt64, to: UInt64) = (0, 0)
  private var ticks: (from: UInt64, to: UInt64) = (0, 0)
  private var usages: (from: rusage, to: rusage) = (rusage(), rusage())

  mutating func begin() {
    usages.from = Span.usage()
    ticks.from = bench_ticks()
    times.from = bench_now()
  }

  mutating func end() {
    times.to = bench_now()
    ticks.to = bench_ticks()
    usages.to = Span.usage()
  }

  private static func usage() -> rusage {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage
  }

  /// Seconds since the begin.
  func elapsed(_ now: UInt64) -> Double { Double(now - times.from) / 1e9 }
  private var seconds: Double { Double(times.to - times.from) / 1e9 }
  private var nanosecondsPerTick: Double { Double(times.to - times.from) / Double(ticks.to - ticks.from) }

  private static func processorSeconds(_ usage: rusage) -> Double {
    Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
      + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
  }

  /// Throughput, processor time, switches, and how evenly `operations`, one number a thread, are spread.
  func metrics(_ operations: [Int]) -> Metrics {
    let total = Double(max(operations.reduce(0, +), 1))
    let processor = Span.processorSeconds(usages.to) - Span.processorSeconds(usages.from)
    let squares = operations.reduce(0) { $0 + Double($1) * Double($1) }
    return [
      ("operations", total),
      ("kops", total / seconds / 1000),
      ("cpu_ns", processor * 1e9 / total),
      ("jain", squares > 0 ? total * total / (Double(operations.count) * squares) : 0),
      ("voluntary_per_kop", Double(usages.to.ru_nvcsw - usages.from.ru_nvcsw) * 1000 / total),
      ("involuntary_per_kop", Double(usages.to.ru_nivcsw - usages.from.ru_nivcsw) * 1000 / total),
    ]
  }

  /// The waits of all threads, in nanoseconds; nothing where none was timed.
  func waits(_ name: String, _ histograms: [Histogram]) -> Metrics {
    let all = histograms[0]
    for other in histograms.dropFirst() { all.add(other) }
    guard all.maximum > 0 else { return [] }
    let shares = [("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("p9999", 0.9999)]
    return shares.map { ("\(name)_\($0.0)_ns", all.percentile($0.1) * nanosecondsPerTick) }
      + [("\(name)_max_ns", Double(all.maximum) * nanosecondsPerTick)]
  }
}
