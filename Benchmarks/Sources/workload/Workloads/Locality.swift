// SPDX-License-Identifier: Apache-2.0
//
// Where blocks lie, rather than how fast they come: a chase over the first words of 256 live blocks. And the question
// that Swift's arrays ask at every growth, malloc_usable_size.

import CBench
import Instruments

let chaseSizes = [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144]

let localityCases: [Case] =
  chaseSizes.map { size in
    Case(name: "chase-\(size)", about: "first words of 256 live blocks of \(size) B, in random order") { conditions in
      chase(conditions, size)
    }
  }
  + [Case(name: "usable-size", about: "malloc_usable_size over 64 live blocks of 16 B to 4 KiB") { usable($0) }]

@inline(never)
private func chase(_ conditions: Conditions, _ size: Int) -> [(String, Double)] {
  let count = 256
  let blocks = mapped(count, of: Block.self)
  let order = mapped(count, of: Int.self)
  for index in 0..<count {
    blocks[index] = bench_malloc(size)
    order[index] = index
  }
  var random = Random(conditions.seed)
  random.shuffle(order, count)
  for index in 0..<count {
    blocks[order[index]].storeBytes(of: blocks[order[(index + 1) % count]], as: Block.self)
  }
  var at = blocks[0]
  let time = Clock.median(chunks: 31, operations: conditions.scaled(100_000)) { hops in
    for _ in 0..<hops { at = at.load(as: Block.self) }
    at = bench_opaque(at)!
  }
  for index in 0..<count { bench_free(blocks[index]) }
  return [("ns", time)]
}

@inline(never)
private func usable(_ conditions: Conditions) -> [(String, Double)] {
  let count = 64
  let blocks = mapped(count, of: Block.self)
  for index in 0..<count { blocks[index] = bench_malloc(16 << (index % 9)) }
  var sum = 0
  let time = Clock.median(chunks: 31, operations: conditions.scaled(100_000)) { questions in
    for question in 0..<questions { sum &+= bench_usable(blocks[question & (count - 1)]) }
  }
  guard sum > 0 else { fail("malloc_usable_size says 0") }
  return [("ns", time)]
}
