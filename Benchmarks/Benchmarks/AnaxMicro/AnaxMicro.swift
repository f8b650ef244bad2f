// SPDX-License-Identifier: Apache-2.0
//
// The shortest paths of the library, one operation a case, beside what one would use without it. `swift package
// --package-path Benchmarks benchmark` runs them; the thresholds of their counts are in the folder Thresholds.
import Benchmark
import CCounts

/// What the package's build plugin would write. Without it the other programs beside this one build without its tool.
@main
struct AnaxMicro: BenchmarkRunnerHooks {
  static func registerBenchmarks() {
    let counts: [BenchmarkMetric] = counts_work() ? [.objects, .retains, .releases, .allocations] : []
    Benchmark.defaultConfiguration = .init(
      metrics: [.wallClock] + counts, timeUnits: .nanoseconds, scalingFactor: .mega, maxDuration: .milliseconds(200),
      thresholds: Dictionary(uniqueKeysWithValues: counts.map { ($0, .init(absolute: [.p90: 0])) }))
    mallocs()
    zones()
    pages()
    tokens()
  }
}
