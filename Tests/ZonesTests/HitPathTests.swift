// SPDX-License-Identifier: Apache-2.0
// What a user zone's requests touch on the rungs whose hit path is not inlined. Each case is a process of its own.

import CAnax
import Foundation
import Heap
import LockFree
import Pages
import Testing

@testable import Zones

@Suite struct HitPathTests {
  /// A request that a cache serves changes neither the word that keeps a zone from being ended nor the zone's counters:
  /// those are one for all CPUs.
  @Test(arguments: ["A", "D"])
  func aHitChangesNoWordOfAllCPUs(_ rung: String) async {
    await #expect(processExitsWith: .success) { [rung = rung as String] in
      setenv("ANAX_RUNG", rung, 1)
      _ = Lists.home()
      var name = "hit"
      let zone = try name.withUTF8 {
        try ZoneRegistry.create(
          name: $0.baseAddress!, nameCount: 3, size: 64, alignment: 16, limit: 0, systemReserve: 0,
          interruptReserve: 0)
      }
      let row = anax_state().pointee.zones! + zone.id
      let busy = AtomicWord(anax_home_busy(Home(zone: zone.id, node: 0).entry))
      let requests = AtomicWord(anax_zone_requests(row))
      func inAndOut() {
        let item = try! ZoneRequest.allocate(zone.id, generation: zone.generation, .normal, counted: false)
        _ = ZoneRequest.deallocate(zone.id, generation: zone.generation, UInt64(UInt(bitPattern: item)))
      }
      for _ in 0..<100 { inAndOut() }
      let before = ZoneCensus.requests(zone.id)
      #expect(before == 100)
      // A request that enters leaves this process's number. Some are counted there: sections are aborted now and then.
      var changes = 0
      for _ in 0..<1000 {
        busy.storeRelaxed(0)
        let counted = requests.loadRelaxed()
        inAndOut()
        if busy.loadRelaxed() != 0 || requests.loadRelaxed() != counted { changes += 1 }
      }
      #expect(changes < 100)
      #expect(ZoneCensus.requests(zone.id) == 1100, "each is counted")
      #expect(ZoneCensus.figures(zone.id).used == 0)
      try ZoneRegistry.destroy(zone)
      #expect(throws: ZoneRequest.Refusal.ended) {
        try ZoneRequest.allocate(zone.id, generation: zone.generation, .normal, counted: false)
      }
    }
  }
}
