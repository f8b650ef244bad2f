// SPDX-License-Identifier: Apache-2.0
// What zones hold, counted by looking: the gates of slab headers, the list words of CPU caches and shards, the depots'
// counters.
// Nothing is kept for it while the program runs, and nobody is waited for: each word is whole by itself, and the sum is
// close while others go on, exact when they stand still. Any thread, any signal handler.

import CAnax
import LockFree
import Machine
import Pages
import PerCPU

/// Figures of one zone, summed over nodes. All are items but `slabs`.
package struct ZoneFigures {
  package var slabs: UInt64 = 0
  package var slots: UInt64 = 0
  /// Slots that are free in slabs. The others are the program's, or ready in caches and depots.
  package var free: UInt64 = 0
  package var cached: UInt64 = 0
  package var depot: UInt64 = 0

  @_noLocks @_noAllocation
  package init() {}

  /// Items the program has.
  @inlinable package var used: UInt64 {
    @_noLocks @_noAllocation get {
      let out = slots > free ? slots &- free : 0
      let ready = cached &+ depot
      return out > ready ? out &- ready : 0
    }
  }
}

package enum ZoneStatistics {
  /// Adds a node's slabs and depots to the table, which has a row for each zone id below zone_top.
  @_noLocks @_noAllocation
  package static func addSlabs(node: Int, to table: UnsafeMutablePointer<ZoneFigures>) {
    let state = anax_state()
    let entry = Pages.node(node)
    let top = zoneTop
    let shift = state.pointee.page_shift
    let granule = UInt64(ANAX_SLAB_SHIFT_MIN)
    let end = entry.pointee.first_page &+ AtomicWord(anax_node_top(entry)).loadAcquire() &* Region.pagesPerChunk
    var index = (entry.pointee.first_page &<< shift) &>> granule
    let last = (end &<< shift) &>> granule
    while index < last {
      let gate = Slab(index: UInt32(truncatingIfNeeded: index)).gate.loadRelaxed()
      index &+= 1
      if gate & Slab.stateMask == 0 { continue }
      let zone = Int(gate &>> 20 & 0xfff)
      if zone >= top { continue }
      table[zone].slabs &+= 1
      table[zone].slots &+= UInt64((state.pointee.zones! + zone).pointee.slots)
      table[zone].free &+= Slab.freeSlots(gate)
    }
    var zone = 1
    while zone < top {
      if zone & ANAX_ZONE_RESERVED_BITS == 0 {
        let items = AtomicWord(anax_home_depot_items(Home(zone: zone, node: node).entry)).loadRelaxed()
        // A batch on its way may be taken off before it was added.
        if items < 1 &<< 62 { table[zone].depot &+= items }
      }
      zone += 1
    }
  }

  /// Adds what lies in CPU caches and shards, whichever node it belongs to.
  @_noLocks @_noAllocation
  package static func addCaches(to table: UnsafeMutablePointer<ZoneFigures>) {
    let state = anax_state()
    var cpu = 0
    while cpu < Int(state.pointee.block_count) {
      let block = CPUBlocks.inUse(cpu)
      if block != CPUBlocks.empty { addBlock(block, table) }
      cpu += 1
    }
    cpu = 0
    while cpu < Int(state.pointee.cpu_count) {
      if anax_state_shards_used(state).pointee != 0 {
        addBlock(state.pointee.shards_base &+ UInt64(cpu) &* state.pointee.block_bytes, table)
      }
      cpu += 1
    }
  }

  @_noLocks @_noAllocation
  static func addBlock(_ block: UInt64, _ table: UnsafeMutablePointer<ZoneFigures>) {
    let words = UnsafeMutablePointer<UInt64>(bitPattern: UInt(block))!
    let nodes = Int(anax_state().pointee.node_count)
    let top = zoneTop
    var node = 0
    while node < nodes {
      var zone = 1
      while zone < top {
        if zone & ANAX_ZONE_RESERVED_BITS == 0 {
          let list = words + node * ANAX_ZONES_MAX
          table[zone].cached &+= items(list + zone, zone) &+ items(list + (zone | ANAX_ZONE_SPARE), zone)
          if Strip.serve(anax_state().pointee.zones! + zone) {
            table[zone].cached &+= CacheCensus.count(strip: AtomicWord(list + (zone | ANAX_ZONE_STRIP)).loadRelaxed())
          }
        }
        zone += 1
      }
      node += 1
    }
  }

  @_noLocks @_noAllocation
  static func items(_ word: UnsafeMutablePointer<UInt64>, _ zone: Int) -> UInt64 {
    ListWord.count(
      AtomicWord(word).loadRelaxed(), limit: UInt64((anax_state().pointee.zones! + zone).pointee.list_limit))
  }

  /// One past the highest zone id in use.
  @inlinable package static var zoneTop: Int {
    @_noLocks @_noAllocation get { Int(AtomicWord(anax_state_zone_top(anax_state())).loadAcquire()) }
  }
}
