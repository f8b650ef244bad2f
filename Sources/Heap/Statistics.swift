// SPDX-License-Identifier: Apache-2.0
// What resident memory is made of, when asked. Statistics never wait: they read what is there, and never take, claim or
// stop anything. The table of zones lies in a mapping of its own, which goes when it was read. Any thread, any signal
// handler.

import CAnax
import LockFree
import Machine
import Pages
import PerCPU
import Zones

/// All in bytes but the counts.
package struct HeapStatistics {
  /// Of the process, by the kernel; 0 where it does not say.
  package var resident: UInt64 = 0
  /// Address space.
  package var reserved: UInt64 = 0
  /// Resident part of the engine's tables.
  package var tables: UInt64 = 0
  /// Pages in use by slabs and large blocks.
  package var claimed: UInt64 = 0
  /// Of these, large blocks, and their count.
  package var large: UInt64 = 0
  package var largeBlocks: UInt64 = 0
  /// Items that the program has.
  package var used: UInt64 = 0
  package var cached: UInt64 = 0
  package var depot: UInt64 = 0
  /// Free slots of slabs, and their count. Those never used are not resident.
  package var slotsFree: UInt64 = 0
  package var freeCount: UInt64 = 0
  package var slabs: UInt64 = 0
  /// Free pages that were not returned to the kernel yet; and those that were, in total.
  package var dirty: UInt64 = 0
  package var purged: UInt64 = 0

  /// What is resident beyond all of these: code, stacks, other mappings. Slots and blocks never touched are counted
  /// above and are not resident, so this is a lower bound.
  package var foreign: UInt64 {
    @_noLocks @_noAllocation get {
      let accounted = used &+ large &+ cached &+ depot &+ slotsFree &+ dirty &+ tables
      return resident > accounted ? resident &- accounted : 0
    }
  }

  @_noLocks @_noAllocation
  package init() {}

  /// Reads everything. `zones` is filled with a row for each zone id (ANAX_ZONES_MAX rows, zero before).
  @_noLocks @_noAllocation
  package static func read(zones: UnsafeMutablePointer<ZoneFigures>) -> HeapStatistics {
    var sum = HeapStatistics()
    let state = anax_state()
    let shift = state.pointee.page_shift
    sum.resident = residentPages() &<< shift
    sum.reserved = state.pointee.reservation
    sum.tables = tablesResident()
    var node = 0
    while node < Int(state.pointee.node_count) {
      let entry = Pages.node(node)
      sum.claimed &+= PageCounters.claimed(node: node) &<< shift
      sum.dirty &+= PageCounters.dirty(node: node) &<< shift
      sum.purged &+= AtomicWord(anax_node_purged_pages(entry)).loadRelaxed() &<< shift
      let large = largeBlocks(node: node)
      sum.large &+= large.pages &<< shift
      sum.largeBlocks &+= large.count
      ZoneStatistics.addSlabs(node: node, to: zones)
      node += 1
    }
    ZoneStatistics.addCaches(to: zones)
    var zone = 1
    while zone < ZoneStatistics.zoneTop {
      let stride = UInt64((state.pointee.zones! + zone).pointee.stride)
      let row = zones[zone]
      sum.slabs &+= row.slabs
      sum.used &+= row.used &* stride
      sum.cached &+= row.cached &* stride
      sum.depot &+= row.depot &* stride
      sum.slotsFree &+= row.free &* stride
      sum.freeCount &+= row.free
      zone += 1
    }
    return sum
  }

  /// A zeroed table for `read`; nil where the kernel has no memory. `releaseTable` takes it back.
  @_noLocks @_noAllocation
  package static func makeTable() -> UnsafeMutablePointer<ZoneFigures>? {
    UnsafeMutablePointer(bitPattern: UInt(Kernel.reserve(bytes: tableBytes, writable: true)))
  }

  @_noLocks @_noAllocation
  package static func releaseTable(_ table: UnsafeMutablePointer<ZoneFigures>) {
    Kernel.unmap(UInt64(UInt(bitPattern: table)), bytes: tableBytes)
  }

  static var tableBytes: UInt64 {
    @_noLocks @_noAllocation get { UInt64(ANAX_ZONES_MAX) &* UInt64(MemoryLayout<ZoneFigures>.stride) }
  }

  /// A counter that somebody has subtracted from before another added reads as 0.
  @inlinable @_noLocks @_noAllocation
  package static func positive(_ value: UInt64) -> UInt64 { value < 1 &<< 62 ? value : 0 }

  /// Large blocks of a node: their count and pages.
  @_noLocks @_noAllocation
  package static func largeBlocks(node: Int) -> (count: UInt64, pages: UInt64) {
    let state = anax_state()
    let entry = Pages.node(node)
    let end = entry.pointee.first_page &+ AtomicWord(anax_node_top(entry)).loadAcquire() &* Region.pagesPerChunk
    var page = entry.pointee.first_page
    var count: UInt64 = 0
    var pages: UInt64 = 0
    while page < end {
      let claimed = anax_load_relaxed(state.pointee.claimed! + Int(page / 64)) &>> (page & 63)
      if claimed == 0 {
        page = (page / 64 &+ 1) &* 64
        continue
      }
      page &+= UInt64(claimed.trailingZeroBitCount)
      let zone = anax_load16_relaxed(state.pointee.page_zones! + Int(page)) & UInt16(ANAX_ZONES_MAX - 1)
      let run = Run(word: Run.at(page: page).loadRelaxed())
      if zone == 0, run.isLive, run.pages > 0 {
        count &+= 1
        pages &+= run.pages
        page &+= run.pages
      } else {
        page &+= 1
      }
    }
    return (count, pages)
  }

  /// Pages of the process that are resident, or 0.
  @_noLocks @_noAllocation
  static func residentPages() -> UInt64 {
    var text = InlineArray<96, UInt8>(repeating: 0)
    let count = withUnsafeMutableBytes(of: &text) {
      Kernel.readFile("/proc/self/statm", into: $0.baseAddress!.assumingMemoryBound(to: UInt8.self), count: 96)
    }
    // The second number.
    var at = 0
    while at < count, text[at] != 32 { at += 1 }
    at += 1
    var pages: UInt64 = 0
    while at < count, text[at] >= 48, text[at] <= 57 {
      pages = pages &* 10 &+ UInt64(text[at] &- 48)
      at += 1
    }
    return pages
  }

  /// Resident bytes of the tables before the heap, by mincore.
  @_noLocks @_noAllocation
  static func tablesResident() -> UInt64 {
    let state = anax_state()
    let shift = state.pointee.page_shift
    var at = UInt64(UInt(bitPattern: state.pointee.claimed))
    let end = state.pointee.heap_base
    var resident = InlineArray<2048, UInt8>(repeating: 0)
    var pages: UInt64 = 0
    while at < end {
      let count = min(2048, (end &- at) &>> shift)
      let bytes = count &<< shift
      let result = withUnsafeMutableBytes(of: &resident) {
        Kernel.call(
          anax_sys_mincore, Int(bitPattern: UInt(at)), Int(bitPattern: UInt(bytes)), Int(bitPattern: $0.baseAddress))
      }
      if Kernel.failed(result) { return 0 }
      var index = 0
      while index < Int(count) {
        pages &+= UInt64(resident[index] & 1)
        index += 1
      }
      at &+= bytes
    }
    return pages &<< shift
  }
}
