// SPDX-License-Identifier: Apache-2.0
//
// What is measured beside time: counts that are the same on every machine and in every run, so that thresholds can
// stand on them.
// The benchmark package's own need more libraries, to be preloaded, with Swift 6.3; these need the linker alone.
import Benchmark
import CCounts

extension BenchmarkMetric {
  static let objects = BenchmarkMetric.custom("Objects")
  static let retains = BenchmarkMetric.custom("Retains")
  static let releases = BenchmarkMetric.custom("Releases")
  static let allocations = BenchmarkMetric.custom("Allocations")
}

extension Benchmark {
  /// Runs the operation as often as the scaling factor says; once before, for what only a first call costs.
  @inline(__always)
  func count<Failure: Error>(_ operation: () throws(Failure) -> Void) throws(Failure) {
    try operation()
    startMeasurement()
    let before = counts_now()
    for _ in scaledIterations { try operation() }
    let after = counts_now()
    stopMeasurement()
    measurement(.objects, Int(after.objects - before.objects))
    measurement(.retains, Int(after.retains - before.retains))
    measurement(.releases, Int(after.releases - before.releases))
    measurement(.allocations, Int(after.allocations - before.allocations))
  }
}
