// SPDX-License-Identifier: Apache-2.0
// Depots on a live engine: what goes in comes out, and drains home. Each case is a process of its own.

import CAnax
import Foundation
import Heap
import LockFree
import Pages
import Testing

@testable import Zones

@Suite struct DepotTests {
  /// As a chain, and, when batches cross CPUs, written out.
  @Test(arguments: [false, true])
  func whatGoesInComesOut(_ crossing: Bool) async {
    await #expect(processExitsWith: .success) { [crossing = crossing as Bool] in
      let home = Lists.home()
      AtomicWord(anax_home_crossed(home.entry)).storeRelaxed(crossing ? 64 : 0)
      let slab = home.makeSlab(cpu: 0)!
      slab.header.pointee.returned = 0
      home.push(slab, free: UInt64(home.zone.pointee.slots))
      let list = home.claimFromSlabs(wanted: 6, cpu: 0)
      let items = Lists.items(list)
      #expect(items.count == 6)
      #expect(home.deposit(list: list, cpu: 0))
      #expect(AtomicWord(anax_home_depot_items(home.entry)).loadRelaxed() == 6)
      let back = home.withdraw(cpu: crossing ? 1 : 0)
      #expect(Lists.items(back) == items, "in the same order")
      #expect(back & 0xffff == list & 0xffff)
      #expect(AtomicWord(anax_home_depot_items(home.entry)).loadRelaxed() == 0)
      #expect(AtomicWord(anax_node_depot_bytes(Pages.node(0))).loadRelaxed() == 0)
      #expect(home.withdraw(cpu: 0) == 0)
      #expect(!home.emptyBatches.isEmpty, "the record can be used again")
    }
  }

  @Test func drainingSendsItemsHome() async {
    await #expect(processExitsWith: .success) {
      let home = Lists.home()
      let before = AtomicWord(anax_node_claimed_pages(Pages.node(0))).loadRelaxed()
      for _ in 0..<4 { _ = home.deposit(list: home.claimFromSlabs(wanted: 7, cpu: 0), cpu: 0) }
      _ = home.drain(all: true, cpu: 0)
      #expect(AtomicWord(anax_home_depot_items(home.entry)).loadRelaxed() == 0)
      _ = home.trim()
      #expect(AtomicWord(anax_node_claimed_pages(Pages.node(0))).loadRelaxed() == before)
    }
  }

  @Test func aDoubleFreeInOneListStopsTheProcess() async {
    await #expect(processExitsWith: .signal(SIGABRT)) {
      let home = Lists.home()
      let list = home.claimFromSlabs(wanted: 1, cpu: 0)
      home.releaseToSlabs(list: list)
      home.releaseToSlabs(list: list)
    }
  }
}
