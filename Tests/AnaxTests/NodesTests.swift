// SPDX-License-Identifier: Apache-2.0
// Nodes as this machine has them, one or several: what is refused, what work on a node leaves behind, where memory
// lies. Several nodes are tested in virtual machines (Tests/NodeGuest).

import Anax
import CAnax
import Glibc
import Machine
import Testing

extension AnaxTests {
  @Suite struct Nodes {
    private let topology = Topology.current()

    @Test func theTopologyIsPublicAndSound() throws {
      #expect(!topology.nodes.isEmpty && !topology.online.isEmpty)
      #expect(topology.allowed.ids == allowedCPUs)
      for node in topology.nodes {
        #expect(topology.nearest(to: node.id).first == node.id)
        #expect(node.cpus.ids.allSatisfy { topology.node(ofCPU: $0) == node.id })
      }
    }

    @Test func workOnANodeLeavesNothingBehind() throws {
      let before = CurrentThread.pinnedCPUIDs
      for node in topology.nodes where !node.cpus.intersection(topology.allowed).isEmpty {
        let inside = try withNode(node.id) { CurrentThread.pinnedCPUIDs }
        #expect(inside == node.cpus.intersection(topology.allowed).ids)
        #expect(CurrentThread.pinnedCPUIDs == before)
        struct Mine: Error {}
        #expect(throws: Mine.self) { try withNode(node.id, of: topology) { throw Mine() } }
        #expect(CurrentThread.pinnedCPUIDs == before)
      }
    }

    /// A thread's CPUs are not the process's, not the main thread's either: work on one node may ask for another. On a
    /// node that it is pinned to some CPUs of, a thread stays on these.
    @Test func pinnedThreadsDoNotBoundTheProcess() async {
      await #expect(processExitsWith: .success) {
        let before = Topology.current().allowed
        var one = CPUMask()
        one.insert(before.ids[0])
        // Of the main thread, whatever thread this is.
        let result = withUnsafeMutablePointer(to: &one.words) {
          Kernel.call(anax_sys_sched_setaffinity, Int(getpid()), 1024, Int(bitPattern: $0))
        }
        #expect(result == 0)
        let topology = Topology.current()
        #expect(topology.allowed == before)
        for node in topology.nodes where !node.cpus.intersection(before).isEmpty {
          let ids = node.cpus.intersection(before).ids
          let pinned = ids.filter { CurrentThread.pinnedCPUIDs.contains($0) }
          try withNode(node.id) { #expect(CurrentThread.pinnedCPUIDs == (pinned.isEmpty ? ids : pinned)) }
          for id in ids {
            try CurrentThread.withPinnedCPUIDs([id]) {
              try withNode(node.id) { #expect(CurrentThread.pinnedCPUIDs == [id]) }
              #expect(CurrentThread.pinnedCPUIDs == [id])
            }
          }
        }
      }
    }

    @Test func nodesThatDoNotExistAreRefused() throws {
      for node in [-1, 64, 1 << 40] {
        #expect(throws: NodeError.noSuchNode(node)) { try withNode(node) { Issue.record("the body ran") } }
        #expect(throws: NodeError.noSuchNode(node)) { _ = try topology.pinnedCPUIDs(onNode: node) }
        let wish = Placement.node(node)
        #expect(throws: PageError.node(node, nodes: Memory.nodes)) { _ = try PageRun(count: 1, placement: wish) }
      }
      let zone = try RawZone("nowhere", itemSize: 64)
      #expect(throws: ZoneError.node(999, nodes: Memory.nodes)) { _ = try zone.allocate(placement: .node(999)) }
      try zone.destroy()
    }

    @Test func pinning() throws {
      let before = CurrentThread.pinnedCPUIDs
      #expect(before == allowedCPUs)
      for cpu in allowedCPUs.prefix(4) {
        try CurrentThread.withPinnedCPUIDs([cpu]) {
          #expect(sched_getcpu() == CInt(cpu))
          #expect(CurrentThread.pinnedCPUIDs == [cpu])
        }
      }
      #expect(CurrentThread.pinnedCPUIDs == before)
      #expect(throws: NodeError.unusableCPUs([8000, -3])) { try CurrentThread.pin(pinnedCPUIDs: [8000, -3]) }
      // Not to some of them only.
      let some = [before[0], 8000, -3, 1 << 40]
      #expect(throws: NodeError.unusableCPUs([8000, -3, 1 << 40])) { try CurrentThread.pin(pinnedCPUIDs: some) }
      #expect(throws: NodeError.noCPUs) { try CurrentThread.pin(pinnedCPUIDs: []) }
      #expect(CurrentThread.pinnedCPUIDs == before)
    }

    @Test func whereMemoryLies() throws {
      let run = try PageRun(count: 3, zeroed: true)
      run.bytes.initializeMemory(as: UInt8.self, repeating: 1)
      #expect(Memory.home(of: run.address) == run.node)
      var local = 0
      #expect(Memory.home(of: &local) == nil)
      guard let node = Memory.node(of: run.address) else {
        // A kernel without nodes, or a sandbox.
        #expect(Memory.placement().isEmpty)
        return
      }
      #expect(topology.nodes.map(\.id).contains(node))
      #expect(Memory.node(of: &local) != nil)
      try run.discard()
      #expect(Memory.node(of: run.address) == nil)
      let rows = Memory.placement()
      #expect(rows.count == Memory.nodes && rows.allSatisfy { $0.count == rows[0].count })
      let pages = rows.joined().reduce(0, +)
      let more = try PageRun(count: 600)
      more.bytes.initializeMemory(as: UInt8.self, repeating: 1)
      #expect(Memory.placement().joined().reduce(0, +) >= pages + 500)
    }

    @Test(arguments: [Placement.local, .node(0), .interleaved])
    func everyPlacementServes(placement: Placement) throws {
      let run = try PageRun(count: 7, placement: placement)
      run.bytes.initializeMemory(as: UInt8.self, repeating: 1)
      let page = try PageObject().page(at: 1, placement: placement, zeroed: true)
      #expect(page.bytes.allSatisfy { $0 == 0 })
      for limit in [0, 1000] {
        let zone = try Zone<(Int, Int, Int)>("placed", limit: limit)
        var items: [UnsafeMutablePointer<(Int, Int, Int)>] = []
        for number in 0..<500 {
          items.append(try zone.allocate(placement: placement))
          items[number].initialize(to: (number, number, number))
        }
        #expect(Set(items).count == 500)
        #expect(items.enumerated().allSatisfy { $1.pointee.0 == $0 })
        for item in items { zone.deallocate(item) }
        try zone.destroy()
      }
    }
  }
}
