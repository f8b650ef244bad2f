// SPDX-License-Identifier: Apache-2.0
//
// Anax's heap in another process, found by what its reservation is like (Region, RegionLayout), since the kernel need
// not keep names for mappings. All of it was reserved without a claim to memory, and declines huge pages, or asks for
// them where large blocks are; behind the heap some address space follows that was never advised. One mapping in it is
// wiped in a forked child: the shards' locks, among the tables. The heap is the end of it: a region for each home, of a
// power of two bytes, and it begins where a mapping begins, behind the tables.
// Stacks of threads decline huge pages too (Linux 6.7), and may lie right before it, with a claim to memory. Under
// strict overcommit there is no such difference, and stacks that touch the tables are counted as tables.
//
// What changes there changes here: the tests of the command find the heap of a process that has the present layout.
import CAnax
import Machine

struct Reservation: Hashable {
  var tables: Range<UInt>
  var heap: Range<UInt>

  /// Of all mappings of a process, whose engine has so many homes.
  static func find(in mappings: [ProcessMemory.Mapping], homes: Int, pageSize: Int) -> [Reservation] {
    var found: [Reservation] = []
    for index in mappings.indices where mappings[index].isWipedOnFork && belongs(mappings[index], to: mappings[index]) {
      let locks = mappings[index]
      var (first, last) = (index, index)
      while first > 0, belongs(mappings[first - 1], to: locks), touches(mappings[first - 1], mappings[first]) {
        first -= 1
      }
      while last + 1 < mappings.count, belongs(mappings[last + 1], to: locks),
        touches(mappings[last], mappings[last + 1])
      {
        last += 1
      }
      let begins = Set(mappings[index...last].map(\.addresses.lowerBound))
      let all = mappings[first].addresses.lowerBound..<mappings[last].addresses.upperBound
      if let base = base(in: all, behind: locks.addresses.upperBound, begins, homes, pageSize) {
        found.append(Reservation(tables: all.lowerBound..<base, heap: base..<all.upperBound))
      }
    }
    return found
  }

  /// Where the heap begins; nil: this is none.
  private static func base(
    in all: Range<UInt>, behind locks: UInt, _ begins: Set<UInt>, _ homes: Int, _ pageSize: Int
  ) -> UInt? {
    let hugePage: UInt = 2 << 20
    if all.upperBound % hugePage != 0 { return nil }
    // Two chunks at least; the largest that leaves room for the tables, if it begins with a mapping.
    var nodeBytes = max(2 * hugePage, UInt(pageSize) * 1024)
    var (base, fallback): (UInt?, UInt?)
    while let heap = Optional(nodeBytes.multipliedReportingOverflow(by: UInt(homes))), !heap.overflow,
      heap.partialValue < UInt(all.count), all.upperBound - heap.partialValue >= locks
    {
      fallback = all.upperBound - heap.partialValue
      if begins.contains(all.upperBound - heap.partialValue) { base = fallback }
      nodeBytes *= 2
    }
    return base ?? fallback
  }

  private static func belongs(_ mapping: ProcessMemory.Mapping, to locks: ProcessMemory.Mapping) -> Bool {
    mapping.isAnonymous && mapping.isAdvisedOnHugePages && mapping.isUnclaimed == locks.isUnclaimed
  }

  private static func touches(_ low: ProcessMemory.Mapping, _ high: ProcessMemory.Mapping) -> Bool {
    low.addresses.upperBound == high.addresses.lowerBound
  }
}

extension HeapPicture {
  /// nil: there is no heap of Anax's. `nodes` tells the node of each page of a mapping that lies in more than one area,
  /// below 0 where it is not in memory; where it does not tell, they count for the last of the areas.
  init?(_ memory: ProcessMemory, homes: Int, pageSize: Int, nodes: ([UInt]) -> [Int]?) {
    let reservations = Reservation.find(in: memory.mappings, homes: homes, pageSize: pageSize)
    if reservations.isEmpty { return nil }
    var tables = reservations.map { Region(home: -1, addresses: $0.tables) }
    var regions = reservations.flatMap { reservation in
      let bytes = UInt(reservation.heap.count / homes)
      return (0..<homes).map { home in
        let start = reservation.heap.lowerBound + UInt(home) * bytes
        return Region(home: home, addresses: start..<start + bytes)
      }
    }
    var areas = tables + regions
    var other: Pages = [:]
    var warnings: [String] = []
    let addresses = memory.pages.keys.sorted()
    for (index, address) in addresses.enumerated() {
      guard let counts = memory.pages[address], !counts.isEmpty else { continue }
      // A mapping may have been cut since it was listed: no page is counted with two of its pieces.
      let next = index + 1 < addresses.count ? addresses[index + 1] : .max
      let mapping = address..<min(next, memory.mapping(at: address)?.addresses.upperBound ?? address + 1)
      let mine = areas.indices.filter { areas[$0].addresses.overlaps(mapping) }
      guard let first = mine.first else {
        other = other + counts
        continue
      }
      guard mine.count > 1 else {
        areas[first].pages = areas[first].pages + counts
        continue
      }
      let parts = mine.compactMap { Self.count(areas[$0].addresses.clamped(to: mapping), pageSize, nodes) }
      if parts.count == mine.count {
        for (index, part) in zip(mine, parts) { areas[index].pages = areas[index].pages + part }
      } else {
        areas[mine.last!].pages = areas[mine.last!].pages + counts
        warnings = ["the kernel does not tell page by page where they lie: some may be drawn with another home"]
      }
    }
    tables = Array(areas[..<tables.count])
    regions = Array(areas[tables.count...])
    self.init(
      regions: regions.sorted { ($0.home, $0.addresses.lowerBound) < ($1.home, $1.addresses.lowerBound) },
      warnings: warnings,
      surroundings: Surroundings(tables: tables.reduce([:]) { $0 + $1.pages }, other: other))
  }

  /// Page by page.
  private static func count(_ addresses: Range<UInt>, _ pageSize: Int, _ nodes: ([UInt]) -> [Int]?) -> Pages? {
    var pages: Pages = [:]
    var start = addresses.lowerBound
    while start < addresses.upperBound {
      let end = min(addresses.upperBound, start + UInt(pageSize) << 12)
      guard let told = nodes(Array(stride(from: start, to: end, by: pageSize))) else { return nil }
      for node in told where node >= 0 { pages[node, default: 0] += 1 }
      start = end
    }
    return pages
  }

  /// Which node each page of the process lies on; nil where the kernel does not say.
  static func nodes(of process: Int32, pages: [UInt]) -> [Int]? {
    var status = [Int32](repeating: -1, count: pages.count)
    let result = pages.withUnsafeBufferPointer { pages in
      status.withUnsafeMutableBufferPointer { status in
        Kernel.call(
          anax_sys_move_pages, Int(process), pages.count, Int(bitPattern: pages.baseAddress), 0,
          Int(bitPattern: status.baseAddress), 0)
      }
    }
    return Kernel.failed(result) ? nil : status.map { Int($0) }
  }
}
