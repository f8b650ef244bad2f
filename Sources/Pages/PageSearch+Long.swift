// SPDX-License-Identifier: Apache-2.0
// The search for long runs, which may cross chunks, and for runs at a multiple of many pages. Neither lowers a bound;
// only runs without a wish for their start raise a cursor. All that is claimed is the run itself: what lies before an
// aligned start stays free.
// Protocol and hints: PageSearch.

import CAnax
import LockFree
import Machine

extension PageSearch {
  /// Runs from here up may cross chunks: where chunks do not cut the sequence, successive runs of an odd number of
  /// pages begin at different page numbers modulo every power of two.
  static var longRun: UInt64 { @_noLocks @_noAllocation get { 40 } }

  /// `count` pages on the node, the first at a multiple of `step` pages of the address space, a power of two. The first
  /// page, or nil.
  ///
  /// Each race lost was won by another, so that some thread always comes to its end. Who has lost some looks elsewhere,
  /// from a chunk of its CPU's own on: all who search find the same room first.
  @_noLocks @_noAllocation
  static func claimLong(
    node: UnsafeMutablePointer<anax_node>, count: UInt64, step: UInt64 = 1, cpu: UInt64
  ) -> UInt64? {
    // Whole chunks begin at a chunk, so that huge pages can serve them.
    let wholeChunks = count >= Region.pagesPerChunk && Tunable.pageHuge.value != 0
    let step = wholeChunks && step > 1 ? max(step, Region.pagesPerChunk) : step
    let cursor = AtomicWord(anax_node_cursors(node) + min(63 &- count.leadingZeroBitCount, 11))
    var fromBottom = false
    var losses: UInt64 = 0
    while true {
      let top = AtomicWord(anax_node_top(node)).loadAcquire()
      let lowest = cursor.loadRelaxed()
      // Steps of the golden ratio: CPUs, and the losses of one, begin far from each other.
      let elsewhere = (((cpu &+ losses) &* 0x9E37_79B1 & 0xffff_ffff) &* top) &>> 32
      let from = fromBottom ? 0 : losses < 4 ? lowest : elsewhere
      let found =
        wholeChunks && step == 1
        ? findChunks(node: node, from: from, to: top, count: count)
        : findLong(node: node, from: from, to: top, FreeRun(count: count, step: step))
      if let page = found {
        if !claimExactly(page: page, count: count) {
          losses &+= 1
          fromBottom = false
          continue
        }
        var expected = from
        let chunk = page / Region.pagesPerChunk &- node.pointee.first_page / Region.pagesPerChunk
        if losses < 4, step == 1, chunk > from { _ = cursor.compareExchange(&expected, chunk) }
        return page
      }
      if from > 0 {
        fromBottom = true
        continue
      }
      let chunks = chunksToOpen(node: node, top: top, count: count, step: step, wholeChunks: wholeChunks)
      if !grow(node: node, from: top, chunks: chunks) { return nil }
    }
  }

  /// As many as the run needs that begins in what is free right below the top; at least one, since what is free there
  /// may be hidden from searches for good, by a thread that was stopped before it told them.
  @_noLocks @_noAllocation
  static func chunksToOpen(
    node: UnsafeMutablePointer<anax_node>, top: UInt64, count: UInt64, step: UInt64, wholeChunks: Bool
  ) -> UInt64 {
    let end = node.pointee.first_page &+ top &* Region.pagesPerChunk
    let below = PageBitmap.freeBelow(page: end, from: node.pointee.first_page, count: count)
    let first =
      wholeChunks && step == 1
      ? Region.roundUp(end &- below, Region.pagesPerChunk) : FreeRun(count: count, step: step).first(from: end &- below)
    let last = first &+ count
    return last <= end ? 1 : (last &- end &+ Region.pagesPerChunk &- 1) / Region.pagesPerChunk
  }

  @_noLocks @_noAllocation
  static func findLong(node: UnsafeMutablePointer<anax_node>, from: UInt64, to: UInt64, _ wanted: FreeRun) -> UInt64? {
    let base = node.pointee.first_page / Region.pagesPerChunk
    var run = wanted
    var chunk = from
    while chunk < to {
      if bound(chunk: base &+ chunk).loadRelaxed() & 1023 == 512 {
        run.interrupt()
      } else {
        let word = (base &+ chunk) &* 8
        if let page = run.found(from: word, to: word &+ 8) { return page }
      }
      chunk &+= 1
    }
    return nil
  }

  @_noLocks @_noAllocation
  static func findChunks(node: UnsafeMutablePointer<anax_node>, from: UInt64, to: UInt64, count: UInt64) -> UInt64? {
    let base = node.pointee.first_page / Region.pagesPerChunk
    var chunk = from
    while chunk &* Region.pagesPerChunk &+ count <= to &* Region.pagesPerChunk {
      let page = (base &+ chunk) &* Region.pagesPerChunk
      let free = PageBitmap.freeFrom(page: page, count: count)
      if free == count { return page }
      chunk &+= free / Region.pagesPerChunk &+ 1
    }
    return nil
  }
}
