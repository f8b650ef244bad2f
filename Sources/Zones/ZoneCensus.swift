// SPDX-License-Identifier: Apache-2.0
// One zone's figures, for its owner and before its end, and the count of its requests. Reads only, as ZoneStatistics,
// which counts all zones in one pass.

import CAnax
import LockFree
import PerCPU
import Pages

package enum ZoneCensus {
  /// All nodes. Reads two bytes for each page of the heap.
  @_noLocks @_noAllocation
  package static func figures(_ id: Int) -> ZoneFigures {
    var figures = ZoneFigures()
    let zone = anax_state().pointee.zones! + id
    var node = 0
    while node < Int(anax_state().pointee.node_count) {
      figures.cached &+= CacheCensus.items(node: node, zone: id, room: UInt64(zone.pointee.list_limit))
      let depot = AtomicWord(anax_home_depot_items(Home(zone: id, node: node).entry)).loadRelaxed()
      if depot < 1 &<< 62 { figures.depot &+= depot }
      addSlabs(id, zone, node: node, to: &figures)
      node += 1
    }
    return figures
  }

  /// How many requests a user zone had. Exact at rest.
  @_noLocks @_noAllocation
  package static func requests(_ id: Int) -> UInt64 {
    AtomicWord(anax_zone_requests(anax_state().pointee.zones! + id)).loadRelaxed()
      &+ CacheCensus.sum(ofCounter: id | ANAX_ZONE_REQUESTS)
  }

  @_noLocks @_noAllocation
  static func addSlabs(
    _ id: Int, _ zone: UnsafeMutablePointer<anax_zone>, node: Int, to figures: inout ZoneFigures
  ) {
    let entry = Pages.node(node)
    let table = anax_state().pointee.page_zones!
    let end = entry.pointee.first_page &+ AtomicWord(anax_node_top(entry)).loadAcquire() &* Region.pagesPerChunk
    var page = entry.pointee.first_page
    while page < end {
      if Int(anax_load16_acquire(table + Int(page))) & (ANAX_ZONES_MAX - 1) == id {
        let slab = Slab(item: Region.address(ofPage: page), zone: zone)
        let gate = slab.gate.loadAcquire()
        let open = gate & Slab.stateMask != 0 && Int(gate &>> 20) & (ANAX_ZONES_MAX - 1) == id
        if open, Region.page(of: slab.start) == page {
          figures.slabs &+= 1
          figures.slots &+= UInt64(zone.pointee.slots)
          figures.free &+= Slab.freeSlots(gate)
        }
      }
      page &+= 1
    }
  }
}
