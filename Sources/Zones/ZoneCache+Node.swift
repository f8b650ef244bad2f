// SPDX-License-Identifier: Apache-2.0
// Requests to a zone for a node that is not this CPU's. They are served from what this CPU has collected to go home to
// that node, then from that home as its own CPUs are; what a list has beyond the item asked for is collected again, and
// is never handed out by a request without a node. Items that come from slabs are touched at once under a policy of the
// thread that prefers the node, and the thread's own is set again: so what the slab has not had in memory before
// lies there, whoever uses it. Four system calls for a list of items. A signal handler that runs in between has that
// policy too; one that does not return (siglongjmp) leaves the thread with it.

import CAnax
import LockFree
import Machine
import PerCPU
import Pages

extension ZoneCache {
  /// An item of the home. 0: no memory.
  @_noLocks @_noAllocation
  static func fetch(_ zone: Int, home node: Int, cpu: Int, _ requestClass: RequestClass) -> UInt64 {
    let item = collected(zone, home: node, cpu: cpu)
    if item != 0 { return item }
    let home = Home(zone: zone, node: node)
    let list = placed(home, cpu: cpu) {
      home.claimFromSlabs(wanted: UInt64(home.zone.pointee.list_limit), cpu: cpu, requestClass)
    }
    return list == 0 ? 0 : first(of: list, home, cpu: cpu)
  }

  /// An item that was freed: on this CPU, or on any, by way of the depot. 0: there is none.
  @_noLocks @_noAllocation
  static func collected(_ zone: Int, home node: Int, cpu: Int) -> UInt64 {
    let home = Home(zone: zone, node: node)
    var list: UInt64 = 0
    if CPUBlocks.current() == nil {
      if let item = Shards.pop(cpu, Int(slot(node, zone))) { return item }
    } else {
      CPUBlocks.open(cpu)
      if CPUBlocks.take(slot(node, zone), UInt64(home.zone.pointee.list_limit), &list), list &>> 16 != 0 {
        return first(of: list, home, cpu: cpu)
      }
    }
    list = home.withdraw(cpu: cpu)
    return list == 0 ? 0 : first(of: list, home, cpu: cpu)
  }

  @_noLocks @_noAllocation
  static func first(of list: UInt64, _ home: Home, cpu: Int) -> UInt64 {
    first(of: list, home.zoneID, node: home.node, cpu: cpu) {
      if CPUBlocks.current() != nil { return CPUBlocks.put(slot(home.node, home.zoneID), $0) }
      return Shards.put(cpu, Int(slot(home.node, home.zoneID)), list: $0)
    }
  }

  /// A list that `claim` takes from slabs, which touches each item's first page, and then the items' other pages, while
  /// this thread prefers the home's node. For this CPU's own node just what `claim` gives.
  @inline(__always) @_noLocks @_noAllocation
  static func placed(_ home: Home, cpu: Int, claim: () -> UInt64) -> UInt64 {
    guard home.node != CPUBlocks.node(ofCPU: cpu), let own = Kernel.threadPolicy(), prefer(home.node) else {
      return claim()
    }
    let list = claim()
    touch(list, home)
    Kernel.restoreThreadPolicy(own)
    return list
  }

  /// Makes this thread prefer the node, or where this process has no memory of it the nearest that it has.
  @_noLocks @_noAllocation
  static func prefer(_ node: Int) -> Bool {
    UsableNodes.askNearest(to: node) { Kernel.setThreadPolicy(.init(.node, nodes: $0)) }
  }

  @_noLocks @_noAllocation
  static func touch(_ list: UInt64, _ home: Home) {
    let page = UInt64(1) &<< Region.pageShift
    var item = list &>> 16
    // A list of one may lie on a page that nobody has touched; then it reads zero.
    if list & 0xffff == UInt64(home.zone.pointee.list_limit) &- 1, item != 0 {
      UnsafeMutablePointer<UInt64>(bitPattern: UInt(item)).unsafelyUnwrapped.pointee = 0
    }
    while item != 0 {
      let end = item &+ UInt64(home.zone.pointee.stride)
      var at = (item &+ page) & ~(page &- 1)
      while at < end {
        UnsafeMutablePointer<UInt64>(bitPattern: UInt(at)).unsafelyUnwrapped.pointee = 0
        at &+= page
      }
      item = UnsafePointer<UInt64>(bitPattern: UInt(item)).unsafelyUnwrapped.pointee &>> 16
    }
  }
}
