// SPDX-License-Identifier: Apache-2.0
// Items asked for on an explicit node, on a machine with two that are played; and a CPU that comes online late.

import CAnax
import Foundation
import Heap
import LockFree
import Machine
import PerCPU
import Testing

@testable import Pages
@testable import Zones

@Suite struct NodeItemTests {
  private static func zone(limit: UInt64) throws -> ZoneHandle {
    try "items".withCString {
      try ZoneRegistry.create(
        name: UnsafeRawPointer($0).assumingMemoryBound(to: UInt8.self), nameCount: 5, size: 96, alignment: 16,
        limit: limit,
        systemReserve: 0, interruptReserve: 0)
    }
  }

  private static func item(_ zone: ZoneHandle, node: Int) throws -> UnsafeMutableRawPointer {
    try ZoneRequest.allocate(zone.id, generation: zone.generation, .normal, node: node)
  }

  private static func home(_ item: UnsafeMutableRawPointer) -> Int {
    Region.node(ofPage: Region.page(of: UInt64(UInt(bitPattern: item))))
  }

  @Test(arguments: [0, 5000])
  func itemsHaveTheHomeThatIsAskedFor(limit: Int) async {
    await #expect(processExitsWith: .success) { [limit] in
      #expect(TwoNodes.start())
      TwoNodes.stayOnOneNode()
      let zone = try Self.zone(limit: UInt64(limit))
      var items: [UnsafeMutableRawPointer] = []
      for turn in 0..<2000 {
        let item = try Self.item(zone, node: turn & 1)
        memset(item, 1, 96)
        #expect(Self.home(item) == turn & 1)
        items.append(item)
      }
      #expect(Set(items).count == 2000)
      for item in items {
        _ = ZoneRequest.deallocate(zone.id, generation: zone.generation, UInt64(UInt(bitPattern: item)))
      }
      // What this CPU collected to go home is asked for again.
      let own = CPUBlocks.node(ofCPU: CPUBlocks.anyCPU())
      #expect(Self.home(try Self.item(zone, node: own ^ 1)) == own ^ 1)
    }
  }

  /// Each zone has turns of its own: two that are asked alternately are both on both nodes.
  @Test func interleavingTakesTurns() async {
    await #expect(processExitsWith: .success) {
      #expect(TwoNodes.start())
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        if number == anax_sys_get_mempolicy { return -Int(ENOSYS) }
        return anax_system_call(number, a, b, c, d, e, f)
      }
      let zones = [try Self.zone(limit: 0), try Self.zone(limit: 0)]
      var turns: [[Int]] = [[], []]
      for request in 0..<20 { turns[request & 1].append(ZoneRequest.nextInterleaved(zones[request & 1].id)) }
      #expect(turns == [[0, 1, 0, 1, 0, 1, 0, 1, 0, 1], [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]])
    }
  }

  /// The kernel is asked on the CPU itself; another CPU's answer is not taken for it.
  @Test func aLateCPUIsAskedFor() async {
    await #expect(processExitsWith: .success) {
      #expect(TwoNodes.start())
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        if number == anax_sys_getcpu {
          UnsafeMutablePointer<UInt32>(bitPattern: a)!.pointee = 70
          if b != 0 { UnsafeMutablePointer<UInt32>(bitPattern: b)!.pointee = 1 }
          return 0
        }
        return anax_system_call(number, a, b, c, d, e, f)
      }
      #expect(Processors.knownNode(ofCPU: 70) == nil && Processors.knownNode(ofCPU: 71) == nil)
      #expect(CPUBlocks.node(ofCPU: 71) == 1)
      #expect(Processors.knownNode(ofCPU: 71) == nil)
      #expect(CPUBlocks.node(ofCPU: 70) == 1)
      #expect(Processors.knownNode(ofCPU: 70) == 1)
    }
  }
}
