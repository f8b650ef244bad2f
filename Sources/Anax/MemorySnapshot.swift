// SPDX-License-Identifier: Apache-2.0
// What resident memory is made of, as a value.

import CAnax
import Heap
import LockFree
import Machine
import Pages
import PerCPU
import Zones

/// What the memory of the process is made of, in bytes where nothing else is said.
///
/// Each number is right when it is read; they agree with each other when no thread allocates meanwhile. The resident
/// memory of the heap is at most ``tables`` + ``runs`` + ``used`` + ``cached`` + ``depot`` + ``freeInSlabs`` +
/// ``dirty``: what of it was never touched is not resident.
public struct MemorySnapshot: Sendable, Hashable {
  /// One node's part.
  public struct Node: Sendable, Hashable {
    public let id: Int
    /// Pages in use: slabs, large blocks and page runs.
    public let claimed: Int
    /// Free pages not yet returned to the kernel, with those of ``ready``.
    public let dirty: Int
    /// Of these, single pages, short runs and objects' pages that lie ready on the node's CPUs (`vm.page.cache`).
    public let ready: Int
    /// Returned to the kernel so far.
    public let returned: Int
    /// Free items in the node's depots.
    public let depot: Int
    /// Address space opened so far; pages above were never used.
    public let opened: Int
    /// Pages that were asked of this node and given by another, so far.
    public let servedElsewhere: Int
  }

  /// One CPU's part.
  public struct CPU: Sendable, Hashable {
    /// The CPU id; on rung A the concurrency id, which threads on any CPU may have.
    public let id: Int
    /// Pages taken on this CPU so far, and given back. Approximations: what the CPU did before its cache was opened is
    /// not in it, and a preemption within the few instructions that count loses a count, or leaves up to eight too
    /// many.
    /// A page that is taken from those that lie ready, or put there, counts as well.
    public let pagesTaken: Int
    public let pagesGiven: Int
  }

  /// What the kernel says (smaps_rollup).
  public struct Kernel: Sendable, Hashable {
    /// Resident, with shared pages; and with shared pages divided by their users.
    public let resident: Int
    public let proportional: Int
    /// Resident pages that are no file's.
    public let anonymous: Int
    /// Of these, in transparent huge pages.
    public let hugePages: Int
    /// Locked in memory, and swapped out.
    public let locked: Int
    public let swapped: Int
  }

  /// Which per-CPU mechanism this process is on.
  public enum Rung: String, Sendable, Hashable {
    /// Restartable sequences, indexed by the process's own dense CPU numbers.
    case a = "A"
    /// Restartable sequences, indexed by the CPU.
    case b = "B"
    /// Shards entered by one atomic operation.
    case d = "D"
  }

  /// Reserved address space, the tables included. Not memory.
  public let reserved: Int
  /// Resident part of the tables.
  public let tables: Int
  /// Pages in use by slabs, large blocks and page runs.
  public let claimed: Int
  /// Large blocks and page runs, and how many there are. Runs that have ended and are held are not among them.
  public let runs: Int
  public let runCount: Int
  /// Slabs, of all zones.
  public let slabs: Int
  /// Items that the program has.
  public let used: Int
  /// Free items that lie ready on CPUs.
  public let cached: Int
  /// Free items on their way between CPUs.
  public let depot: Int
  /// Free slots of slabs, and what no slot covers.
  public let freeInSlabs: Int
  /// Free pages not yet returned to the kernel, with those of ``ready``.
  public let dirty: Int
  /// Of these, single pages, short runs and objects' pages that lie ready on CPUs (`vm.page.cache`).
  public let ready: Int
  /// Returned to the kernel so far.
  public let returned: Int
  /// How often all caches were taken back, for a limit or a purge.
  public let reclaims: Int
  public let nodes: [Node]
  /// CPUs that have a cache.
  public let cpus: [CPU]
  /// Zones that have an item or a slab, or were made by the program; the heap's size classes first.
  public let zones: [ZoneStatistics]
  /// The per-CPU mechanism, and why it is this one.
  public let rung: Rung
  public let rungReason: String
  /// Whether the kernel lets caches be taken back from other CPUs.
  public let canReclaimCaches: Bool
  /// The kernel's view of the whole process; nil where it does not say.
  public let kernel: Kernel?

  init() {
    let state = anax_state()
    let shift = Int(state.pointee.page_shift)
    func bytes(_ pages: UInt64) -> Int { pages < 1 << 48 ? Int(pages) << shift : 0 }
    var rows = [ZoneFigures](repeating: ZoneFigures(), count: Int(ANAX_ZONES_MAX))
    let sum = rows.withUnsafeMutableBufferPointer { HeapStatistics.read(zones: $0.baseAddress!) }
    nodes = (0..<Int(state.pointee.node_count)).map { id in
      let entry = Pages.node(id).pointee
      return Node(
        id: id, claimed: bytes(PageCounters.claimed(node: id)), dirty: bytes(PageCounters.dirty(node: id)),
        ready: bytes(PageCounters.readyDirty(node: id)), returned: bytes(entry.purged_pages),
        depot: Int(clamping: Int64(bitPattern: entry.depot_bytes)), opened: bytes(entry.top &* Region.pagesPerChunk),
        servedElsewhere: Int(entry.off_node))
    }
    zones = rows.indices.compactMap { id in
      let row = anax_zone_row(id).pointee
      guard row.state >= 2, row.generation > 0 || rows[id].slots > 0 else { return nil }
      return ZoneStatistics(id: id, rows[id])
    }
    cpus = (0..<Int(state.pointee.block_count)).filter { CacheCensus.isOpen($0) }.map {
      CPU(id: $0, pagesTaken: Int(PageCounters.taken(onCPU: $0)), pagesGiven: Int(PageCounters.given(onCPU: $0)))
    }
    reserved = Int(sum.reserved)
    tables = Int(sum.tables)
    claimed = nodes.reduce(0) { $0 + $1.claimed }
    slabs = zones.reduce(0) { $0 + $1.slabBytes }
    used = Int(sum.used)
    cached = Int(sum.cached)
    depot = Int(sum.depot)
    runs = Int(sum.large)
    runCount = Int(sum.largeBlocks)
    freeInSlabs = max(slabs - used - cached - depot, 0)
    dirty = nodes.reduce(0) { $0 + $1.dirty }
    ready = nodes.reduce(0) { $0 + $1.ready }
    returned = nodes.reduce(0) { $0 + $1.returned }
    reclaims = Int(state.pointee.reclaims)
    rung = Rung(rawValue: String(UnicodeScalar(UInt8(truncatingIfNeeded: state.pointee.rung)))) ?? .d
    rungReason = "\(Ladder.text(ofReason: state.pointee.rung_reason))"
    canReclaimCaches = state.pointee.membarrier != 0 || rung == .d
    kernel = Kernel.read()
  }
}

extension MemorySnapshot.Kernel {
  /// Lines such as `Rss:      1234 kB`.
  static func read() -> Self? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = buffer.withUnsafeMutableBufferPointer {
      Machine.Kernel.readFile("/proc/self/smaps_rollup", into: $0.baseAddress!, count: $0.count)
    }
    guard count > 0 else { return nil }
    var fields: [Substring: Int] = [:]
    for line in String(decoding: buffer.prefix(count), as: UTF8.self).split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 3, words[2] == "kB", let number = Int(words[1]) { fields[words[0].dropLast()] = number * 1024 }
    }
    guard let resident = fields["Rss"] else { return nil }
    return Self(
      resident: resident, proportional: fields["Pss"] ?? 0, anonymous: fields["Anonymous"] ?? 0,
      hugePages: fields["AnonHugePages"] ?? 0, locked: fields["Locked"] ?? 0, swapped: fields["Swap"] ?? 0)
  }
}
