// SPDX-License-Identifier: Apache-2.0
//
// Large blocks: 5 to 25 MB at random, cleared blocks that are used in full, and a block that grows.

import CBench
import Instruments

let largeCases: [Case] = [
  Case(name: "large", about: "8 live blocks of 5 to 25 MB, a random one replaced, every page touched") { large($0) },
  Case(name: "calloc-64k", about: "calloc of 64 KiB, every cache line written, freed") { cleared($0, 64 << 10, 400) },
  Case(name: "calloc-1m", about: "calloc of 1 MiB, every cache line written, freed") { cleared($0, 1 << 20, 40) },
  Case(name: "realloc-64m", about: "a block grows by halves from 64 B to 64 MiB, every new page touched") {
    growth($0)
  },
]

private func large(_ conditions: Conditions) -> [(String, Double)] {
  let (slots, operations) = (8, conditions.scaled(40))
  let blocks = mapped(slots, of: Block?.self)
  var random = Random(conditions.seed)
  let start = bench_now()
  for _ in 0..<operations {
    let slot = random.below(slots)
    bench_free(blocks[slot])
    let size = 5_000_000 + random.below(20_000_000)
    let block = bench_malloc(size)
    block.touchAll(size - 8, step: 4096)
    blocks[slot] = block
  }
  for slot in 0..<slots { bench_free(blocks[slot]) }
  return [("us", Double(bench_now() - start) / Double(operations) / 1000)]
}

private func cleared(_ conditions: Conditions, _ size: Int, _ operations: Int) -> [(String, Double)] {
  let time = Clock.median(chunks: 15, operations: conditions.scaled(operations)) { count in
    for _ in 0..<count {
      let block = bench_calloc(1, size)
      block.touchAll(size, step: 64)
      bench_free(block)
    }
  }
  return [("us", time / 1000)]
}

private func growth(_ conditions: Conditions) -> [(String, Double)] {
  let time = Clock.median(chunks: conditions.scaled(5), operations: 1) { _ in
    var (size, touched) = (64, 0)
    var block = bench_malloc(size)
    while true {
      while touched < size {
        block.storeBytes(of: touched, toByteOffset: touched, as: Int.self)
        touched &+= 4096
      }
      if size >= 64 << 20 { break }
      size = min((size + size / 2 + 15) & ~15, 64 << 20)
      block = bench_realloc(block, size)
    }
    bench_free(block)
  }
  return [("ms", time / 1_000_000)]
}
