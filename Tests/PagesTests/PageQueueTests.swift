// SPDX-License-Identifier: Apache-2.0
// Colours: the twist, the order of widening, where CPUs start, and the order of nodes.

import CAnax
import Heap
import Testing

@testable import Pages

@Suite struct PageQueueTests {
  @Test(arguments: [0, 1, 2, 7, 63, 64, 65, 1000, 4095])
  func anAlignedRunOf4096PagesPuts64OnEachQueue(_ group: Int) {
    var counts = [Int](repeating: 0, count: 64)
    for page in 0..<4096 { counts[Int(PageQueue.queue(ofPage: UInt64(group * 4096 + page)))] += 1 }
    #expect(counts.allSatisfy { $0 == 64 })
  }

  @Test func everyWordHasOnePageOfEachQueue() {
    for word in Array(0..<300) + [4095, 4096, 1 << 20] as [UInt64] {
      var bits: UInt64 = 0
      for queue in 0..<64 as Range<UInt64> {
        let bit = PageQueue.bit(ofQueue: queue, word: word)
        bits |= 1 << bit
        if PageQueue.queue(ofPage: word * 64 + bit) != queue {
          Issue.record("word \(word): bit \(bit) is not of queue \(queue)")
        }
      }
      #expect(bits == .max)
    }
  }

  @Test func wideningVisitsEveryQueueOnceNearestFirst() {
    for start in 0..<64 as Range<UInt64> {
      let order = (0..<64).map { PageQueue.widen(start, UInt64($0)) }
      #expect(Set(order).count == 64)
      #expect(order[0] == start)
      let distances = order.map { queue in
        let up = (queue &- start) & 63
        return min(up, 64 - up)
      }
      #expect(distances == distances.sorted())
    }
  }

  @Test func cpusStartInQueuesOfTheirOwn() async {
    await #expect(processExitsWith: .success) {
      for cpus in [1, 2, 3, 8, 20, 64] as [UInt64] {
        anax_state().pointee.cpu_count = cpus
        for object in [0, 1, 17, 4095] as [UInt64] {
          var owner: [UInt64: UInt64] = [:]
          for cpu in 0..<cpus {
            for index in 0..<256 as Range<UInt64> {
              let queue = PageQueue.start(cpu: cpu, pageIndex: index, objectColor: object)
              #expect(queue < 64)
              #expect(owner[queue, default: cpu] == cpu, "\(cpus) CPUs: queue \(queue) is of two")
              owner[queue] = cpu
            }
          }
          if cpus == 1 { #expect(owner.count == 64, "one CPU's successive pages reach every queue") }
        }
      }
    }
  }

  @Test func nodesAreAskedByDistance() async {
    await #expect(processExitsWith: .success) {
      anax_state().pointee.node_count = 4
      let row: [UInt8] = [2, 3, 0, 1]
      for (rank, node) in row.enumerated() { anax_node_order_table()[2 * Int(ANAX_NODES_MAX) + rank] = node }
      #expect((0..<4).map { Nearest.node(from: 2, rank: $0) } == [2, 3, 0, 1])
      anax_state().pointee.node_count = 1
      #expect(Nearest.node(from: 0, rank: 0) == 0)
    }
  }
}
