// SPDX-License-Identifier: Apache-2.0
//
// Groups of blocks far larger than any cache of an allocator, taken together and given back together: all by the same
// thread, or a quarter of each group by another thread.

import CBench
import Instruments

let groupCases: [Case] = [
  Case(name: "groups", about: "groups of 16384 blocks of one size, taken and freed together by one thread") {
    groups($0, remote: false)
  },
  Case(name: "groups-remote", about: "the same, a quarter of each group is freed by another thread") {
    groups($0, remote: true)
  },
]

private let groupSize = 16384
private let groupsHeld = 3
private let sizes: [Int] = [16, 24, 40, 64, 48, 100, 160, 32, 256, 400, 80, 640, 128, 1000]

private func groups(_ conditions: Conditions, remote: Bool) -> [(String, Double)] {
  let threads = remote ? max(conditions.threads, 2) : conditions.threads
  let rounds = max(conditions.scaled(112) / threads, groupsHeld)
  let held = mapped(threads, of: UnsafeMutablePointer<Block?>.self)
  let rings = mapped(threads, of: Ring.self)
  for index in 0..<threads {
    held[index] = mapped(groupSize * groupsHeld, of: Block?.self)
    rings[index] = Ring()
  }
  let sizeTable = mapped(sizes.count, of: Int.self)
  for index in 0..<sizes.count { sizeTable[index] = sizes[index] }
  let sizeCount = sizes.count
  let time = Team.run(threads) { index in
    let blocks = held[index]
    let (inlet, outlet) = (rings[index], rings[(index + 1) % threads])
    let parts = 64
    for round in 0..<rounds + groupsHeld {
      let group = blocks + round % groupsHeld * groupSize
      if round >= groupsHeld { release(group, remote, inlet, outlet, parts) }
      if round < rounds {
        let size = sizeTable[(round + index) % sizeCount]
        for slot in 0..<groupSize {
          let block = bench_malloc(size)
          block.touch()
          group[slot] = block
        }
      }
    }
  }
  return [("ns", time / Double(threads * rounds * groupSize))]
}

/// Gives a group back; where part is for the neighbour, it goes in parts, so that no ring fills up on both sides.
private func release(
  _ group: UnsafeMutablePointer<Block?>, _ remote: Bool, _ inlet: Ring, _ outlet: Ring, _ parts: Int
) {
  guard remote else {
    for slot in 0..<groupSize { bench_free(group[slot]) }
    return
  }
  let perPart = groupSize / parts
  for part in 0..<parts {
    let base = group + part * perPart
    for slot in 0..<perPart / 4 { outlet.send(UInt(bitPattern: base[slot])) }
    for slot in perPart / 4..<perPart { bench_free(base[slot]) }
    for _ in 0..<perPart / 4 { bench_free(Block(bitPattern: inlet.receive())) }
  }
}
