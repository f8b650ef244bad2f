// SPDX-License-Identifier: Apache-2.0
// What a zone has, counted from the slabs' gates, the depots and the CPU caches (vm.zone). Reads only, never waits, allocates
// nothing. While others use the zone the numbers are each right when read and need not agree; at rest they are exact.

import CAnax
import LockFree
import PerCPU
import Pages

package struct ZoneTally {
  package var slabs: UInt64 = 0
  /// Bytes of its slabs.
  package var slabBytes: UInt64 = 0
  /// Items its slabs have room for.
  package var slots: UInt64 = 0
  /// Slots that are free in slabs.
  package var freeSlots: UInt64 = 0
  /// Free items in CPU caches and shards.
  package var cached: UInt64 = 0
  /// Free items in depots.
  package var depot: UInt64 = 0

  @_noLocks @_noAllocation
  package init() {}

  /// Items in use.
  package var used: UInt64 {
    @_noLocks @_noAllocation get {
      let free = freeSlots &+ cached &+ depot
      return slots > free ? slots &- free : 0
    }
  }
}

package enum ZoneCensus {
  /// One zone, all nodes. Reads two bytes per page of the heap.
  @_noLocks @_noAllocation
  package static func tally(_ id: Int) -> ZoneTally {
    var tally = ZoneTally()
    var node = 0
    while node < Int(anax_state().pointee.node_count) {
      addCaches(id, node: node, to: &tally)
      addSlabs(node: node, of: id) { _, free in add(free, anax_state().pointee.zones! + id, to: &tally) }
      node += 1
    }
    return tally
  }

  /// All zones on one node in one pass: `tallies` has an entry for each id below `top`, which is added to.
  @_noLocks @_noAllocation
  package static func addAll(node: Int, to tallies: UnsafeMutablePointer<ZoneTally>, top: Int) {
    let zones = anax_state().pointee.zones!
    var id = 1
    while id < top {
      if id & ANAX_ZONE_RESERVED_BITS == 0, AtomicWord(anax_zone_state(zones + id)).loadAcquire() >= 2 {
        addCaches(id, node: node, to: &tallies[id])
      }
      id += 1
    }
    addSlabs(node: node, of: nil) { id, free in
      if id < top { add(free, zones + id, to: &tallies[id]) }
    }
  }

  /// How many requests a user zone had. Exact at rest.
  @_noLocks @_noAllocation
  package static func requests(_ id: Int) -> UInt64 {
    AtomicWord(anax_zone_requests(anax_state().pointee.zones! + id)).loadRelaxed()
      &+ CacheCensus.sum(ofCounter: id | ANAX_ZONE_REQUESTS)
  }

  @_noLocks @_noAllocation
  static func add(_ free: UInt64, _ zone: UnsafeMutablePointer<anax_zone>, to tally: inout ZoneTally) {
    tally.slabs &+= 1
    tally.slabBytes &+= 1 &<< UInt64(zone.pointee.slab_shift)
    tally.slots &+= UInt64(zone.pointee.slots)
    tally.freeSlots &+= free
  }

  @_noLocks @_noAllocation
  static func addCaches(_ id: Int, node: Int, to tally: inout ZoneTally) {
    let room = UInt64((anax_state().pointee.zones! + id).pointee.list_limit)
    tally.cached &+= CacheCensus.items(node: node, zone: id, room: room)
    tally.depot &+= AtomicWord(anax_home_depot_items(Home(zone: id, node: node).entry)).loadRelaxed()
  }

  /// Calls `body` with zone and free slots of each slab of the node, or of the one zone.
  @inline(__always) @_noLocks @_noAllocation
  static func addSlabs(node: Int, of wanted: Int?, _ body: (Int, UInt64) -> Void) {
    let entry = Pages.node(node)
    let table = anax_state().pointee.page_zones!
    let end = entry.pointee.first_page &+ AtomicWord(anax_node_top(entry)).loadAcquire() &* Region.pagesPerChunk
    var page = entry.pointee.first_page
    while page < end {
      let id = Int(anax_load16_acquire(table + Int(page))) & (ANAX_ZONES_MAX - 1)
      if id != 0, wanted == nil || wanted == id {
        let slab = Slab(item: Region.address(ofPage: page), zone: anax_state().pointee.zones! + id)
        let gate = slab.gate.loadAcquire()
        let open = gate & Slab.stateMask != 0 && Int(gate &>> 20) & (ANAX_ZONES_MAX - 1) == id
        if open, Region.page(of: slab.start) == page { body(id, Slab.freeSlots(gate)) }
      }
      page &+= 1
    }
  }
}
