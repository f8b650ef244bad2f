// SPDX-License-Identifier: Apache-2.0
//
// Anax's heap among a process's mappings, as the kernel lists them: found by what its reservation is like, and its
// pages counted by node.
import Testing

@testable import AnaxCommand

/// What the kernel says of a mapping, of so many MiB from an address that is told in MiB.
private func smaps(_ mappings: [(start: UInt, size: UInt, permissions: String, flags: String)]) -> String {
  mappings.map { mapping in
    let (start, end) = (mapping.start << 20, (mapping.start + mapping.size) << 20)
    return """
      \(String(start, radix: 16))-\(String(end, radix: 16)) \(mapping.permissions) 00000000 00:00 0 
      Size:               4096 kB
      Rss:                  12 kB
      VmFlags: mr mw me \(mapping.flags) 

      """
  }.joined()
}

@Suite struct ReservationTests {
  /// 6 MiB of tables, with the locks in the third, then two regions of 16 MiB, of which the second has a large block,
  /// then what was reserved to find a huge page's start.
  static let heap: [(start: UInt, size: UInt, permissions: String, flags: String)] = [
    (1000, 2, "---p", "nr nh"), (1002, 1, "rw-p", "nr wf nh"), (1003, 2, "rw-p", "nr nh"), (1005, 1, "---p", "nr nh"),
    (1006, 8, "rw-p", "nr nh"), (1014, 8, "---p", "nr nh"), (1022, 2, "rw-p", "nr nh"), (1024, 2, "rw-p", "nr hg"),
    (1026, 12, "---p", "nr nh"), (1038, 2, "---p", "nr"),
  ]

  private static func find(
    _ mappings: [(start: UInt, size: UInt, permissions: String, flags: String)], homes: Int = 2
  ) -> [Reservation] {
    Reservation.find(in: ProcessMemory.mappings(smaps(mappings)), homes: homes, pageSize: 4096)
  }

  private static func mebibytes(_ range: Range<UInt>) -> Range<UInt> { range.lowerBound << 20..<range.upperBound << 20 }

  static let found = Reservation(tables: mebibytes(1000..<1006), heap: mebibytes(1006..<1038))

  @Test func theHeapIsFound() {
    #expect(Self.find(Self.heap) == [Self.found])
    #expect(Self.find(Self.heap, homes: 1) == [Self.found])
    // A mapping before it that looks alike, and others that do not touch it or are not advised.
    #expect(
      Self.find([(900, 1, "rw-p", "nh"), (997, 3, "rw-p", "ac"), (998, 2, "rw-p", "ac nh")] + Self.heap).map(\.heap)
        == [Self.found.heap])
    // Stacks of threads.
    #expect(Self.find([(991, 1, "---p", "nh"), (992, 8, "rw-p", "ac nh")] + Self.heap) == [Self.found])
    // Nothing of it has been asked for yet.
    let unused = Array(Self.heap.prefix(3)) + [(1005, 33, "---p", "nr nh"), (1038, 2, "---p", "nr")]
    #expect(Self.find(unused) == [Self.found])
  }

  /// What touches the tables is taken for them.
  @Test func strictOvercommit() {
    let strict = Self.heap.map { ($0.start, $0.size, $0.permissions, $0.flags.replacing("nr", with: "ac")) }
    #expect(Self.find(strict) == [Self.found])
    let found = Self.find([(991, 1, "---p", "nh"), (992, 8, "rw-p", "ac nh")] + strict)
    #expect(found == [Reservation(tables: Self.mebibytes(991..<1006), heap: Self.found.heap)])
  }

  /// Tables that are larger than the heap: the number of bytes alone would tell another beginning.
  @Test func smallHeapBehindLargeTables() {
    let small: [(start: UInt, size: UInt, permissions: String, flags: String)] = [
      (1000, 2, "rw-p", "nr nh"), (1002, 1, "rw-p", "nr wf nh"), (1003, 7, "rw-p", "nr nh"), (1010, 2, "rw-p", "nr nh"),
      (1012, 2, "---p", "nr nh"),
    ]
    #expect(
      Self.find(small, homes: 1)
        == [Reservation(tables: Self.mebibytes(1000..<1010), heap: Self.mebibytes(1010..<1014))])
  }

  /// No mapping begins where the heap does, and a larger one would have room: but not behind the locks.
  @Test func theHeapIsBehindTheLocks() {
    #expect(
      Self.find([(1000, 8, "rw-p", "nr nh"), (1008, 1, "rw-p", "nr wf nh"), (1009, 5, "rw-p", "nr nh")], homes: 1)
        == [Reservation(tables: Self.mebibytes(1000..<1010), heap: Self.mebibytes(1010..<1014))])
  }

  /// Where the kernel lets no protection be changed, all of it is one mapping but for the locks.
  @Test func oneMapping() {
    #expect(
      Self.find([(1000, 2, "rw-p", "nr nh"), (1002, 1, "rw-p", "nr nh wf"), (1003, 35, "rw-p", "nr nh")]) == [
        Self.found
      ])
  }

  @Test func threeHomes() {
    let three = Self.find(
      [
        (1000, 2, "rw-p", "nh"), (1002, 1, "rw-p", "wf nh"), (1003, 3, "---p", "nh"), (1006, 2, "rw-p", "nh"),
        (1008, 46, "---p", "nh"),
      ], homes: 3)
    #expect(three == [Reservation(tables: Self.mebibytes(1000..<1006), heap: Self.mebibytes(1006..<1054))])
  }

  @Test func twoHeapsInOneProcess() {
    let second = Self.heap.map { ($0.start + 200, $0.size, $0.permissions, $0.flags) }
    let found = Self.find(Self.heap + second)
    #expect(found.map(\.heap) == [Self.found.heap, Self.mebibytes(1206..<1238)])
  }

  /// A page that another library has wiped in children; locks without a heap behind them; a heap without locks.
  @Test func whatIsNoHeap() {
    #expect(Self.find([]) == [])
    #expect(Self.find([(1000, 1, "rw-p", "ac wf"), (1001, 64, "rw-p", "ac nh")]) == [])
    #expect(Self.find([(1000, 2, "rw-p", "nh wf")]) == [])
    #expect(Self.find([(1000, 1, "rw-p", "nh wf"), (1001, 2, "rw-p", "nh")]) == [])
    #expect(
      Self.find(Self.heap.map { ($0.start, $0.size, $0.permissions, $0.flags == "nr wf nh" ? "nr nh" : $0.flags) })
        == [])
    #expect(Self.find(Self.heap.map { ($0.start, $0.size, $0.permissions, "nr") }) == [])
  }

  @Test func mappingsAreRead() {
    let text = """
      00400000-0040b000 r-xp 00000000 fd:01 1234                               /usr/bin/a file
      Rss:                  40 kB
      VmFlags: rd ex mr mw me
      7f0000000000-7f0000200000 rw-p 00000000 00:00 0
      Rss:                1024 kB
      AnonHugePages:         0 kB
      VmFlags: rd wr mr mw me nr hg wf
      nonsense
      7f00-7e00 rw-p 00000000 00:00 0
      7f0000200000-7f0000300000 rw-p 00000000 00:01 99 /dev/zero (deleted)
      VmFlags: rd wr sh nh
      """
    #expect(
      ProcessMemory.mappings(text) == [
        .init(
          addresses: 0x400000..<0x40b000, isAnonymous: false, isAdvisedOnHugePages: false, isUnclaimed: false,
          isWipedOnFork: false,
          residentBytes: 40 << 10),
        .init(
          addresses: 0x7f00_0000_0000..<0x7f00_0020_0000, isAnonymous: true, isAdvisedOnHugePages: true,
          isUnclaimed: true, isWipedOnFork: true, residentBytes: 1 << 20),
        .init(
          addresses: 0x7f00_0020_0000..<0x7f00_0030_0000, isAnonymous: false, isAdvisedOnHugePages: true,
          isUnclaimed: false, isWipedOnFork: false, residentBytes: 0),
      ])
  }

  @Test func pagesAreRead() {
    let text = """
      00400000 default file=/usr/N0=9/a\\040file mapped=7 N0=3 N1=4 kernelpagesize_kB=4
      7f0000000000 prefer (many):0-1 anon=5 dirty=5 N12=5 kernelpagesize_kB=4
      7f0000200000 bind:1 huge dirty=2 N1=2 kernelpagesize_kB=2048
      7f0000600000 default
      nonsense N0=4
      7f0000700000 default N0=99999999999999999999 N1=x N=3 N2=1
      """
    #expect(
      ProcessMemory.pages(text, pageSize: 4096) == [
        0x400000: [0: 3, 1: 4], 0x7f00_0000_0000: [12: 5], 0x7f00_0020_0000: [1: 1024], 0x7f00_0060_0000: [:],
        0x7f00_0070_0000: [2: 1],
      ])
  }

  private static func picture(
    _ pages: [UInt: [Int: Int]], nodes: @escaping ([UInt]) -> [Int]? = { _ in nil }
  ) -> HeapPicture? {
    let mappings = ProcessMemory.mappings(smaps([(100, 1, "rw-p", "ac")] + heap))
    let bytes = Dictionary(uniqueKeysWithValues: pages.map { ($0.key << 20, $0.value) })
    return HeapPicture(ProcessMemory(mappings: mappings, pages: bytes), homes: 2, pageSize: 4096, nodes: nodes)
  }

  @Test func pagesAreCountedWhereTheyLie() throws {
    let picture = try #require(
      Self.picture([
        100: [0: 9, 1: 1], 1000: [0: 1], 1002: [1: 2], 1003: [1: 3], 1006: [0: 40, 1: 5], 1022: [1: 6], 1024: [0: 512],
        // A mapping that came since the others were listed.
        5000: [0: 2],
      ]))
    #expect(
      picture.regions == [
        .init(home: 0, addresses: Self.mebibytes(1006..<1022), pages: [0: 40, 1: 5]),
        .init(home: 1, addresses: Self.mebibytes(1022..<1038), pages: [0: 512, 1: 6]),
      ])
    #expect(picture.surroundings == .init(tables: [0: 1, 1: 5], other: [0: 11, 1: 1]))
  }

  /// Tables and both regions in one mapping: each page is asked for.
  @Test func pagesOfAMappingOverSeveralRegions() throws {
    let mappings = ProcessMemory.mappings(
      smaps([(1000, 2, "rw-p", "nr nh"), (1002, 1, "rw-p", "nr nh wf"), (1003, 35, "rw-p", "nr nh")]))
    let memory = ProcessMemory(mappings: mappings, pages: [1003 << 20: [0: 100, 1: 30]])
    // Every 64th page is in memory; those from 1020 MiB on are on node 1.
    let told = try #require(
      HeapPicture(memory, homes: 2, pageSize: 4096) { pages in
        pages.map { $0 / 4096 % 64 == 0 ? ($0 < 1020 << 20 ? 0 : 1) : -2 }
      })
    #expect(told.surroundings == .init(tables: [0: 3 * 4]))
    #expect(told.regions.map(\.pages) == [[0: 14 * 4, 1: 2 * 4], [1: 16 * 4]])
    // Where the kernel does not tell, nothing is lost.
    let untold = try #require(HeapPicture(memory, homes: 2, pageSize: 4096) { _ in nil })
    #expect(untold.regions.map(\.pages) == [[:], [0: 100, 1: 30]] && untold.surroundings == .init())
    #expect(told.warnings.isEmpty && untold.warnings.count == 1)
  }

  /// The mapping over both regions was cut into three after it was listed: each page is asked for once.
  @Test func aMappingThatIsCutMeanwhile() throws {
    let mappings = ProcessMemory.mappings(
      smaps([(1000, 2, "rw-p", "nr nh"), (1002, 1, "rw-p", "nr nh wf"), (1003, 35, "rw-p", "nr nh")]))
    let memory = ProcessMemory(
      mappings: mappings, pages: [1003 << 20: [0: 100], 1022 << 20: [0: 5], 1024 << 20: [0: 7]])
    var asked: [UInt] = []
    let told = try #require(
      HeapPicture(memory, homes: 2, pageSize: 4096) { pages in
        asked += pages
        return pages.map { _ in 0 }
      })
    #expect(asked.count == Set(asked).count && asked.count == 19 << 8)
    // The first piece lies in tables and the first region.
    #expect(told.surroundings == .init(tables: [0: 3 << 8]))
    #expect(told.regions.map(\.pages) == [[0: 16 << 8], [0: 12]])
  }

  @Test func withoutAHeapThereIsNoPicture() {
    let mappings = ProcessMemory.mappings(smaps([(100, 1, "rw-p", "ac")]))
    #expect(HeapPicture(ProcessMemory(mappings: mappings, pages: [:]), homes: 1, pageSize: 4096) { _ in nil } == nil)
  }
}
