// SPDX-License-Identifier: Apache-2.0
// The heap's address space: one reservation, cut into one region per node, so that an address tells its home with a
// shift.
// Owns the tables that describe each page. Made once, by the thread that starts the engine; nothing of it is ever
// unmapped.
//
// | table | per | holds |
// |---|---|---|
// | claimed, touched, recent | page, 1 bit | in use; perhaps not zero and resident; freed since the last sweep |
// | page_zones | page, 16 bits | node << 12 | zone of the slab the page belongs to, 0: no slab |
// | runs | page, 64 bits | at the first page of a run that is in use: Run |
// | slabs | 16 KiB | slab header |
// | longest | chunk, 64 bits | an upper bound on the chunk's free runs |
// A chunk is 512 pages (2 MiB of 4 KiB pages).
//
// The reservation is inaccessible; chunks and their rows of the tables are made writable in growing steps as they are
// opened, one chunk at a time under strict overcommit. So nothing of it counts against RLIMIT_DATA, is filled by
// mlockall, or swells a core file before it is wanted. Two tables can be read everywhere from the start, since a wild
// pointer may ask them.
//
// | word of a node | transition | by | order |
// |---|---|---|---|
// | committed | n → m, m above n | who made the chunks below m writable, after that; done twice it does no harm | CAS, acquire and release |
// | top | n → m | who found all below n taken, after `committed` is at least m (PageSearch.grow) | CAS, acquire and release; where it fails another raised it |
// Neither falls. Who reads `top` by acquire may touch all below it.

import CAnax
import LockFree
import Machine

@usableFromInline
package enum Region {
  /// How the reservation becomes memory.
  @usableFromInline
  package enum Opening: UInt64 {
    case inSteps = 0
    /// Strict overcommit: no sooner than needed.
    case chunkByChunk = 1
    /// Where the kernel refuses to change a mapping's protection.
    case atOnce = 2
  }

  /// log2 of the page's bytes: a constant where the architecture has one page size.
  @inlinable @inline(__always)
  package static var pageShift: UInt64 {
    @_noLocks @_noAllocation get {
      #if arch(x86_64)
        return 12
      #else
        return anax_state().pointee.page_shift
      #endif
    }
  }

  @inlinable package static var pagesPerChunk: UInt64 { @_noLocks @_noAllocation get { 512 } }

  @inlinable @_noLocks @_noAllocation
  package static func roundUp(_ value: UInt64, _ multiple: UInt64) -> UInt64 {
    (value &+ multiple &- 1) / multiple &* multiple
  }

  /// The node whose region holds the page.
  @inlinable @_noLocks @_noAllocation
  package static func node(ofPage page: UInt64) -> Int { Int(page >> anax_state().pointee.node_page_shift) }

  @inlinable @_noLocks @_noAllocation
  package static func page(of address: UInt64) -> UInt64 {
    (address &- anax_state().pointee.heap_base) &>> pageShift
  }

  @inlinable @_noLocks @_noAllocation
  package static func address(ofPage page: UInt64) -> UInt64 {
    anax_state().pointee.heap_base &+ page &<< pageShift
  }

  /// Reserves address space of about `nodeBytes` a node (a power of two, halved until all of it is at most `most` bytes
  /// and the kernel agrees; the least there can be is tried whatever `most` says) and sets up the tables.
  @_noLocks @_noAllocation
  package static func make(nodeBytes wanted: UInt64, nodes: UInt64, most: UInt64, opening: Opening) -> Bool {
    let state = anax_state()
    let pageBytes = UInt64(1) << state.pointee.page_shift
    var nodeBytes = wanted
    let least = max(4 << 20, pageBytes &* pagesPerChunk &* 2)
    while nodeBytes >= least {
      let bound = nodeBytes / 2 < least ? .max : most
      if reserveAll(nodeBytes: nodeBytes, nodes: nodes, pageBytes: pageBytes, most: bound, opening: opening) {
        return true
      }
      nodeBytes /= 2
    }
    return false
  }

  @_noLocks @_noAllocation
  static func reserveAll(
    nodeBytes: UInt64, nodes: UInt64, pageBytes: UInt64, most: UInt64, opening: Opening
  ) -> Bool {
    let state = anax_state()
    let layout = RegionLayout(
      nodeBytes: nodeBytes, nodes: nodes, pageBytes: pageBytes, committed: opening == .chunkByChunk)
    if layout.total > most { return false }
    let base = Kernel.reserve(bytes: layout.total, writable: opening == .atOnce)
    if base == 0 { return false }
    let start = roundUp(base, RegionLayout.hugePage)
    // A huge page would fill what is meant to be touched sparsely; large blocks ask for theirs.
    _ = Kernel.advise(start, bytes: layout.metadata &+ layout.heapBytes, MADV_NOHUGEPAGE)
    if opening != .atOnce, !layout.open(at: start) {
      Kernel.unmap(base, bytes: layout.total)
      return false
    }
    layout.setTables(at: start)
    state.pointee.opening = opening.rawValue
    state.pointee.node_count = nodes
    state.pointee.node_page_shift = UInt64(((layout.pages / nodes) as UInt64).trailingZeroBitCount)
    // The locks of a process that forked must not stay taken by threads that the child does not have.
    _ = Kernel.advise(start &+ layout.locks, bytes: roundUp(layout.lockBytes, pageBytes), MADV_WIPEONFORK)
    var node: UInt64 = 0
    while node < nodes {
      let entry = state.pointee.nodes! + Int(node)
      entry.pointee.first_page = node << state.pointee.node_page_shift
      entry.pointee.page_limit = (node &+ 1) << state.pointee.node_page_shift
      node &+= 1
    }
    state.pointee.heap_pages = layout.pages
    return true
  }

  /// Makes chunks below `chunk` of the node writable, and their rows of the tables; where the kernel agrees, some more
  /// than asked.
  @_noLocks @_noAllocation
  static func open(node: UnsafeMutablePointer<anax_node>, chunk: UInt64) -> Bool {
    let state = anax_state()
    let from = AtomicWord(anax_node_committed(node)).loadAcquire()
    if from >= chunk || state.pointee.opening == Opening.atOnce.rawValue { return true }
    if state.pointee.opening == Opening.inSteps.rawValue {
      // 8 MiB first, then twice as much, up to 128 MiB a step.
      let limit = (node.pointee.page_limit &- node.pointee.first_page) / pagesPerChunk
      let ahead = min(max(chunk, from &+ min(max(from, 4), 64)), limit)
      if ahead > chunk, open(node: node, from: from, to: ahead) { return true }
    }
    return open(node: node, from: from, to: chunk)
  }

  @_noLocks @_noAllocation
  static func open(node: UnsafeMutablePointer<anax_node>, from: UInt64, to chunk: UInt64) -> Bool {
    let state = anax_state()
    let committed = AtomicWord(anax_node_committed(node))
    let first = node.pointee.first_page &+ from &* pagesPerChunk
    let end = node.pointee.first_page &+ chunk &* pagesPerChunk
    let shift = state.pointee.page_shift
    let granules = shift >= 14 ? shift &- 14 : 0
    let slabFirst = shift >= 14 ? first << granules : first >> (14 &- shift)
    let slabEnd = shift >= 14 ? end << granules : end >> (14 &- shift)
    let slabStride = UInt64(MemoryLayout<anax_slab>.stride)
    let ok =
      openRows(UInt64(UInt(bitPattern: state.pointee.claimed)), first / 8, end / 8)
      && openRows(UInt64(UInt(bitPattern: state.pointee.touched)), first / 8, end / 8)
      && openRows(UInt64(UInt(bitPattern: state.pointee.recent)), first / 8, end / 8)
      && openRows(UInt64(UInt(bitPattern: state.pointee.page_zones)), first &* 2, end &* 2)
      && openRows(UInt64(UInt(bitPattern: state.pointee.runs)), first &* 8, end &* 8)
      && openRows(UInt64(UInt(bitPattern: state.pointee.slabs)), slabFirst &* slabStride, slabEnd &* slabStride)
      && openRows(UInt64(UInt(bitPattern: state.pointee.longest)), first / 512 &* 8, end / 512 &* 8)
      && openRows(UInt64(UInt(bitPattern: state.pointee.dirty_chunks)), first / 512, end / 512)
      && openRows(UInt64(UInt(bitPattern: state.pointee.huge_chunks)), first / 512, end / 512)
      && openRows(state.pointee.heap_base, first << shift, end << shift)
    if !ok { return false }
    var expected = from
    while expected < chunk && !committed.compareExchange(&expected, chunk) {}
    return true
  }

  @_noLocks @_noAllocation
  static func openRows(_ table: UInt64, _ from: UInt64, _ to: UInt64) -> Bool {
    let page = UInt64(1) << anax_state().pointee.page_shift
    let start = (table &+ from) & ~(page &- 1)
    return Kernel.makeWritable(start, bytes: roundUp(table &+ to, page) &- start)
  }
}
