// SPDX-License-Identifier: Apache-2.0
// Single pages on a machine with two nodes that are played: a CPU keeps its own node's ready, and another's go home at
// once.

import CAnax
import Foundation
import Heap
import LockFree
import Machine
import OneCPU
import PerCPU
import Testing

@testable import PerCPU
@testable import Pages

/// What a process that is started as this one is has.
private enum Given {
  static let membarrier = Ladder.registerMembarrier()
  static let twoCPUs = OneCPU.isAllowed(0) && OneCPU.isAllowed(1)
  /// Rung A goes by the kernel's nodes, of which there is one; on rung D nothing lies ready.
  static let cpuStacks =
    membarrier && twoCPUs && Engine.ensureStarted() && anax_state().pointee.rung == UInt64(ANAX_RUNG_B)
  static let concurrencyIDs = membarrier && anax_rseq_bytes() >= 16 && anax_rseq_live_bytes() >= 28
}

@Suite struct NodePageTests {
  /// Two nodes that are played, this thread on CPU 0, and nothing decays by itself.
  static func start() -> Bool {
    setenv("ANAX_VM_PAGE_DECAY", "3600000", 1)
    OneCPU.stay(on: 0)
    OneCPU.keep()
    return TwoNodes.start()
  }

  private static func page() throws -> UInt64 {
    try PageRequest.allocate(count: 1, alignment: 1, placement: .local, zeroed: false, .normal).page
  }

  @Test(.enabled(if: Given.cpuStacks)) func aForeignPageGoesHome() async {
    await #expect(processExitsWith: .success) {
      #expect(NodePageTests.start())
      let pages = try (0..<40).map { _ in try NodePageTests.page() }
      #expect(pages.allSatisfy { Region.node(ofPage: $0) == 0 })
      OneCPU.stay(on: 1)
      try #require(CPUBlocks.current() == 1)
      let before = PageCounters.ready(node: 0)
      for page in pages {
        try PageRequest.release(page: page)
        #expect(!Pages.isClaimed(page), "it is free where its node's CPUs look")
      }
      #expect(PageCounters.ready(node: 0) == before)
      for _ in 0..<20 {
        let page = try NodePageTests.page()
        #expect(Region.node(ofPage: page) == 1)
        try PageRequest.release(page: page)
      }
      #expect(PageCounters.ready(node: 1) > 0)
      OneCPU.stay(on: 0)
      #expect(try Region.node(ofPage: NodePageTests.page()) == 0)
    }
  }

  /// A run freed on another node's CPU goes home at once; one that was freed on its own is taken there next.
  @Test(.enabled(if: Given.cpuStacks)) func readyRunsAreTheOwnNodesAlone() async {
    await #expect(processExitsWith: .success) {
      #expect(NodePageTests.start())
      func run() throws -> UInt64 {
        try PageRequest.allocate(count: 4, alignment: 1, placement: .local, zeroed: false, .normal).page
      }
      let runs = try (0..<6).map { _ in try run() }
      #expect(runs.allSatisfy { Region.node(ofPage: $0) == 0 })
      OneCPU.stay(on: 1)
      try #require(CPUBlocks.current() == 1)
      for page in runs.prefix(3) {
        try PageRequest.release(page: page)
        #expect(!Pages.isClaimed(page), "it is free where its node's CPUs look")
      }
      let own = try run()
      #expect(Region.node(ofPage: own) == 1)
      try PageRequest.release(page: own)
      #expect(PageCounters.ready(node: 0) == 0 && PageCounters.ready(node: 1) == 4)
      #expect(try run() == own)
      let block = try #require(UnsafeMutablePointer<UInt64>(bitPattern: UInt(CPUBlocks.inUse(1))))
      #expect(block[Int(ANAX_WORD_RUN_ROW)] == 0, "node 0's part")
      #expect(block[Int(ANAX_ZONES_MAX) + Int(ANAX_WORD_RUN_ROW)] == 1, "its own")
      OneCPU.stay(on: 0)
      for page in runs.suffix(3) { try PageRequest.release(page: page) }
      #expect(PageCounters.ready(node: 0) == 12)
      #expect(try runs.suffix(3).contains(run()))
    }
  }

  /// As runs do, objects' pages.
  @Test(.enabled(if: Given.cpuStacks)) func readyPagesOfObjectsAreTheOwnNodesAlone() async {
    await #expect(processExitsWith: .success) {
      #expect(NodePageTests.start())
      func pages() throws -> [UInt64] {
        try (0..<6).map {
          try PageRequest.allocateColored(index: $0, objectColor: 0, placement: .local, zeroed: false, .normal).page
        }
      }
      // CPU 1 has the second word of a chunk, and so these, were they of its node.
      let foreign = try (0..<6 as Range<UInt64>).map {
        try #require(Pages.allocateColored(node: 0, cpu: 1, pageIndex: $0, objectColor: 0)).page
      }
      for page in foreign { Run.at(page: page).storeRelaxed(Run(pages: 1, lines: 0).word | Run.colored) }
      let first = try pages()
      OneCPU.stay(on: 1)
      try #require(CPUBlocks.current() == 1)
      let own = try pages()
      #expect(own.allSatisfy { Region.node(ofPage: $0) == 1 })
      for page in own { try PageRequest.release(page: page) }
      #expect(PageCounters.ready(node: 1) == 6)
      #expect(try pages() == own)
      for page in foreign {
        try PageRequest.release(page: page)
        #expect(!Pages.isClaimed(page), "it is free where its node's CPUs look")
      }
      #expect(PageCounters.ready(node: 0) == 0 && PageCounters.ready(node: 1) == 0)
      let block = try #require(UnsafeMutablePointer<UInt64>(bitPattern: UInt(CPUBlocks.inUse(1))))
      #expect(block[Int(ANAX_WORD_COLOR_ROW)] == 0, "node 0's part")
      #expect(block[Int(ANAX_ZONES_MAX) + Int(ANAX_WORD_COLOR_ROW)] == 1, "its own")
      OneCPU.stay(on: 0)
      for page in first { try PageRequest.release(page: page) }
      #expect(PageCounters.ready(node: 0) == 6)
      #expect(try pages() == first)
    }
  }

  /// A thread that has been moved since it asked where it is: it opens no stack of the node that it has left, from
  /// which nobody takes.
  @Test(.enabled(if: Given.cpuStacks)) func aStackIsOpenedForTheOwnNodeAlone() async {
    await #expect(processExitsWith: .success) {
      #expect(NodePageTests.start())
      let pages = try (0..<40).map { _ in try NodePageTests.page() }
      OneCPU.stay(on: 1)
      try #require(CPUBlocks.current() == 1)
      CPUBlocks.open(1)
      let block = try #require(UnsafeMutablePointer<UInt64>(bitPattern: UInt(CPUBlocks.inUse(1))))
      _ = PageCache.open(0)
      #expect(block[Int(ANAX_WORD_PAGE_STACK)] == 0, "node 0's part")
      #expect(block[Int(ANAX_ZONES_MAX) + Int(ANAX_WORD_PAGE_STACK)] == 1, "its own")
      for page in pages { #expect(!PageCache.overflow(page, 16)) }
    }
  }

  /// On rung A there is a block for each node and concurrency id: together no more than an eighth of the floor as well.
  @Test(.enabled(if: Given.concurrencyIDs)) func theShareOfACPUIsByBlocks() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_RUNG", "A", 1)
      #expect(TwoNodes.start())
      let state = anax_state()
      try #require(state.pointee.rung == UInt64(ANAX_RUNG_A))
      #expect(state.pointee.block_count == 2 * state.pointee.cpu_count)
      try Tunable.pageKeepFloor.set(Int64(8 * 5 * state.pointee.block_count << state.pointee.page_shift))
      #expect(PageCache.room >= 1 && PageCache.room <= 5)
      #expect(PageCache.most <= UInt64(Tunable.pageKeepFloor.value) / 8)
    }
  }
}
