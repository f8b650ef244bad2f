// SPDX-License-Identifier: Apache-2.0
// The slow paths of a zone: what happens when a CPU's list is empty (refill) or full (overflow). The order is
// list → strip → spare list → depot → slab → pages. Nothing waits; a step that finds its CPU changed, its section
// aborted or its block swapped goes on without the cache.
//
// Invariant: a CPU's list of a zone on its own node holds that node's items; its lists of other nodes hold what
// goes home, and what is left of a list that was taken there for a request for that node; only such requests are served
// from them.

import CAnax
import LockFree
import PerCPU
import Pages

@usableFromInline
package enum ZoneCache {
  /// Index of list [node][zone] in a CPU block.
  @inlinable @_noLocks @_noAllocation
  static func slot(_ node: Int, _ zone: Int) -> UInt64 { UInt64(node &* ANAX_ZONES_MAX &+ zone) }

  /// An item of the zone for a CPU whose list was empty. 0: no memory, or a limit. The class says how deep a fresh slab
  /// may dip into vm.heap.limit; what the slab has beyond the item is for all.
  @inline(never) @_noLocks @_noAllocation
  package static func refill(_ zone: Int, _ requestClass: RequestClass = .normal) -> UInt64 {
    guard let cpu = CPUBlocks.current() else { return refillWithoutArea(zone, requestClass) }
    if let item = CPUBlocks.pop(UInt64(zone)) { return UInt64(UInt(bitPattern: item)) }
    let node = CPUBlocks.node(ofCPU: cpu)
    let entry = anax_state().pointee.zones! + zone
    let room = UInt64(entry.pointee.list_limit)
    let strips = Strip.serve(entry)
    if strips, let item = advance(zone, node: node) { return item }
    CPUBlocks.open(cpu)
    if _slowPath(anax_state().pointee.left_overs != 0) { Reclaim.leftOver() }
    var list: UInt64 = 0
    if !CPUBlocks.take(slot(node, zone | ANAX_ZONE_SPARE), room, &list) || list &>> 16 == 0 {
      if strips {
        let home = Home(zone: zone, node: node)
        list = home.withdraw(cpu: cpu)
        if list == 0 {
          var strip: UInt64 = 0
          list = home.claimFromSlabs(cpu: cpu, strip: &strip)
          if strip != 0 { return begin(Strip(word: strip, entry), zone, node: node) }
        }
      } else {
        list = fetch(zone, node: node, cpu: cpu, requestClass)
      }
      if list == 0 { return 0 }
    }
    return first(of: list, zone, node: node, cpu: cpu) { CPUBlocks.put(slot(node, zone), $0) }
  }

  /// The first item of a list; the others are this CPU's from now on, where they are of its node and `keep` takes them.
  @inline(__always) @_noLocks @_noAllocation
  static func first(of list: UInt64, _ zone: Int, node: Int, cpu: Int, keep: (UInt64) -> Bool) -> UInt64 {
    let item = list &>> 16
    // A list of one is not looked into: its item may lie on a page that nobody has touched.
    if list & 0xffff == UInt64(Home(zone: zone, node: node).zone.pointee.list_limit) &- 1 { return item }
    let rest = UnsafePointer<UInt64>(bitPattern: UInt(item))!.pointee
    if rest &>> 16 != 0 {
      let home = Region.node(ofPage: Region.page(of: rest &>> 16))
      if home != node || !keep(rest) { Home(zone: zone, node: home).deposit(list: rest, cpu: cpu) }
    }
    return item
  }

  /// An item of this CPU's strip, or nil.
  @inline(__always) @_noLocks @_noAllocation
  static func advance(_ zone: Int, node: Int) -> UInt64? {
    if let item = CPUBlocks.advance(UInt64(zone | ANAX_ZONE_STRIP), anax_strip_step(zone)) {
      return UInt64(UInt(bitPattern: item))
    }
    let row = anax_state().pointee.zones! + zone
    if row.pointee.group_shift == 63 { return nil }
    // What lies behind a skipped line.
    var word: UInt64 = 0
    if !CPUBlocks.take(slot(node, zone | ANAX_ZONE_STRIP), 0, &word) { return nil }
    let strip = Strip(word: word, row)
    return strip.count == 0 ? nil : begin(strip.advanced, zone, node: node)
  }

  /// The first item of a strip; the others are this CPU's from now on.
  @_noLocks @_noAllocation
  static func begin(_ strip: Strip, _ zone: Int, node: Int) -> UInt64 {
    if strip.count > 1 {
      let home = Home(zone: zone, node: Region.node(ofPage: Region.page(of: strip.next)))
      let rest = strip.word &+ anax_strip_step(zone)
      var left = rest
      // What another thread put there meanwhile goes back; or all of this, where the section was aborted.
      if home.node != node || !CPUBlocks.take(slot(node, zone | ANAX_ZONE_STRIP), rest, &left) { left = rest }
      home.releaseToSlabs(strip: left)
    }
    return strip.next
  }

  /// What was freed is handed out again before what nobody has touched: a CPU that has a whole list to spare has no
  /// strip.
  @inline(__always) @_noLocks @_noAllocation
  static func dropStrip(_ home: Home, _ entry: UnsafeMutablePointer<anax_zone>) {
    var word: UInt64 = 0
    if Strip.serve(entry), CPUBlocks.take(slot(home.node, home.zoneID | ANAX_ZONE_STRIP), 0, &word), word & 0xffff != 0
    {
      home.releaseToSlabs(strip: word)
    }
  }

  /// A list from the depot or the slabs; 0: no memory, or the zone's limit.
  @_noLocks @_noAllocation
  static func fetch(_ zone: Int, node: Int, cpu: Int, _ requestClass: RequestClass) -> UInt64 {
    let home = Home(zone: zone, node: node)
    let list = home.withdraw(cpu: cpu)
    if list != 0 { return list }
    let entry = home.zone
    if entry.pointee.limit == 0 {
      return home.claimFromSlabs(wanted: UInt64(entry.pointee.list_limit), cpu: cpu, requestClass)
    }
    return ZoneLimit.claim(home, cpu: cpu, requestClass)
  }

  /// Rung D, and threads without an area. There may be fewer shards than CPU ids: the node is that of the id itself.
  @_noLocks @_noAllocation
  static func refillWithoutArea(_ zone: Int, _ requestClass: RequestClass) -> UInt64 {
    let cpu = CPUBlocks.anyCPU()
    let node = CPUBlocks.node(ofCPU: cpu)
    let index = node &* ANAX_ZONES_MAX &+ zone
    if let item = Shards.pop(cpu, index) { return item }
    let list = fetch(zone, node: node, cpu: cpu, requestClass)
    if list == 0 { return 0 }
    return first(of: list, zone, node: node, cpu: cpu) { Shards.put(cpu, index, list: $0) }
  }

  /// Takes back an item for which the CPU's list had no room. `index` is the item's [node][zone]. True when items went
  /// as far as their slabs: time for the caller to look at the clock.
  @inline(never) @_noLocks @_noAllocation
  package static func overflow(_ index: Int, item: UInt64) -> Bool {
    let zone = index & (ANAX_ZONES_MAX - 1)
    let node = index / ANAX_ZONES_MAX
    let home = Home(zone: zone, node: node)
    let entry = home.zone
    let room = UInt64(entry.pointee.list_limit)
    if Slab(item: item, zone: entry).slot(of: item, entry) == nil { Stop.notABlock(item, entry) }
    var attempts = 0
    var far = false
    while attempts < 3 {
      guard let cpu = CPUBlocks.current() else {
        overflowWithoutArea(home, index: index, item: item, room: room)
        return true
      }
      if CPUBlocks.push(UInt64(index), UnsafeMutableRawPointer(bitPattern: UInt(item))!) { return far }
      CPUBlocks.open(cpu)
      var list: UInt64 = 0
      if CPUBlocks.take(UInt64(index), room, &list), list &>> 16 != 0 {
        let own = node == CPUBlocks.node(ofCPU: cpu)
        if !own || !CPUBlocks.put(slot(node, zone | ANAX_ZONE_SPARE), list) {
          far = !home.deposit(list: list, cpu: cpu)
        }
        if own { dropStrip(home, entry) }
      }
      attempts += 1
    }
    UnsafeMutablePointer<UInt64>(bitPattern: UInt(item))!.pointee = room
    home.releaseToSlabs(list: item &<< 16 | (room &- 1))
    return true
  }

  @_noLocks @_noAllocation
  static func overflowWithoutArea(_ home: Home, index: Int, item: UInt64, room: UInt64) {
    let cpu = CPUBlocks.anyCPU()
    var full: UInt64 = 0
    if Shards.push(cpu, index, item: item, room: room, full: &full) {
      if full &>> 16 != 0 { home.deposit(list: full, cpu: cpu) }
      return
    }
    UnsafeMutablePointer<UInt64>(bitPattern: UInt(item))!.pointee = room
    home.releaseToSlabs(list: item &<< 16 | (room &- 1))
  }
}
