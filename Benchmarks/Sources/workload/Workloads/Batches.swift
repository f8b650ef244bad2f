// SPDX-License-Identifier: Apache-2.0
//
// A thousand blocks of 64 bytes taken, then all given back: in the order they came, reversed, shuffled.

import CBench
import Instruments

let batchCases: [Case] = [
  Case(name: "batch-ordered", about: "1000 x 64 B, then freed in the order of allocation") { batch($0, .ordered) },
  Case(name: "batch-reversed", about: "1000 x 64 B, then freed last first") { batch($0, .reversed) },
  Case(name: "batch-shuffled", about: "1000 x 64 B, then freed in a fixed random order") { batch($0, .shuffled) },
]

private enum Order { case ordered, reversed, shuffled }

@inline(never)
private func batch(_ conditions: Conditions, _ kind: Order) -> [(String, Double)] {
  let blocks = 1000
  let held = mapped(blocks, of: Block.self)
  let order = mapped(blocks, of: Int.self)
  for index in 0..<blocks { order[index] = kind == .reversed ? blocks - 1 - index : index }
  if kind == .shuffled {
    var random = Random(conditions.seed)
    random.shuffle(order, blocks)
  }
  let batches = conditions.scaled(60)
  let time = Clock.median(chunks: 31, operations: batches) { count in
    for _ in 0..<count {
      for index in 0..<blocks { held[index] = bench_malloc(64) }
      for index in 0..<blocks { bench_free(held[order[index]]) }
    }
  }
  return [("ns", time / Double(blocks))]
}
