// SPDX-License-Identifier: Apache-2.0
//
// How long single calls take under a mixed load: every malloc and every free is timed by the cycle counter. The counter
// itself costs the same for all; its share is reported by the case `overhead`.

import CBench
import Instruments

let tailCases = [
  Case(name: "tails", about: "percentiles of malloc and of free, mixed sizes, some blocks freed by another thread") {
    tails($0)
  }
]

private func tails(_ conditions: Conditions) -> [(String, Double)] {
  let threads = conditions.threads
  let live = 8192
  let operations = max(conditions.scaled(600_000) / threads, live)
  let table = ExchangeTable(1024)
  let mallocs = mapped(threads, of: Histogram.self)
  let frees = mapped(threads, of: Histogram.self)
  let held = mapped(threads, of: UnsafeMutablePointer<Block?>.self)
  for index in 0..<threads {
    mallocs[index] = Histogram()
    frees[index] = Histogram()
    held[index] = mapped(live, of: Block?.self)
  }
  let seed = conditions.seed
  let unit = Clock.nanosecondsPerTick()
  _ = Team.run(threads) { index in
    var random = Random(seed &+ UInt64(index))
    let (blocks, mallocTimes, freeTimes) = (held[index], mallocs[index], frees[index])
    for _ in 0..<operations {
      let size = random.powerLawSize(doublings: 13)
      let before = bench_ticks()
      let block = bench_malloc(size)
      mallocTimes.add(bench_ticks() &- before)
      block.touch()
      let slot = random.below(live)
      var leaving = blocks[slot]
      blocks[slot] = block
      if slot & 7 == 0 { leaving = table.exchange(random.below(table.count), leaving) }
      if let leaving {
        let before = bench_ticks()
        bench_free(leaving)
        freeTimes.add(bench_ticks() &- before)
      }
    }
    for slot in 0..<live { bench_free(blocks[slot]) }
  }
  table.drain()
  var metrics: [(String, Double)] = []
  for (name, histograms) in [("malloc", mallocs), ("free", frees)] {
    let all = histograms[0]
    for index in 1..<max(threads, 1) { all.add(histograms[index]) }
    for (label, share) in [("p50", 0.5), ("p99", 0.99), ("p999", 0.999)] {
      metrics.append(("\(name)_\(label)_ns", all.percentile(share) * unit))
    }
    metrics.append(("\(name)_max_us", Double(all.maximum) * unit / 1000))
    for share in [0.5, 0.9, 0.99, 0.999, 0.9999] {
      metrics.append(("\(name)_ns@\(share)", all.percentile(share) * unit))
    }
    metrics.append(("\(name)_ns@1.0", Double(all.maximum) * unit))
  }
  return metrics
}
