// SPDX-License-Identifier: Apache-2.0
// A node whose region has no room, on a machine with two that are played: the next nearest serves, and that is counted.

import CAnax
import Foundation
import Heap
import LockFree
import Machine
import PerCPU
import Testing

@testable import Pages
@testable import Zones

@Suite struct NodeFullTests {
  /// The node's region ends where it is open now, all of it taken.
  private static func fill(_ node: Int) {
    let entry = Pages.node(node)
    entry.pointee.page_limit =
      entry.pointee.first_page + AtomicWord(anax_node_top(entry)).loadAcquire() * Region.pagesPerChunk
    while let run = Pages.allocate(node: node, cpu: 0, count: 1) {
      if Region.node(ofPage: run.page) == node { continue }
      Pages.release(page: run.page, count: 1)
      AtomicWord(anax_node_off_node(entry)).subtract(1)
      return
    }
  }

  private static func passedOn(_ node: Int) -> UInt64 { AtomicWord(anax_node_off_node(Pages.node(node))).loadRelaxed() }

  @Test(arguments: [0, 1])
  func theOtherNodeServesAndItIsCounted(full: Int) async {
    await #expect(processExitsWith: .success) { [full] in
      setenv("ANAX_VM_PAGE_DECAY", "3600000", 1)
      #expect(TwoNodes.start())
      // One page of each is in use at least.
      for node in [0, 1] { _ = Pages.allocate(node: node, cpu: 0, count: 1) }
      Self.fill(full)
      let other = full ^ 1
      #expect(Self.passedOn(full) == 0)
      var expected: UInt64 = 0
      for count in [1, 3, 64, 700] as [UInt64] {
        let run = Pages.allocate(node: full, cpu: 0, count: count)
        #expect(run.map { Region.node(ofPage: $0.page) } == other)
        expected += count
        #expect(Self.passedOn(full) == expected, "pages are counted, not requests")
      }
      let page = Pages.allocateColored(node: full, cpu: 0, pageIndex: 5, objectColor: 0)
      #expect(page.map { Region.node(ofPage: $0.page) } == other)
      // By name too.
      let run = try PageRequest.allocate(
        count: 2, alignment: 1, placement: .node(full), zeroed: false, .normal)
      #expect(Region.node(ofPage: run.page) == other)
      #expect(Self.passedOn(full) == expected + 3 && Self.passedOn(other) == 0)
    }
  }

  /// With both full there is no memory, and nothing is counted.
  @Test func bothFull() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_PAGE_DECAY", "3600000", 1)
      #expect(TwoNodes.start())
      for node in [0, 1] {
        let entry = Pages.node(node)
        entry.pointee.page_limit =
          entry.pointee.first_page + AtomicWord(anax_node_top(entry)).loadAcquire() * Region.pagesPerChunk
      }
      while Pages.allocate(node: 0, cpu: 0, count: 1) != nil {}
      let before = [Self.passedOn(0), Self.passedOn(1)]
      #expect(Pages.allocate(node: 1, cpu: 0, count: 1) == nil)
      #expect([Self.passedOn(0), Self.passedOn(1)] == before)
    }
  }
}
