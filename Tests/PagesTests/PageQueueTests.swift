// SPDX-License-Identifier: Apache-2.0
// Colors: the twist, the order of widening, where CPUs start, and the order of nodes.

import CAnax
import Heap
import LockFree
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

  /// On every machine: CPUs begin at pages of their own, evenly where CPUs are more than 512; and each page of an
  /// object is looked for one queue further in the CPU's share than the page before it.
  @Test(arguments: [1, 2, 3, 8, 9, 20, 33, 64, 256, 300, 512, 4096])
  func cpusBeginApartAndSuccessivePagesInSuccessiveQueues(_ cpus: Int) async {
    await #expect(processExitsWith: .success) { [cpus = cpus as Int] in
      anax_state().pointee.cpu_count = UInt64(cpus)
      let share = UInt64(64 / min(((cpus + 7) / 8).nextPowerOfTwo, 64))
      #expect(PageQueue.share == share)
      var owners: [UInt64: Set<UInt64>] = [:]
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
        for queue in used { owners[PageQueue.word(cpu: cpu) * 64 + queue, default: []].insert(cpu) }
      }
      #expect(owners.values.allSatisfy { $0.count <= max(cpus / 512, 1) })
    }
  }

  /// Eight pages at once: up to 64 CPUs each begins at others.
  @Test(arguments: [1, 2, 8, 9, 16, 64])
  func cpusBeginToLookForEightApart(_ cpus: Int) async {
    await #expect(processExitsWith: .success) { [cpus = cpus as Int] in
      anax_state().pointee.cpu_count = UInt64(cpus)
      let firsts = (0..<UInt64(cpus)).map { PageSearch.firstEight(cpu: $0) }
      #expect(firsts.allSatisfy { $0.queues < 8 && $0.word < 8 })
      #expect(Set(firsts.map { $0.queues * 8 + $0.word }).count == cpus)
    }
  }

  /// What the search gives an object on one CPU, in chunks that nobody has taken from: its first 64 pages lie on all 64
  /// places of a page within 64, up to 64 CPUs; beyond, on all colors of a second-level cache of 16.
  @Test(arguments: [1, 2, 4, 5, 8, 9, 16, 17, 32, 48, 64, 96, 128, 256, 512])
  func pagesOfAnObjectHaveAllColors(_ cpus: Int) async {
    await #expect(processExitsWith: .success) { [cpus = cpus as Int] in
      Live.start()
      anax_state().pointee.cpu_count = UInt64(cpus)
      for cpu in Set([0, cpus / 2, cpus - 1]) {
        // A chunk of its own: what was taken from is filled up.
        while AtomicWord(anax_node_claimed_pages(Live.node)).loadRelaxed() % 512 != 0 { _ = Live.allocate(1) }
        let color = UInt64(cpu) % 64
        let pages = (0..<64 as Range<UInt64>).compactMap {
          Pages.allocateColored(node: 0, cpu: cpu, pageIndex: $0, objectColor: color)?.page
        }
        #expect(Set(pages.map { $0 / 512 }).count == 1)
        let places = Set(pages.map { $0 % 64 }).count
        #expect(places == (cpus <= 64 ? 64 : places), "\(places) of 64 places on CPU \(cpu)")
        let sixteen = Dictionary(grouping: pages) { $0 % 16 }
        #expect(sixteen.count == 16, "\(sixteen.count) of 16 colors on CPU \(cpu)")
        #expect(sixteen.values.allSatisfy { $0.count <= 8 }, "\(sixteen.mapValues(\.count)) on CPU \(cpu)")
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
