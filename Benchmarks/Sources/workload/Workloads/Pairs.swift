// SPDX-License-Identifier: Apache-2.0
//
// malloc and free in turn, the hot path alone: no touch, one size. And what the loops cost by themselves.

import CBench
import Instruments

let pairSizes = [16, 64, 256, 1024, 4096, 8192, 32768]

let pairCases: [Case] =
  pairSizes.map { size in
    Case(name: "pair-\(size)", about: "malloc(\(size)) and free in turn") { conditions in
      [("ns", mallocPair(size, conditions.scaled(100_000)))]
    }
  }
  + pairSizes.map { size in
    Case(name: "aligned-\(size)", about: "posix_memalign(16, \(size)) and free in turn") { conditions in
      [("ns", alignedPair(size, conditions.scaled(100_000)))]
    }
  }

@inline(never)
private func mallocPair(_ size: Int, _ operations: Int) -> Double {
  Clock.median(chunks: 31, operations: operations) { count in
    for _ in 0..<count { bench_free(bench_malloc(size)) }
  }
}

@inline(never)
private func alignedPair(_ size: Int, _ operations: Int) -> Double {
  Clock.median(chunks: 31, operations: operations) { count in
    for _ in 0..<count { bench_free(bench_memalign(16, size)) }
  }
}

let overheadCases = [
  Case(name: "overhead", about: "what loops, rings, random numbers and clocks of the workload cost by themselves") {
    overhead($0)
  }
]

@inline(never)
private func overhead(_ conditions: Conditions) -> [(String, Double)] {
  let operations = conditions.scaled(100_000)
  var random = Random(conditions.seed)
  let word = mapped(1, of: UInt64.self)
  let loop = Clock.median(chunks: 31, operations: operations) { count in
    for _ in 0..<count { _ = bench_opaque(bench_opaque(word)) }
  }
  let draw = Clock.median(chunks: 31, operations: operations) { count in
    for _ in 0..<count { word.pointee = UInt64(truncatingIfNeeded: random.below(1000)) }
  }
  let clock = Clock.median(chunks: 31, operations: operations) { count in
    for _ in 0..<count { word.pointee = bench_ticks() }
  }
  let ring = Ring()
  let passes = conditions.scaled(2_000_000)
  let pass =
    Team.run(2) { index in
      for value in 0..<passes {
        if index == 0 { ring.send(UInt(value)) } else { _ = ring.receive() }
      }
    } / Double(passes)
  return [("loop_ns", loop), ("random_ns", draw), ("clock_ns", clock), ("ring_ns", pass)]
}
