// SPDX-License-Identifier: Apache-2.0
// Single pages on a machine with two nodes that are played: a CPU keeps its own node's ready, and another's go home at once.

import CAnax
import Foundation
import Heap
import LockFree
import Machine
import PerCPU
import Testing

@testable import Pages

@Suite struct NodePageTests {
  private static func stay(on cpu: Int) {
    var mask: UInt64 = 1 << UInt64(cpu)
    _ = withUnsafePointer(to: &mask) { Kernel.call(Int(SYS_sched_setaffinity), 0, 8, Int(bitPattern: $0)) }
  }

  private static func page() throws -> UInt64 {
    try PageRequest.allocate(count: 1, alignment: 1, placement: .local, zeroed: false, .normal).page
  }

  @Test func aForeignPageGoesHome() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_PAGE_DECAY", "3600000", 1)
      #expect(TwoNodes.start())
      let state = anax_state()
      // Rung A goes by the kernel's nodes, of which there is one.
      if state.pointee.rung != UInt64(ANAX_RUNG_B) || state.pointee.membarrier == 0 { return }
      NodePageTests.stay(on: 0)
      let pages = try (0..<40).map { _ in try NodePageTests.page() }
      #expect(pages.allSatisfy { Region.node(ofPage: $0) == 0 })
      NodePageTests.stay(on: 1)
      if CPUBlocks.current() != 1 { return }
      let before = PageCounters.ready(node: 0).pages
      for page in pages {
        try PageRequest.release(page: page)
        #expect(!Pages.isClaimed(page), "it is free where its node's CPUs look")
      }
      #expect(PageCounters.ready(node: 0).pages == before)
      for _ in 0..<20 {
        let page = try NodePageTests.page()
        #expect(Region.node(ofPage: page) == 1)
        try PageRequest.release(page: page)
      }
      #expect(PageCounters.ready(node: 1).pages > 0)
      NodePageTests.stay(on: 0)
      #expect(try Region.node(ofPage: NodePageTests.page()) == 0)
    }
  }
}
