// SPDX-License-Identifier: Apache-2.0
// Colors: the twist, the order of widening, where CPUs start, and the order of nodes.

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

  /// On every machine: CPUs begin in queues of their own, evenly where CPUs are more than 64; and each page of an
  /// object is looked for one queue further in the CPU's share than the page before it (which from 33 CPUs on is one
  /// queue: below).
  @Test(arguments: [1, 2, 3, 20, 33, 64, 256, 4096])
  func cpusNeverMeetAndSuccessivePagesTakeSuccessiveColors(_ cpus: Int) async {
    await #expect(processExitsWith: .success) { [cpus = cpus as Int] in
      anax_state().pointee.cpu_count = UInt64(cpus)
      let share = UInt64(64 / min(cpus.nextPowerOfTwo, 64))
      #expect(PageQueue.share == share)
      var owners = [Set<UInt64>](repeating: [], count: 64)
      for cpu in 0..<UInt64(cpus) {
        var used = Set<UInt64>()
        var astray = 0
        for object in [0, 1, 17, 4095] as [UInt64] {
          for index in 0..<130 as Range<UInt64> {
            let queue = PageQueue.start(cpu: cpu, pageIndex: index, objectColor: object)
            let next = PageQueue.start(cpu: cpu, pageIndex: index + 1, objectColor: object)
            used.insert(queue)
            if next != queue / share * share + (queue + 1) % share { astray += 1 }
          }
        }
        #expect(astray == 0)
        #expect(used.count == Int(share))
        for queue in used { owners[Int(queue)].insert(cpu) }
      }
      #expect(owners.allSatisfy { $0.count <= max(cpus / 64, 1) })
    }
  }

  /// Eight pages at once: up to 8 CPUs begin in queues of their own, up to 64 at least in another word.
  @Test(arguments: [1, 2, 8, 9, 16, 64])
  func cpusBeginToLookForEightApart(_ cpus: Int) async {
    await #expect(processExitsWith: .success) { [cpus = cpus as Int] in
      anax_state().pointee.cpu_count = UInt64(cpus)
      let firsts = (0..<UInt64(cpus)).map { PageSearch.firstEight(cpu: $0) }
      #expect(firsts.allSatisfy { $0.queues < 8 && $0.word < 8 })
      #expect(Set(firsts.map { $0.queues * 8 + $0.word }).count == cpus)
      #expect(cpus > 8 || Set(firsts.map(\.queues)).count == cpus)
    }
  }

  /// Where a CPU's share is one queue, the twist alone spreads an object's pages: successive words of a chunk hold the
  /// queue's page at another place of the 64 each, and 64 words at every one.
  @Test func aQueuesPagesSpreadOverTheColors() {
    for queue in [0, 1, 37, 63] as [UInt64] {
      for first in [0, 64, 4096] as [UInt64] {
        let places = (0..<64).map { PageQueue.bit(ofQueue: queue, word: first + UInt64($0)) }
        #expect(Set(places).count == 64)
        for (one, next) in zip(places, places.dropFirst()) { #expect(one != next) }
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
