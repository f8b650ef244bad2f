// SPDX-License-Identifier: Apache-2.0
//
// Long-running services in small: a server whose threads die and leave their blocks to a successor (as larson does),
// and blocks of mixed sizes that live for one of three generations.

import CBench
import Glibc
import Instruments

let serverCases: [Case] = [
  Case(name: "server", about: "threads replace random blocks of 10 to 500 B, die, and a new thread takes over") {
    server($0)
  },
  Case(name: "generations", about: "mixed sizes; most die young, some live in a middle or an old generation") {
    generations($0)
  },
]

/// What a line of server threads hands from one to the next.
private struct Inheritance {
  var blocks: UnsafeMutablePointer<Block>
  var lives: Int
  var operations: Int
  var seed: UInt64
  var alive: UnsafeMutablePointer<UInt64>
}

private let blocksOfServer = 1000

private func live(_ inheritance: UnsafeMutablePointer<Inheritance>) {
  let blocks = inheritance.pointee.blocks
  var random = Random(inheritance.pointee.seed &+ UInt64(inheritance.pointee.lives))
  for _ in 0..<inheritance.pointee.operations {
    let slot = random.below(blocksOfServer)
    bench_free(blocks[slot])
    let block = bench_malloc(10 &+ random.below(490))
    block.touch()
    blocks[slot] = block
  }
  inheritance.pointee.lives -= 1
  if inheritance.pointee.lives > 0 {
    succeed(inheritance)
  } else {
    _ = bench_add(inheritance.pointee.alive, ~0)
  }
}

private func succeed(_ inheritance: UnsafeMutablePointer<Inheritance>) {
  var thread = pthread_t()
  var attributes = pthread_attr_t()
  pthread_attr_init(&attributes)
  pthread_attr_setstacksize(&attributes, 256 << 10)
  pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
  let error = pthread_create(
    &thread, &attributes,
    { argument in
      live(argument!.assumingMemoryBound(to: Inheritance.self))
      return nil
    }, inheritance)
  guard error == 0 else { fail("pthread_create failed with error \(error)") }
}

private func server(_ conditions: Conditions) -> [(String, Double)] {
  let threads = conditions.threads
  let lives = 8
  let operations = max(conditions.scaled(5_000_000) / threads / lives, 1)
  let alive = mapped(1, of: UInt64.self)
  alive.pointee = UInt64(threads)
  let lines = mapped(threads, of: Inheritance.self)
  var random = Random(conditions.seed)
  for line in 0..<threads {
    let blocks = mapped(blocksOfServer, of: Block.self)
    for slot in 0..<blocksOfServer { blocks[slot] = bench_malloc(10 + random.below(490)) }
    lines[line] = Inheritance(
      blocks: blocks, lives: lives, operations: operations, seed: random.next(), alive: alive)
  }
  let start = bench_now()
  for line in 0..<threads { succeed(lines + line) }
  while bench_load(alive) != 0 { usleep(200) }
  let time = Double(bench_now() - start)
  for line in 0..<threads {
    for slot in 0..<blocksOfServer { bench_free(lines[line].blocks[slot]) }
  }
  return [("ns", time / Double(operations * lives * threads))]
}

private func generations(_ conditions: Conditions) -> [(String, Double)] {
  let threads = conditions.threads
  let operations = conditions.scaled(5_000_000) / threads
  let (young, middle, old) = (1024, 4096, 8192)
  let nurseries = mapped(threads, of: UnsafeMutablePointer<Block?>.self)
  for index in 0..<threads { nurseries[index] = mapped(young + middle, of: Block?.self) }
  // The old generation belongs to all threads: who frees is rarely who allocated.
  let table = ExchangeTable(old)
  let seed = conditions.seed
  let time = Team.run(threads) { index in
    var random = Random(seed &+ UInt64(index))
    let nursery = nurseries[index]
    let aged = nursery + young
    for operation in 0..<operations {
      let block = bench_malloc(random.powerLawSize(doublings: 10))
      block.touch()
      let leaving = nursery[operation & (young &- 1)]
      nursery[operation & (young &- 1)] = block
      let fate = random.next()
      if fate & 7 != 0 {
        bench_free(leaving)
        continue
      }
      let slot = random.below(middle)
      let displaced = aged[slot]
      aged[slot] = leaving
      if fate & 0x38 != 0 { bench_free(displaced) } else { bench_free(table.exchange(random.below(old), displaced)) }
    }
    for slot in 0..<young + middle { bench_free(nursery[slot]) }
  }
  table.drain()
  return [("ns", time / Double(operations * threads))]
}
