// SPDX-License-Identifier: Apache-2.0
// Where free pages are looked for: lowest chunk first (so that the heap stays dense and whole chunks fall free), inside
// a chunk from the CPU's own word on (long runs: from the first), colored pages in the order of their queues. Hints
// only shorten the search: a node's cursors (no lower chunk had a run of 2^i pages) and a chunk's bound on its free
// runs. A cursor may be wrong: before the heap grows, the search starts over from the bottom without cursors. A bound
// may not: what it hides nobody finds.
//
// Bound on a chunk's free runs (64 bits): 0...9 = 512 minus the bound, 10...63 = version, one more at each release.
//
// | transition | by | order |
// |---|---|---|
// | bound lowered, version as it was read before the search | a searcher that found nothing in the chunk | CAS, acquire and release |
// | bound 512, version + 1 | who released pages, or gave back a claim that failed midway, after the bits | CAS, acquire and release |
// So a searcher never overwrites the news of a release that it did not see: the version would have to come round within
// its search, after 2^54 releases. A thread stopped between bits and news hides what it released until the next release
// in that chunk, at most 512 pages. Model: Tests/ModelTests/HintModelTests.

import CAnax
import LockFree

@usableFromInline
package enum PageSearch {
  @usableFromInline static var none: UInt64 { @_noLocks @_noAllocation get { ~0 } }

  @_noLocks @_noAllocation
  static func bound(chunk: UInt64) -> AtomicWord { AtomicWord(anax_state().pointee.longest! + Int(chunk)) }

  /// What is looked for in a chunk.
  enum Wanted {
    /// Consecutive pages, fewer than `longRun`.
    case run(UInt64)
    /// A power of two up to 64, at a multiple of itself.
    case aligned(UInt64)
    /// One page, in the nearest queue to this one that has any.
    case colored(UInt64)
    /// So many pages of one word, or fewer, and at least one.
    case several(UInt64)

    var count: UInt64 {
      @_noLocks @_noAllocation get {
        switch self {
        case .run(let count), .aligned(let count): count
        case .colored, .several: 1
        }
      }
    }
  }

  /// Claims `count` pages on the node; `aligned` wants a power of two up to 64 at a multiple of itself. The first page,
  /// or nil.
  @_noLocks @_noAllocation
  static func claim(node: UnsafeMutablePointer<anax_node>, count: UInt64, aligned: Bool, cpu: UInt64) -> UInt64? {
    if aligned { return claim(node: node, .aligned(count), cpu: cpu) }
    return count < longRun ? claim(node: node, .run(count), cpu: cpu) : claimLong(node: node, count: count, cpu: cpu)
  }

  @_noLocks @_noAllocation
  static func claim(node: UnsafeMutablePointer<anax_node>, _ wanted: Wanted, cpu: UInt64) -> UInt64? {
    var bits: UInt64 = 0
    return claim(node: node, wanted, cpu: cpu, &bits)
  }

  /// As above; `bits` is what was claimed of the page's word, where several were wanted.
  @_noLocks @_noAllocation
  static func claim(
    node: UnsafeMutablePointer<anax_node>, _ wanted: Wanted, cpu: UInt64, _ bits: inout UInt64
  ) -> UInt64? {
    let size = 63 &- wanted.count.leadingZeroBitCount
    let cursor = AtomicWord(anax_node_cursors(node) + size)
    var round = 0
    while true {
      let from = round == 0 ? cursor.loadRelaxed() : 0
      let top = AtomicWord(anax_node_top(node)).loadAcquire()
      var chunk = from
      var lost = false
      while chunk < top {
        if let page = claim(node: node, chunk: chunk, wanted, cpu: cpu, lost: &lost, &bits) {
          var expected = from
          if chunk > from { _ = cursor.compareExchange(&expected, chunk) }
          return page
        }
        chunk &+= 1
      }
      // Where races were lost there was room, and may be again.
      if from > 0 || lost {
        round = 1
        continue
      }
      if !grow(node: node, from: top, chunks: 1) { return nil }
      round = 0
    }
  }

  /// As above in one chunk. `lost`: it gave up there, after it had lost some races for room.
  @_noLocks @_noAllocation
  static func claim(
    node: UnsafeMutablePointer<anax_node>, chunk: UInt64, _ wanted: Wanted, cpu: UInt64, lost: inout Bool,
    _ bits: inout UInt64
  ) -> UInt64? {
    let index = node.pointee.first_page / Region.pagesPerChunk &+ chunk
    let bound = bound(chunk: index)
    var before = bound.loadAcquire()
    if 512 &- (before & 1023) < wanted.count { return nil }
    let word = index &* 8
    // What no free run can be longer than, where nothing is found.
    let longest: UInt64
    switch wanted {
    case .colored(let start):
      if let page = claimColored(chunk: index, start: start, cpu: cpu) { return page }
      longest = 0
    case .several(let most):
      if let page = claimSeveral(chunk: index, most: most, cpu: cpu, &bits) { return page }
      longest = 0
    case .aligned(let count):
      var step: UInt64 = 0
      while step < 8 {
        if let page = PageBitmap.claimGroup(word: word &+ ((step &+ PageQueue.word(cpu: cpu)) & 7), count: count) {
          return page
        }
        step &+= 1
      }
      // It says nothing of unaligned runs, but that no run of twice the length less one is left.
      longest = min(count &* 2 &- 2, 512)
    case .run(let count):
      var attempts = 0
      // The words in the `runs` table of runs that CPUs hold ready are then on lines of their own. What begins before
      // the CPU's own word of the bitmap ends in it at the latest: it is shorter.
      let own = word &+ PageQueue.word(cpu: cpu)
      while let page = PageBitmap.findRun(from: own, to: word &+ 8, count: count)
        ?? (own > word ? PageBitmap.findRun(from: word, to: own &+ 1, count: count) : nil)
      {
        if claimExactly(page: page, count: count) { return page }
        attempts &+= 1
        if attempts == 8 {
          lost = true
          return nil
        }
      }
      longest = count &- 1
    }
    if longest < 512 &- (before & 1023) { _ = bound.compareExchange(&before, before & ~1023 | (512 &- longest)) }
    return nil
  }

  /// One page of the chunk, from queue `start` on and widening nearest first. Each page was seen taken before it gives
  /// up: so none is free, but for those whose release is news.
  @_noLocks @_noAllocation
  static func claimColored(chunk index: UInt64, start: UInt64, cpu: UInt64) -> UInt64? {
    var step: UInt64 = 0
    while step < 64 {
      let queue = PageQueue.widen(start, step)
      var turn: UInt64 = 0
      while turn < 8 {
        let word = index &* 8 &+ ((turn &+ PageQueue.word(cpu: cpu)) & 7)
        let bit = UInt64(1) &<< PageQueue.bit(ofQueue: queue, word: word)
        let claimed = PageBitmap.claimedWord(word)
        if claimed.loadRelaxed() & bit == 0, claimed.claim(bits: bit) & bit == 0 {
          return word &* 64 &+ UInt64(bit.trailingZeroBitCount)
        }
        turn &+= 1
      }
      step &+= 1
    }
    return nil
  }

  /// Claims exactly this run, or nothing. What it held for a moment another search may have missed, and have noted that
  /// down in a hint: so the hints are told.
  @_noLocks @_noAllocation
  static func claimExactly(page: UInt64, count: UInt64) -> Bool {
    if PageBitmap.claim(page: page, count: count) { return true }
    noteRelease(node: Pages.node(Region.node(ofPage: page)), page: page, count: count)
    return false
  }

  /// Opens chunks at the top of the node's region. False: the region or the memory is at its end.
  @_noLocks @_noAllocation
  static func grow(node: UnsafeMutablePointer<anax_node>, from top: UInt64, chunks: UInt64) -> Bool {
    let limit = (node.pointee.page_limit &- node.pointee.first_page) / Region.pagesPerChunk
    if chunks > limit || top > limit &- chunks { return false }
    if !Region.open(node: node, chunk: top &+ chunks) { return false }
    if chunks == 1 { HugePages.decline(page: node.pointee.first_page &+ top &* Region.pagesPerChunk) }
    var expected = top
    _ = AtomicWord(anax_node_top(node)).compareExchange(&expected, top &+ chunks)
    return true
  }

  /// News of a release, for those who search.
  @_noLocks @_noAllocation
  static func noteRelease(node: UnsafeMutablePointer<anax_node>, page: UInt64, count: UInt64) {
    let first = page / Region.pagesPerChunk
    let last = (page &+ count &- 1) / Region.pagesPerChunk
    var chunk = first
    while chunk <= last {
      let bound = bound(chunk: chunk)
      var value = bound.loadRelaxed()
      while !bound.compareExchange(&value, (value & ~1023) &+ 1024) {}
      DirtyChunk.mark(chunk)
      chunk &+= 1
    }
    let lowest = first &- node.pointee.first_page / Region.pagesPerChunk
    var size = 0
    while size < 12 {
      let cursor = AtomicWord(anax_node_cursors(node) + size)
      var value = cursor.loadRelaxed()
      while value > lowest && !cursor.compareExchange(&value, lowest) {}
      size &+= 1
    }
  }
}
