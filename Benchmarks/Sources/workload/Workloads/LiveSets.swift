// SPDX-License-Identifier: Apache-2.0
//
// A live set of 20000 blocks of random sizes, of which a random one is replaced again and again.

import CBench
import Instruments

let liveSetCases: [Case] = [
  Case(name: "live-1k", about: "20000 live blocks of up to 1 KiB, replaced at random") { liveSet($0, 1024) },
  Case(name: "live-8k", about: "20000 live blocks of up to 8 KiB, replaced at random") { liveSet($0, 8192) },
]

@inline(never)
private func liveSet(_ conditions: Conditions, _ limit: Int) -> [(String, Double)] {
  let live = 20_000
  let blocks = mapped(live, of: Block.self)
  var random = Random(conditions.seed)
  for slot in 0..<live {
    blocks[slot] = bench_malloc(1 + random.below(limit))
    blocks[slot].storeBytes(of: 1, as: UInt8.self)
  }
  let operations = conditions.scaled(60_000)
  let time = Clock.median(chunks: 15, operations: operations) { count in
    for _ in 0..<count {
      let slot = random.below(live)
      bench_free(blocks[slot])
      blocks[slot] = bench_malloc(1 &+ random.below(limit))
      blocks[slot].storeBytes(of: 1, as: UInt8.self)
    }
  }
  for slot in 0..<live { bench_free(blocks[slot]) }
  return [("ns", time)]
}
