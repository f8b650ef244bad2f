// SPDX-License-Identifier: Apache-2.0
// Zones with a limit: no more than `limit` items are ever out of the slabs, in use or in caches, and each request class
// leaves the reserve of the classes above it. A zone's `claimed` counts them exactly (compare-and-swap, never above the
// ceiling of who asks). Below the ceiling the CPU caches serve. At the ceiling they are taken back first (the original
// strands them), from all CPUs, and only then is a request refused; and while the zone is at the ceiling of normal
// requests, items go straight to their slabs, so that a zone at its limit does not take its caches back at every
// request. Where caches cannot be taken back (no membarrier), such zones do without them.
//
// | claimed | by | order |
// |---|---|---|
// | n → n + 1, where n is below the ceiling | who wants an item, before it looks for one | CAS, acquire and release |
// | n → n - 1 | the same, where there was no memory | relaxed |
// | n → n - k | who sent k items back to their slabs, after that | relaxed: a count, nothing is read through it |
// So it is never less than what is out; a thread stopped between the count and the item keeps one item of the limit.
//
// | class | ceiling of a limit L with reserves S (system) and I (interrupt) |
// |---|---|
// | normal | L - S - I |
// | system | L - I |
// | interrupt | L |

import CAnax
import LockFree
import Machine
import PerCPU
import Pages

package enum ZoneLimit {
  @_noLocks @_noAllocation
  package static func ceiling(_ zone: UnsafeMutablePointer<anax_zone>, _ requestClass: RequestClass) -> UInt64 {
    let limit = zone.pointee.limit
    switch requestClass {
    case .normal: return limit &- UInt64(zone.pointee.system_reserve) &- UInt64(zone.pointee.interrupt_reserve)
    case .system: return limit &- UInt64(zone.pointee.interrupt_reserve)
    case .interrupt: return limit
    }
  }

  /// Whether items come from and go to the slabs directly.
  @_noLocks @_noAllocation
  static func bypassesCaches(_ zone: UnsafeMutablePointer<anax_zone>) -> Bool {
    let state = anax_state()
    if state.pointee.rung != UInt64(ANAX_RUNG_D), state.pointee.membarrier == 0 { return true }
    return AtomicWord(anax_zone_claimed(zone)).loadRelaxed() >= ceiling(zone, .normal)
  }

  /// One item out of the slabs, as a list word; 0: refused, or no memory. What the caches' slow path asks for: never
  /// above what a normal request may have of the zone's limit. The class holds for a fresh slab.
  @_noLocks @_noAllocation
  static func claim(_ home: Home, cpu: Int, _ requestClass: RequestClass) -> UInt64 {
    claim(home, cpu: cpu, requestClass, ceiling: ceiling(home.zone, .normal))
  }

  @_noLocks @_noAllocation
  static func claim(_ home: Home, cpu: Int, _ requestClass: RequestClass, ceiling: UInt64) -> UInt64 {
    let claimed = AtomicWord(anax_zone_claimed(home.zone))
    var old = claimed.loadRelaxed()
    repeat {
      if old >= ceiling { return 0 }
    } while !claimed.compareExchange(&old, old &+ 1)
    let list = home.claimFromSlabs(wanted: 1, cpu: cpu, requestClass)
    if list == 0 { claimed.subtract(1) }
    return list
  }

  /// An item for a request of the class, of the named home where there is one. 0: refused by the limit, or (then
  /// `noMemory`) by the machine.
  @_noLocks @_noAllocation
  static func allocate(
    _ id: Int, _ requestClass: RequestClass, home wanted: Int?, noMemory: inout Bool
  ) -> UInt64 {
    let zone = anax_state().pointee.zones! + id
    let claimed = AtomicWord(anax_zone_claimed(zone))
    let ceiling = ceiling(zone, requestClass)
    let cpu = CPUBlocks.anyCPU()
    let home = Home(zone: id, node: wanted ?? CPUBlocks.node(ofCPU: cpu))
    var round = 0
    while round < 2 {
      // What is used is at most what is claimed: an item from a cache keeps this request below its ceiling.
      if claimed.loadRelaxed() <= ceiling {
        let item =
          wanted == nil ? ZoneCache.refill(id, requestClass) : ZoneCache.collected(id, home: home.node, cpu: cpu)
        if item != 0 { return item }
      }
      let list = ZoneCache.placed(home, cpu: cpu) { claim(home, cpu: cpu, requestClass, ceiling: ceiling) }
      if list != 0 { return list &>> 16 }
      if claimed.loadRelaxed() < ceiling {
        noMemory = true
        return 0
      }
      if round == 0 {
        if cached(id) == 0 { return 0 }
        takeBack(id, cpu: cpu)
      }
      round += 1
    }
    return 0
  }

  /// Free items that lie in caches and depots now.
  @_noLocks @_noAllocation
  static func cached(_ id: Int) -> UInt64 {
    let room = UInt64((anax_state().pointee.zones! + id).pointee.list_limit)
    var items: UInt64 = 0
    var node = 0
    while node < Int(anax_state().pointee.node_count) {
      items &+= CacheCensus.items(node: node, zone: id, room: room)
      items &+= AtomicWord(anax_home_depot_items(Home(zone: id, node: node).entry)).loadRelaxed()
      node += 1
    }
    return items
  }

  /// Sends the free items of all caches and depots to their slabs.
  @_noLocks @_noAllocation
  static func takeBack(_ id: Int, cpu: Int) {
    Reclaim.everything()
    var node = 0
    while node < Int(anax_state().pointee.node_count) {
      Home(zone: id, node: node).drain(all: true, cpu: cpu)
      node += 1
    }
  }
}
