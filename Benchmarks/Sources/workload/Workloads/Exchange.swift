// SPDX-License-Identifier: Apache-2.0
//
// Blocks that one thread takes and another gives back: one producer and one consumer, many of both, random hand-over,
// and messages round a ring of four threads.

import CBench
import Instruments

let exchangeCases: [Case] = [
  Case(name: "producer-consumer", about: "one thread takes 64 B blocks, another frees them") { producerConsumer($0) },
  Case(name: "producers-consumers", about: "half the threads take batches of blocks, the other half free them") {
    producersConsumers($0)
  },
  Case(name: "handover", about: "threads swap blocks through random slots of a table and free what they get") {
    handover($0)
  },
  Case(name: "ring-4", about: "messages go round four threads; each frees one and sends another of another size") {
    messageRing($0)
  },
]

private func producerConsumer(_ conditions: Conditions) -> [(String, Double)] {
  let blocks = conditions.scaled(1_500_000)
  let ring = Ring()
  let chunks = 31
  let perChunk = max(blocks / chunks, 1)
  let times = mapped(chunks, of: Double.self)
  _ = Team.run(2) { index in
    for chunk in 0..<chunks {
      let start = bench_now()
      for _ in 0..<perChunk {
        if index == 0 {
          let block = bench_malloc(64)
          block.touch()
          ring.send(UInt(bitPattern: block))
        } else {
          bench_free(Block(bitPattern: ring.receive()))
        }
      }
      if index == 1 { times[chunk] = Double(bench_now() - start) / Double(perChunk) }
    }
  }
  return [("ns", Clock.median(times, chunks))]
}

/// Batches of 120 blocks of 16 to 271 bytes travel as one block that holds their addresses.
private func producersConsumers(_ conditions: Conditions) -> [(String, Double)] {
  let pairs = max(conditions.threads / 2, 1)
  let (perBatch, batches) = (120, conditions.scaled(15000) / pairs)
  let queue = SharedQueue()
  let seed = conditions.seed
  let time = Team.run(pairs * 2) { index in
    var random = Random(seed &+ UInt64(index))
    for _ in 0..<batches {
      if index < pairs {
        let batch = bench_malloc(perBatch * 8).assumingMemoryBound(to: Block.self)
        for slot in 0..<perBatch {
          let block = bench_malloc(16 &+ random.below(256))
          block.touch()
          batch[slot] = block
        }
        queue.send(UInt(bitPattern: batch))
      } else {
        let batch = Block(bitPattern: queue.receive())!.assumingMemoryBound(to: Block.self)
        for slot in 0..<perBatch { bench_free(batch[slot]) }
        bench_free(batch)
      }
    }
  }
  return [("ns", time / Double(pairs * batches * perBatch))]
}

private func handover(_ conditions: Conditions) -> [(String, Double)] {
  let threads = conditions.threads
  let operations = conditions.scaled(4_000_000) / threads
  let table = ExchangeTable(4096)
  let seed = conditions.seed
  let time = Team.run(threads) { index in
    var random = Random(seed &+ UInt64(index))
    for _ in 0..<operations {
      let block = bench_malloc(16 &+ random.below(496))
      block.touch()
      bench_free(table.exchange(random.below(table.count), block))
    }
  }
  table.drain()
  return [("ns", time / Double(operations * threads))]
}

private func messageRing(_ conditions: Conditions) -> [(String, Double)] {
  let (threads, inFlight) = (4, 256)
  let rounds = conditions.scaled(600_000)
  let rings = mapped(threads, of: Ring.self)
  for index in 0..<threads { rings[index] = Ring() }
  let seed = conditions.seed
  let time = Team.run(threads) { index in
    var random = Random(seed &+ UInt64(index))
    let (inlet, outlet) = (rings[index], rings[(index + 1) % threads])
    if index == 0 {
      for _ in 0..<inFlight { outlet.send(UInt(bitPattern: bench_malloc(32))) }
    }
    for _ in 0..<rounds {
      bench_free(Block(bitPattern: inlet.receive()))
      let block = bench_malloc(random.powerLawSize(doublings: 6))
      block.touch()
      outlet.send(UInt(bitPattern: block))
    }
  }
  for _ in 0..<inFlight { bench_free(Block(bitPattern: rings[1].receive())) }
  return [("ns", time / Double(rounds * threads))]
}
