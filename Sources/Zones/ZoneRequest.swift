// SPDX-License-Identifier: Apache-2.0
// Requests to user zones. The hit path lies in the Swift face: it compares the zone's `fast` word with the generation of the
// handle and pops or pushes the CPU's list. What does not hit comes here. ZoneBusy counts who is here, so that a zone is not
// ended under them. Lock-free from any thread and signal handler; what is no item of the zone stops the process.

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
    if !counted { count(id) }
    let zone = anax_state().pointee.zones! + id
    if zone.pointee.limit != 0, zone.pointee.generation == generation,
      AtomicWord(anax_zone_state(zone)).loadRelaxed() == 2,
      AtomicWord(anax_zone_claimed(zone)).loadRelaxed() <= ZoneLimit.ceiling(zone, requestClass),
      CPUBlocks.current() != nil, let item = CPUBlocks.pop(UInt64(id))
    {
      return item
    }
    let process = ZoneBusy.enter(id)
    defer { ZoneBusy.leave(id, process) }
    if AtomicWord(anax_zone_state(zone)).loadAcquire() != 2 || zone.pointee.generation != generation { throw .ended }
    var noMemory = true
    let item: UInt64
    if zone.pointee.limit == 0 {
      item = ZoneCache.refill(id)
    } else {
      noMemory = false
      item = ZoneLimit.allocate(id, requestClass, noMemory: &noMemory)
    }
    if item != 0, let pointer = UnsafeMutableRawPointer(bitPattern: UInt(item)) { return pointer }
    AtomicWord(anax_zone_failures(zone)).add(1)
    throw noMemory ? .memory : .limit
  }

  /// An item of the node's home, whose memory is taken from the node as long as that has any; on this CPU's own node as `allocate`.
  @inline(never) @_noLocks @_noAllocation
  package static func allocate(
    _ id: Int, generation: UInt32, _ requestClass: RequestClass, node: Int
  ) throws(Refusal) -> UnsafeMutableRawPointer {
    let cpu = CPUBlocks.anyCPU()
    if node == CPUBlocks.node(ofCPU: cpu) {
      return try allocate(id, generation: generation, requestClass, counted: false)
    }
    count(id)
    let zone = anax_state().pointee.zones! + id
    let process = ZoneBusy.enter(id)
    defer { ZoneBusy.leave(id, process) }
    if AtomicWord(anax_zone_state(zone)).loadAcquire() != 2 || zone.pointee.generation != generation { throw .ended }
    var noMemory = true
    let item: UInt64
    if zone.pointee.limit == 0 {
      item = ZoneCache.fetch(id, home: node, cpu: cpu)
    } else {
      noMemory = false
      item = ZoneLimit.allocate(id, requestClass, home: node, noMemory: &noMemory)
    }
    if item != 0, let pointer = UnsafeMutableRawPointer(bitPattern: UInt(item)) { return pointer }
    AtomicWord(anax_zone_failures(zone)).add(1)
    throw noMemory ? .memory : .limit
  }

  /// The node whose turn it is: in turns over the nodes that this process may use and that were online at the start.
  @_noLocks @_noAllocation
  package static func nextInterleaved() -> Int {
    let state = anax_state()
    if state.pointee.node_count == 1 { return 0 }
    var nodes = state.pointee.nodes_online & (Kernel.allowedNodes() ?? ~0)
    if nodes == 0 { nodes = state.pointee.nodes_online }
    var turn = Int(AtomicWord(anax_state_interleaved(state)).add(1) % UInt64(nodes.nonzeroBitCount))
    while turn > 0 {
      nodes &= nodes &- 1
      turn -= 1
    }
    return nodes.trailingZeroBitCount
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
    if !bypass { return ZoneCache.overflow(index, item: address) }
    let room = UInt64(zone.pointee.list_limit)
    UnsafeMutablePointer<UInt64>(bitPattern: UInt(address))!.pointee = room
    Home(zone: id, node: index / ANAX_ZONES_MAX).releaseToSlabs(list: address &<< 16 | (room &- 1))
    return true
  }
}
