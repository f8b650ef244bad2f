// SPDX-License-Identifier: Apache-2.0
//
// Blocks whose sizes and lifetimes both follow a power law: a wheel of time slots holds the lists of what ends when.

import CBench
import Instruments

let lifetimeCases = [
  Case(name: "power-law", about: "sizes and lifetimes both of a power law, one thread or several") { powerLaw($0) }
]

private func powerLaw(_ conditions: Conditions) -> [(String, Double)] {
  let threads = conditions.threads
  let operations = conditions.scaled(3_000_000) / threads
  let slots = 1 << 17
  let wheels = mapped(threads, of: UnsafeMutablePointer<Block?>.self)
  for index in 0..<threads { wheels[index] = mapped(slots, of: Block?.self) }
  let seed = conditions.seed
  let time = Team.run(threads) { index in
    var random = Random(seed &+ UInt64(index))
    let wheel = wheels[index]
    for now in 0..<operations {
      let block = bench_malloc(random.powerLawSize(doublings: 12))
      // The first word of a block links it to what else ends at the same time.
      let end = (now &+ random.powerLawSize(doublings: 12)) & (slots &- 1)
      block.storeBytes(of: wheel[end], as: Block?.self)
      wheel[end] = block
      var ending = wheel[now & (slots &- 1)]
      wheel[now & (slots &- 1)] = nil
      while let block = ending {
        ending = block.load(as: Block?.self)
        bench_free(block)
      }
    }
    for slot in 0..<slots {
      var ending = wheel[slot]
      while let block = ending {
        ending = block.load(as: Block?.self)
        bench_free(block)
      }
    }
  }
  return [("ns", time / Double(operations * threads))]
}
