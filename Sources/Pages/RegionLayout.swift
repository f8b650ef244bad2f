// SPDX-License-Identifier: Apache-2.0
// Where each table lies in the reservation, before the heap's pages. Arithmetic for the one thread that starts the
// engine; nothing of it changes afterwards. First come the tables with rows for chunks, pages and slabs, which Region
// opens as the heap grows; then those that are writable from the start.

import CAnax
import Machine
import PerCPU

struct RegionLayout {
  let heapBytes: UInt64
  let pages: UInt64
  private let batches: UInt64
  private let blockBytes: UInt64
  private let blockCount: UInt64
  let lockBytes: UInt64
  // Offsets in bytes from the start.
  private let bits: UInt64
  private let pageZones: UInt64
  private let runs: UInt64
  private let slabs: UInt64
  private let longest: UInt64
  private let dirty: UInt64
  private let huge: UInt64
  private let perChunkEnd: UInt64
  private let zones: UInt64
  private let homes: UInt64
  private let nodeTable: UInt64
  private let batchTable: UInt64
  let locks: UInt64
  private let blocks: UInt64
  private let shards: UInt64
  private let end: UInt64
  /// Where the heap's pages begin.
  let metadata: UInt64

  static var hugePage: UInt64 { @_noLocks @_noAllocation get { 2 << 20 } }

  /// Bytes to reserve, so that a start at a huge page can be found.
  var total: UInt64 { @_noLocks @_noAllocation get { metadata &+ heapBytes &+ RegionLayout.hugePage } }

  /// `committed`: to reserve costs memory.
  @_noLocks @_noAllocation
  init(nodeBytes: UInt64, nodes: UInt64, pageBytes: UInt64, committed: Bool) {
    let cpus = anax_state().pointee.cpu_count
    heapBytes = nodeBytes &* nodes
    pages = heapBytes / pageBytes
    let chunks = pages / Region.pagesPerChunk
    // 128 KiB of items a zone and node: more are never needed at once by far.
    batches = 2048 &* nodes
    blockBytes = UInt64(ANAX_CPU_BLOCK_BYTES) &* nodes
    blockCount = CPUBlocks.count(cpus: cpus, nodes: nodes, committed: committed)
    // Shards, blocks, the epoch, and the stacks of ready pages.
    lockBytes = (cpus &+ blockCount &* 2 &+ 1) &* 8
    var offset: UInt64 = 0
    bits = RegionLayout.place(&offset, pages / 8 &* 3)
    pageZones = RegionLayout.place(&offset, pages &* 2)
    runs = RegionLayout.place(&offset, pages &* 8)
    let slabBytes = UInt64(MemoryLayout<anax_slab>.stride)
    slabs = RegionLayout.place(&offset, (heapBytes >> UInt64(ANAX_SLAB_SHIFT_MIN)) &* slabBytes)
    longest = RegionLayout.place(&offset, chunks &* 8)
    dirty = RegionLayout.place(&offset, chunks)
    huge = RegionLayout.place(&offset, chunks)
    perChunkEnd = offset
    zones = RegionLayout.place(&offset, UInt64(ANAX_ZONES_MAX) &* UInt64(MemoryLayout<anax_zone>.stride))
    let homeBytes = UInt64(ANAX_ZONES_MAX) &* UInt64(MemoryLayout<anax_home>.stride)
    homes = RegionLayout.place(&offset, nodes &* homeBytes)
    nodeTable = RegionLayout.place(&offset, nodes &* UInt64(MemoryLayout<anax_node>.stride))
    batchTable = RegionLayout.place(&offset, batches &* UInt64(MemoryLayout<anax_batch>.stride))
    locks = RegionLayout.place(&offset, lockBytes)
    blocks = RegionLayout.place(&offset, blockCount &* 2 &* blockBytes)
    shards = RegionLayout.place(&offset, cpus &* blockBytes)
    end = offset
    metadata = Region.roundUp(offset, RegionLayout.hugePage)
  }

  /// The next table's offset: page-aligned, so that each can be opened or advised alone.
  @_noLocks @_noAllocation
  private static func place(_ offset: inout UInt64, _ bytes: UInt64) -> UInt64 {
    let at = offset
    offset = Region.roundUp(offset &+ bytes, 1 << UInt64(ANAX_PAGE_SHIFT_MAX))
    return at
  }

  /// Makes writable what is so from the start, and readable what a wild pointer may ask. False: the kernel refuses.
  @_noLocks @_noAllocation
  func open(at start: UInt64) -> Bool {
    Kernel.makeWritable(start &+ perChunkEnd, bytes: end &- perChunkEnd)
      && Kernel.makeReadable(start &+ pageZones, bytes: slabs &- pageZones)
  }

  /// Tells the engine where its tables are.
  @_noLocks @_noAllocation
  func setTables(at start: UInt64) {
    func table(_ offset: UInt64) -> UnsafeMutableRawPointer? {
      UnsafeMutableRawPointer(bitPattern: UInt(start &+ offset))
    }
    let state = anax_state()
    state.pointee.claimed = table(bits)?.assumingMemoryBound(to: UInt64.self)
    state.pointee.touched = table(bits &+ pages / 8)?.assumingMemoryBound(to: UInt64.self)
    state.pointee.recent = table(bits &+ pages / 8 &* 2)?.assumingMemoryBound(to: UInt64.self)
    state.pointee.page_zones = table(pageZones)?.assumingMemoryBound(to: UInt16.self)
    state.pointee.runs = table(runs)?.assumingMemoryBound(to: UInt64.self)
    state.pointee.slabs = table(slabs)?.assumingMemoryBound(to: anax_slab.self)
    state.pointee.longest = table(longest)?.assumingMemoryBound(to: UInt64.self)
    state.pointee.dirty_chunks = table(dirty)?.assumingMemoryBound(to: UInt8.self)
    state.pointee.huge_chunks = table(huge)?.assumingMemoryBound(to: UInt8.self)
    state.pointee.zones = table(zones)?.assumingMemoryBound(to: anax_zone.self)
    state.pointee.homes = table(homes)?.assumingMemoryBound(to: anax_home.self)
    state.pointee.nodes = table(nodeTable)?.assumingMemoryBound(to: anax_node.self)
    state.pointee.batches = table(batchTable)?.assumingMemoryBound(to: anax_batch.self)
    state.pointee.shard_locks = table(locks)?.assumingMemoryBound(to: UInt64.self)
    state.pointee.blocks_base = start &+ blocks
    state.pointee.shards_base = start &+ shards
    state.pointee.block_bytes = blockBytes
    state.pointee.block_count = blockCount
    state.pointee.batch_limit = batches
    state.pointee.reservation = total
    state.pointee.heap_base = start &+ metadata
  }
}
