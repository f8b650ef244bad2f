// SPDX-License-Identifier: Apache-2.0
// The life of user zones (zinit and its end): which ids are taken, and when one may be taken again. Heap zones are made
// at start and never end. Lock-free: a thread stopped in here keeps one id.
//
// | zone.state | transition | by | order |
// |---|---|---|---|
// | 0 free → 1 being made | CAS by who creates | acquire |
// | 1 → 2 live | the same, when all fields are set | release |
// | 2 → 3 being destroyed | CAS by who destroys | acquire and release, then a fence |
// | 3 → 2 | the same, when items are out or a request is under way | release |
// | 3 → 0 | the same, when no slab of the zone is left on any node and no CPU has a list of it | release |
// | 3 stays | where a list cannot be reached: the id is not used again | |
// `generation` changes in state 1 only, so a handle of an ended zone is told from one of its successor.

import CAnax
import LockFree
import Machine
import PerCPU
import Pages

package struct ZoneHandle {
  package let id: Int
  package let generation: UInt32

  @_noLocks @_noAllocation
  package init(id: Int, generation: UInt32) {
    self.id = id
    self.generation = generation
  }
}

package enum ZoneFailure: Error {
  /// All ids are taken.
  case noID
  /// Items are still out: how many.
  case itemsOut(UInt64)
  /// A request or a trim of the zone is under way, or a cache of it cannot be taken back now.
  case busy
  /// The handle's zone has ended.
  case ended
}

package enum ZoneRegistry {
  /// Makes a zone. The caller has checked the arguments: size 1...32768, alignment a power of two up to a page, limit 0
  /// (none) or above the reserves, `name` of at most 39 bytes.
  @_noLocks @_noAllocation
  package static func create(
    name: UnsafePointer<UInt8>, nameCount: Int, size: UInt64, alignment: UInt64, limit: UInt64, systemReserve: UInt32,
    interruptReserve: UInt32
  ) throws(ZoneFailure) -> ZoneHandle {
    let zones = anax_state().pointee.zones!
    var id = 1
    while id < ANAX_ZONES_MAX {
      let zone = zones + id
      if id & ANAX_ZONE_RESERVED_BITS == 0, take(zone) {
        var row = ZoneName(of: zone)
        row.append(name, count: nameCount)
        zone.pointee.system_reserve = systemReserve
        zone.pointee.interrupt_reserve = interruptReserve
        AtomicWord(anax_zone_claimed(zone)).storeRelaxed(0)
        AtomicWord(anax_zone_failures(zone)).storeRelaxed(0)
        // The CPUs' counters go on counting from the id's last owner.
        AtomicWord(anax_zone_requests(zone)).storeRelaxed(0 &- CacheCensus.sum(ofCounter: id | ANAX_ZONE_REQUESTS))
        zone.pointee.generation = max(zone.pointee.generation &+ 1, 1)
        raiseTop(id + 1)
        ZoneMake.fill(zone, size: size, alignment: alignment, limit: limit, exact: true)
        openHitPath(zone)
        return ZoneHandle(id: id, generation: zone.pointee.generation)
      }
      id += 1
    }
    throw .noID
  }

  @_noLocks @_noAllocation
  static func take(_ zone: UnsafeMutablePointer<anax_zone>) -> Bool {
    var free: UInt64 = 0
    let state = AtomicWord(anax_zone_state(zone))
    return state.loadRelaxed() == 0 && state.compareExchange(&free, 1)
  }

  @_noLocks @_noAllocation
  static func openHitPath(_ zone: UnsafeMutablePointer<anax_zone>) {
    let opens = zone.pointee.limit == 0 && anax_state().pointee.cpu_limit != 0
    anax_store32_relaxed(anax_zone_fast(zone), opens ? zone.pointee.generation : 0)
  }

  @_noLocks @_noAllocation
  static func raiseTop(_ top: Int) {
    let word = AtomicWord(anax_state_zone_top(anax_state()))
    var old = word.loadRelaxed()
    while old < UInt64(top), !word.compareExchange(&old, UInt64(top)) {}
  }

  /// Ends the zone: its caches, depots and slabs are given back. Nothing changes when it throws. No other thread may be
  /// in the zone's hit path meanwhile: what it takes there would be an item of a zone that has ended.
  @_noLocks @_noAllocation
  package static func destroy(_ handle: ZoneHandle) throws(ZoneFailure) {
    let zone = anax_state().pointee.zones! + handle.id
    let state = AtomicWord(anax_zone_state(zone))
    var live: UInt64 = 2
    if zone.pointee.generation != handle.generation || !state.compareExchange(&live, 3) { throw .ended }
    anax_store32_relaxed(anax_zone_fast(zone), 0)
    anax_fence()
    var failure = ZoneFailure.busy
    if !ZoneBusy.isBusy(handle.id), empty(handle.id, &failure) {
      // An id that a CPU still has a list of, if only an empty one with its room, is not used again.
      if CacheCensus.isClear(zone: handle.id) { state.storeRelease(0) }
      return
    }
    openHitPath(zone)
    state.storeRelease(2)
    throw failure
  }

  /// Gives back all slabs. False: items are out, or something of the zone is in another thread's hands: another zone's
  /// end and a purge take back whole CPUs, and have this zone's items in hand meanwhile. To them the processor is left
  /// a few times.
  @_noLocks @_noAllocation
  static func empty(_ id: Int, _ failure: inout ZoneFailure) -> Bool {
    let cpu = CPUBlocks.anyCPU()
    var round = 0
    while round < 64 {
      if round >= 4 { _ = Kernel.call(anax_sys_sched_yield) }
      ZoneLimit.takeBack(id, cpu: cpu)
      var slabs: UInt64 = 0
      var node = 0
      while node < Int(anax_state().pointee.node_count) {
        let home = Home(zone: id, node: node)
        home.trim()
        slabs &+= AtomicWord(anax_home_slabs(home.entry)).loadAcquire()
        node += 1
      }
      if slabs == 0 { return true }
      // What neither a slab nor a cache has is out; a slab in another thread's hands is seen in the next round.
      let used = ZoneCensus.figures(id).used
      failure = used > 0 ? .itemsOut(used) : .busy
      if used > 0, round >= 8 { break }
      round += 1
    }
    return false
  }
}
