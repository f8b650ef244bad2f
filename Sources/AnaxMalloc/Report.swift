// SPDX-License-Identifier: Apache-2.0
// The summary that ANAX_STATS prints at exit and anax_stats_print() at any time, and the figures behind mallinfo. Lines
// on standard error, each written whole; nothing allocates, nobody is waited for. Report+JSON.swift has the same as
// JSON.

import CAnax
import CAnaxMalloc
import Heap
import Machine
import Pages
import PerCPU
import Zones

@c(anax_stats_print) @_noLocks @_noAllocation
public func anaxStatsPrint() {
  if !Engine.ensureStarted() { return }
  guard let table = HeapStatistics.makeTable() else {
    var line = MessageLine()
    line.append("no memory for the summary")
    line.write()
    return
  }
  let sum = HeapStatistics.read(zones: table)
  let json = Tunable.stats.value == 2
  if json { Report.mechanismJSON() } else { Report.mechanism() }
  if json { Report.residentJSON(sum) } else { Report.resident(sum) }
  var node = 0
  while node < Int(anax_state().pointee.node_count) {
    if json { Report.nodeJSON(node) } else { Report.node(node) }
    node += 1
  }
  var zone = 1
  while zone < ZoneStatistics.zoneTop {
    if table[zone].slabs > 0 {
      if json { Report.zoneJSON(zone, table[zone]) } else { Report.zone(zone, table[zone]) }
    }
    zone += 1
  }
  HeapStatistics.releaseTable(table)
}

@c(anax_stats_wanted) @_noLocks @_noAllocation
public func anaxStatsWanted() -> CInt { Engine.ensureStarted() && Tunable.stats.value != 0 ? 1 : 0 }

@c(anax_summary_read) @_noLocks @_noAllocation
public func anaxSummaryRead(_ summary: UnsafeMutablePointer<anax_summary>) {
  summary.pointee = anax_summary()
  if !Engine.ensureStarted() { return }
  guard let table = HeapStatistics.makeTable() else { return }
  let sum = HeapStatistics.read(zones: table)
  HeapStatistics.releaseTable(table)
  summary.pointee.claimed = sum.claimed
  summary.pointee.large = sum.large
  summary.pointee.large_blocks = sum.largeBlocks
  summary.pointee.used = sum.used
  summary.pointee.slots_free = sum.slotsFree
  summary.pointee.free_count = sum.freeCount
  summary.pointee.cached = sum.cached
  summary.pointee.depot = sum.depot
  summary.pointee.dirty = sum.dirty
}

@c(anax_keep_floor_set) @_noLocks @_noAllocation
public func anaxKeepFloorSet(_ bytes: Int64) -> CInt {
  Tunable.start()
  do throws(TunableError) {
    try Tunable.pageKeepFloor.set(bytes)
    return 1
  } catch {
    return 0
  }
}

enum Report {
  /// Whether a purge and a zone at its limit reach the caches of other CPUs.
  static var reclaims: Bool {
    @_noLocks @_noAllocation get {
      anax_state().pointee.rung == UInt64(ANAX_RUNG_D) || anax_state().pointee.membarrier != 0
    }
  }

  @_noLocks @_noAllocation
  static func mechanism() {
    let state = anax_state()
    var line = MessageLine()
    line.append("process ")
    line.append(Int64(Kernel.call(anax_sys_getpid)))
    line.append(": rung ")
    line.append(byte: UInt8(truncatingIfNeeded: state.pointee.rung))
    line.append(" (")
    line.append(Ladder.text(ofReason: state.pointee.rung_reason))
    line.append("), caches can ")
    if !reclaims { line.append("not ") }
    line.append("be reclaimed from outside, ", state.pointee.cpu_count)
    line.append(" CPUs, ", state.pointee.node_count)
    line.append(state.pointee.node_count == 1 ? " node, helper thread " : " nodes, helper thread ")
    line.append(state.pointee.helper & 1 == 1 ? "yes" : "no")
    line.write()
  }

  @_noLocks @_noAllocation
  static func resident(_ sum: HeapStatistics) {
    var line = MessageLine()
    line.append("resident ", kibibytes: sum.resident)
    line.append(": used ", kibibytes: sum.used)
    line.append(" in slabs and ", kibibytes: sum.large)
    line.append(" in ", sum.largeBlocks)
    line.append(" large blocks, CPU caches ", kibibytes: sum.cached)
    line.append(", depots ", kibibytes: sum.depot)
    line.append(", free slots ", kibibytes: sum.slotsFree)
    line.append(", free pages kept ", kibibytes: sum.dirty)
    line.append(", tables ", kibibytes: sum.tables)
    line.append(", not the heap's ", kibibytes: sum.foreign)
    line.write()
    var second = MessageLine()
    second.append("address space ", kibibytes: sum.reserved)
    second.append(", returned to the kernel so far ", kibibytes: sum.purged)
    second.append(", slabs ", sum.slabs)
    second.append(" (used, free slots and large blocks count bytes never touched as resident)")
    second.write()
  }

  @_noLocks @_noAllocation
  static func node(_ index: Int) {
    let entry = Pages.node(index)
    let shift = anax_state().pointee.page_shift
    var line = MessageLine()
    line.append("node ")
    line.append(Int64(index))
    line.append(": claimed ", kibibytes: PageCounters.claimed(node: index) &<< shift)
    line.append(", free pages kept ", kibibytes: PageCounters.dirty(node: index) &<< shift)
    line.append(", of these ready on CPUs ", kibibytes: PageCounters.readyDirty(node: index) &<< shift)
    line.append(", depots ", kibibytes: HeapStatistics.positive(entry.pointee.depot_bytes))
    line.append(", returned so far ", kibibytes: entry.pointee.purged_pages &<< shift)
    line.append(", chunks opened ", entry.pointee.top)
    line.append(", pages served elsewhere ", entry.pointee.off_node)
    line.write()
    guard let pages = PageCensus.told(node: index) else { return }
    var second = MessageLine()
    second.append("node ")
    second.append(Int64(index))
    second.append(": resident pages on the node ", pages.here)
    second.append(", on other nodes ", pages.elsewhere)
    second.write()
  }

  @_noLocks @_noAllocation
  static func zone(_ id: Int, _ row: ZoneFigures) {
    var line = MessageLine()
    line.append("zone ")
    line.append(nameOf: anax_zone_row(id))
    line.append(": slabs ", row.slabs)
    line.append(", used ", row.used)
    line.append(", cached ", row.cached)
    line.append(", depot ", row.depot)
    line.append(", free ", row.free)
    line.write()
  }
}

extension MessageLine {
  @_noLocks @_noAllocation
  fileprivate mutating func append(_ what: StaticString, _ count: UInt64) {
    append(what)
    append(count)
  }

  @_noLocks @_noAllocation
  fileprivate mutating func append(_ what: StaticString, kibibytes bytes: UInt64) {
    append(what, bytes &>> 10)
    append(" KiB")
  }
}
