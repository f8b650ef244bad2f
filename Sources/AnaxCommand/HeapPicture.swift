// SPDX-License-Identifier: Apache-2.0
//
// What Anax has in a process: the region of each home with its pages by node. Of this process, which the engine in it
// tells, or of another (HeapPicture+Process).
import Anax

struct HeapPicture: Hashable {
  /// Pages in memory, by the node they lie on.
  typealias Pages = [Int: Int]

  struct Region: Hashable {
    var home: Int
    var addresses: Range<UInt>
    /// Empty where nothing is in memory, or the kernel does not say.
    var pages: Pages = [:]
  }

  /// By home. A process that has the library preloaded and linked has two of each.
  var regions: [Region]
  var warnings: [String] = []
  /// Of another process.
  var surroundings: Surroundings?

  /// What a process has in memory besides.
  struct Surroundings: Hashable {
    /// The engine's own tables.
    var tables: Pages = [:]
    /// All else: programs, files, stacks, other allocators' memory.
    var other: Pages = [:]
  }

  static func current() -> HeapPicture {
    let placement = Memory.placement()
    let isTold = !placement.isEmpty || Memory.regions.isEmpty
    return HeapPicture(
      regions: Memory.regions.enumerated().map { home, addresses in
        let row = home < placement.count ? placement[home] : []
        let pages = row.enumerated().filter { $0.element > 0 }.map { ($0.offset, $0.element) }
        return Region(home: home, addresses: addresses, pages: Dictionary(uniqueKeysWithValues: pages))
      },
      warnings: isTold ? [] : ["the kernel does not tell where pages lie: it has no nodes, or a sandbox denies it"])
  }

  func regions(home: Int) -> [Region] { regions.filter { $0.home == home } }
}

extension HeapPicture.Pages {
  /// By node, rising.
  var rows: [(node: Int, count: Int)] { sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }

  static func + (left: Self, right: Self) -> Self { left.merging(right) { $0 + $1 } }
}
