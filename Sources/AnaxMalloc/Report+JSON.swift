// SPDX-License-Identifier: Apache-2.0
// The summary as JSON, where ANAX_STATS is 2: an object a line, so that each is written whole between what the program
// itself prints, and with the key "anax" first, so that `grep '^{"anax"'` finds them. Sizes are bytes.
// <doc:MemoryReturn> says what each figure means.

import CAnax
import Heap
import Machine
import Pages
import PerCPU
import Zones

extension Report {
  @_noLocks @_noAllocation
  static func mechanismJSON() {
    let state = anax_state()
    var line = MessageLine(object: "process")
    line.append(key: "pid", UInt64(Kernel.call(anax_sys_getpid)))
    line.append(key: "rung")
    line.append(byte: 0x22)
    line.append(byte: UInt8(truncatingIfNeeded: state.pointee.rung))
    line.append(byte: 0x22)
    line.append(key: "reason", text: Ladder.text(ofReason: state.pointee.rung_reason))
    line.append(key: "reclaims", reclaims)
    line.append(key: "cpus", state.pointee.cpu_count)
    line.append(key: "nodes", state.pointee.node_count)
    line.append(key: "helper", state.pointee.helper & 1 == 1)
    line.writeObject()
  }

  @_noLocks @_noAllocation
  static func residentJSON(_ sum: HeapStatistics) {
    var line = MessageLine(object: "resident")
    line.append(key: "bytes", sum.resident)
    line.append(key: "used", sum.used)
    line.append(key: "large", sum.large)
    line.append(key: "large_blocks", sum.largeBlocks)
    line.append(key: "cached", sum.cached)
    line.append(key: "depots", sum.depot)
    line.append(key: "free_slots", sum.slotsFree)
    line.append(key: "free_pages", sum.dirty)
    line.append(key: "tables", sum.tables)
    line.append(key: "foreign", sum.foreign)
    line.append(key: "reserved", sum.reserved)
    line.append(key: "returned", sum.purged)
    line.append(key: "slabs", sum.slabs)
    line.writeObject()
  }

  @_noLocks @_noAllocation
  static func nodeJSON(_ index: Int) {
    let entry = Pages.node(index)
    let shift = anax_state().pointee.page_shift
    var line = MessageLine(object: "node")
    line.append(key: "node", UInt64(index))
    line.append(key: "claimed", PageCounters.claimed(node: index) &<< shift)
    line.append(key: "free_pages", PageCounters.dirty(node: index) &<< shift)
    line.append(key: "ready_pages", PageCounters.readyDirty(node: index) &<< shift)
    line.append(key: "depots", HeapStatistics.positive(entry.pointee.depot_bytes))
    line.append(key: "returned", entry.pointee.purged_pages &<< shift)
    line.append(key: "chunks", entry.pointee.top)
    line.append(key: "served_elsewhere", entry.pointee.off_node)
    if let pages = PageCensus.told(node: index) {
      line.append(key: "pages_here", pages.here)
      line.append(key: "pages_elsewhere", pages.elsewhere)
    }
    line.writeObject()
  }

  @_noLocks @_noAllocation
  static func zoneJSON(_ id: Int, _ row: ZoneFigures) {
    var line = MessageLine(object: "zone")
    let name = ZoneName.read(anax_zone_row(id))
    line.append(key: "zone", name: name.text, count: name.count)
    line.append(key: "slabs", row.slabs)
    line.append(key: "used", row.used)
    line.append(key: "cached", row.cached)
    line.append(key: "depots", row.depot)
    line.append(key: "free_slots", row.free)
    line.writeObject()
  }
}

extension MessageLine {
  /// Begins an object that says of what it is.
  @_noLocks @_noAllocation
  fileprivate init(object kind: StaticString) {
    self.init(beginning: "{\"anax\":\"")
    append(kind)
    append(byte: 0x22)
  }

  @_noLocks @_noAllocation
  fileprivate mutating func append(key: StaticString) {
    append(",\"")
    append(key)
    append("\":")
  }

  @_noLocks @_noAllocation
  fileprivate mutating func append(key: StaticString, _ number: UInt64) {
    append(key: key)
    append(number)
  }

  @_noLocks @_noAllocation
  fileprivate mutating func append(key: StaticString, _ truth: Bool) {
    append(key: key)
    append(truth ? "true" : "false")
  }

  /// Text of this library, which has nothing to escape.
  @_noLocks @_noAllocation
  fileprivate mutating func append(key: StaticString, text: StaticString) {
    append(key: key)
    append(byte: 0x22)
    append(text)
    append(byte: 0x22)
  }

  /// Text of the program's; what is not printable ASCII comes out as `?`.
  @_noLocks @_noAllocation
  fileprivate mutating func append(key: StaticString, name: UnsafePointer<CChar>, count: Int) {
    append(key: key)
    append(byte: 0x22)
    var index = 0
    while index < count {
      if name[index] == 0x22 || name[index] == 0x5C { append(byte: 0x5C) }
      append(name + index, count: 1)
      index += 1
    }
    append(byte: 0x22)
  }

  @_noLocks @_noAllocation
  fileprivate consuming func writeObject() {
    append(byte: 0x7D)
    write()
  }
}
