// SPDX-License-Identifier: Apache-2.0
// Requests to user zones. Rung B's hit path lies in the Swift face: it compares the zone's `fast` word with the
// generation of the handle and pops or pushes the CPU's list. What does not hit comes here, where the other rungs' hit
// paths are: rung A's section, and a shard on rung D and for threads without an area. ZoneBusy counts who goes further,
// so that a zone is not ended under them; a hit touches no word that all CPUs share. Lock-free from any thread and
// signal handler; what is no item of the zone stops the process.

import CAnax
import LockFree
import Machine
import PerCPU
import Pages

package enum ZoneRequest {
  package enum Refusal: Error {
    case limit
    case memory
    case ended
  }

  @inline(never) @_noLocks @_noAllocation
  package static func allocate(
    _ id: Int, generation: UInt32, _ requestClass: RequestClass, counted: Bool
  ) throws(Refusal) -> UnsafeMutableRawPointer {
    let zone = anax_state().pointee.zones! + id
    var counted = counted
    var ready: UnsafeMutableRawPointer?
    if zone.pointee.generation == generation, AtomicWord(anax_zone_state(zone)).loadRelaxed() == 2 {
      ready = hit(id, zone, requestClass, counted: &counted)
    }
    if !counted { count(id) }
    if let ready { return ready }
    return try allocateSlowly(id, generation: generation, requestClass, home: nil)
  }

  /// An item of a live zone that is ready here; nil: there is none, or the zone is at the class's ceiling, or it is for
  /// the slow path to look. Where a shard is asked, it counts the request.
  @inline(__always) @_noLocks @_noAllocation
  static func hit(
    _ id: Int, _ zone: UnsafeMutablePointer<anax_zone>, _ requestClass: RequestClass, counted: inout Bool
  ) -> UnsafeMutableRawPointer? {
    let limited = zone.pointee.limit != 0
    if limited, AtomicWord(anax_zone_claimed(zone)).loadRelaxed() > ZoneLimit.ceiling(zone, requestClass) { return nil }
    if CPUBlocks.current() != nil {
      // Rung B's caller has looked, where there is no limit and it could count.
      return limited || !counted || anax_state().pointee.rung == UInt64(ANAX_RUNG_A) ? CPUBlocks.pop(UInt64(id)) : nil
    }
    if limited { return nil }
    let cpu = CPUBlocks.anyCPU()
    let list = CPUBlocks.node(ofCPU: cpu) &* ANAX_ZONES_MAX &+ id
    guard let item = Shards.pop(cpu, list, counter: id | ANAX_ZONE_REQUESTS, counted: &counted) else { return nil }
    return UnsafeMutableRawPointer(bitPattern: UInt(item))
  }

  /// An item of the node's home, whose memory is taken from the node as long as that has any; on this CPU's own node as
  /// `allocate`.
  @inline(never) @_noLocks @_noAllocation
  package static func allocate(
    _ id: Int, generation: UInt32, _ requestClass: RequestClass, node: Int
  ) throws(Refusal) -> UnsafeMutableRawPointer {
    if node == CPUBlocks.node(ofCPU: CPUBlocks.anyCPU()) {
      return try allocate(id, generation: generation, requestClass, counted: false)
    }
    count(id)
    return try allocateSlowly(id, generation: generation, requestClass, home: node)
  }

  /// An item, of the named home where there is one; counted among those that keep the zone from being ended.
  @_noLocks @_noAllocation
  private static func allocateSlowly(
    _ id: Int, generation: UInt32, _ requestClass: RequestClass, home: Int?
  ) throws(Refusal) -> UnsafeMutableRawPointer {
    let zone = anax_state().pointee.zones! + id
    let process = ZoneBusy.enter(id)
    defer { ZoneBusy.leave(id, process) }
    if AtomicWord(anax_zone_state(zone)).loadAcquire() != 2 || zone.pointee.generation != generation { throw .ended }
    var noMemory = true
    let item: UInt64
    if zone.pointee.limit != 0 {
      noMemory = false
      item = ZoneLimit.allocate(id, requestClass, home: home, noMemory: &noMemory)
    } else if let home {
      item = ZoneCache.fetch(id, home: home, cpu: CPUBlocks.anyCPU(), requestClass)
    } else {
      item = ZoneCache.refill(id, requestClass)
    }
    if item != 0, let pointer = UnsafeMutableRawPointer(bitPattern: UInt(item)) { return pointer }
    AtomicWord(anax_zone_failures(zone)).add(1)
    throw noMemory ? .memory : .limit
  }

  /// The node whose turn it is among the zone's interleaved items.
  @_noLocks @_noAllocation
  package static func nextInterleaved(_ id: Int) -> Int {
    UsableNodes.next(AtomicWord(anax_zone_turns(anax_state().pointee.zones! + id)))
  }

  /// Counts a request: in the CPU's counter, or where that cannot be reached in the zone's.
  @_noLocks @_noAllocation
  static func count(_ id: Int) {
    if CPUBlocks.current() != nil, CPUBlocks.add(UInt64(id | ANAX_ZONE_REQUESTS), 1) { return }
    AtomicWord(anax_zone_requests(anax_state().pointee.zones! + id)).add(1)
  }

  /// True when the item went as far as its slab: time for the caller to look at the clock.
  @inline(never) @_noLocks @_noAllocation
  package static func deallocate(_ id: Int, generation: UInt32, _ address: UInt64) -> Bool {
    let state = anax_state()
    let zone = state.pointee.zones! + id
    let page = Region.page(of: address)
    if page >= state.pointee.heap_pages { Stop.notOfZone(address, zone) }
    let index = Int(anax_load16_relaxed(state.pointee.page_zones! + Int(page)))
    if index & (ANAX_ZONES_MAX - 1) != id || zone.pointee.generation != generation { Stop.notOfZone(address, zone) }
    let bypass = zone.pointee.limit != 0 && ZoneLimit.bypassesCaches(zone)
    if !bypass {
      if state.pointee.rung == UInt64(ANAX_RUNG_A), address & 15 == 0,
        let item = UnsafeMutableRawPointer(bitPattern: UInt(address)),
        CPUBlocks.push(UInt64(index), item)
      {
        return false
      }
      return ZoneCache.overflow(index, item: address)
    }
    let room = UInt64(zone.pointee.list_limit)
    UnsafeMutablePointer<UInt64>(bitPattern: UInt(address))!.pointee = room
    Home(zone: id, node: index / ANAX_ZONES_MAX).releaseToSlabs(list: address &<< 16 | (room &- 1))
    return true
  }
}
