// SPDX-License-Identifier: Apache-2.0
// The face of the page layer on a live engine: where runs lie, colors, growth in place, runs longer than a chunk. Each
// case is a process of its own.

import CAnax
import Foundation
import LockFree
import Testing

@testable import Pages

@Suite struct PagesTests {
  @Test func alignedRunsLieAtMultiplesOfThemselves() async {
    await #expect(processExitsWith: .success) {
      Live.start()
      for count in [1, 2, 4, 8, 16, 32, 64] as [UInt64] {
        for _ in 0..<20 { #expect(Live.allocate(count, aligned: true).page % count == 0) }
      }
      Live.checkCounts()
    }
  }

  @Test func aColoredPageComesFromItsQueue() async {
    await #expect(processExitsWith: .success) {
      Live.start()
      var queues: [UInt64] = []
      for index in 0..<64 as Range<UInt64> {
        let page = Pages.allocateColored(node: 0, cpu: 0, pageIndex: index, objectColor: 0)!.page
        let start = PageQueue.start(cpu: 0, pageIndex: index, objectColor: 0)
        #expect(PageQueue.queue(ofPage: page) == start, "the chunk is empty, so nothing has to widen")
        queues.append(start)
      }
      #expect(
        Set(queues).count == Int(PageQueue.share), "successive pages of an object reach every queue of the share")
      Live.checkCounts()
    }
  }

  /// The chunks that each request looks into, summed up: what is full is passed by.
  @Test func coloredPagesAreNotLookedForWhereAllIsTaken() async {
    await #expect(processExitsWith: .success) {
      Live.start()
      let base = Live.node.pointee.first_page / Region.pagesPerChunk
      let count: UInt64 = 24 * 512
      var looked = 0
      var first: UInt64 = 0
      for index in 0..<count {
        let cursor = AtomicWord(anax_node_cursors(Live.node)).loadRelaxed()
        let top = AtomicWord(anax_node_top(Live.node)).loadAcquire()
        for chunk in cursor..<max(cursor, top) where PageSearch.bound(chunk: base + chunk).loadRelaxed() & 1023 < 512 {
          looked += 1
        }
        let page = Pages.allocateColored(node: 0, cpu: 0, pageIndex: index, objectColor: 0)!.page
        if index == 0 { first = page }
      }
      #expect(looked <= 2 * Int(count), "\(looked) chunks were looked into for \(count) pages")
      #expect(AtomicWord(anax_node_top(Live.node)).loadAcquire() == 24)
      // What becomes free below is seen.
      Pages.release(page: first, count: 1)
      #expect(Pages.allocateColored(node: 0, cpu: 0, pageIndex: 7, objectColor: 0)?.page == first)
      Live.checkCounts()
    }
  }

  /// Nothing but the run itself is claimed, not even for a moment: pages that the cap returned too early are missed
  /// once each, and no chunk more is opened than the run needs.
  @Test func anAlignedRunTakesItsPagesAndNoMore() async {
    await #expect(processExitsWith: .success) {
      Live.start()
      let hasty = AtomicWord(anax_node_hasty(Live.node))
      let top = { AtomicWord(anax_node_top(Live.node)).loadAcquire() }
      #expect(top() == 0)
      let cases: [(UInt64, UInt64, UInt64)] = [
        (512, 512, 1), (4, 256, 2), (3, 8, 2), (100, 512, 3), (600, 1024, 6), (1, 512, 6),
      ]
      for (count, alignment, chunks) in cases {
        hasty.storeRelaxed(100_000)
        let before = Live.claimed
        let run = Pages.allocate(node: 0, cpu: 0, count: count, alignment: alignment)!
        #expect(run.address % (alignment * Live.pageBytes) == 0)
        #expect(100_000 - hasty.loadRelaxed() == count)
        #expect(Live.claimed == before + count)
        #expect(top() <= chunks, "\(count) pages at a multiple of \(alignment)")
        #expect(run.zero && Live.isZero(page: run.page, count))
      }
      Live.checkCounts()
    }
  }

  /// Room that is just enough, at the end of a small region and between others.
  @Test func anAlignedRunIsFoundWhereItJustFits() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_HEAP_RESERVE", "67108864", 1)
      Live.start()
      let pages = Live.node.pointee.page_limit - Live.node.pointee.first_page
      #expect(pages <= 16384)
      let filler = Live.allocate(pages - 600)
      let last = Pages.allocate(node: 0, cpu: 0, count: 512, alignment: 512)
      #expect(last?.page == Live.node.pointee.page_limit - 512)
      #expect(Pages.allocate(node: 0, cpu: 0, count: 512, alignment: 512) == nil)
      #expect(Pages.allocate(node: 0, cpu: 0, count: 1, alignment: 1 << 30) == nil)
      #expect(Pages.allocate(node: 0, cpu: 0, count: 24, alignment: 64)?.page == filler.page + pages - 512 - 64)
      Pages.release(page: filler.page + 64, count: 64)
      #expect(Pages.allocate(node: 0, cpu: 0, count: 64, alignment: 64)?.page == filler.page + 64)
      Live.checkCounts()
    }
  }

  @Test func extendingTakesOnlyWhatIsFree() async {
    await #expect(processExitsWith: .success) {
      Live.start()
      let run = Live.allocate(10)
      #expect(Pages.extend(from: run.page + 10, count: 5))
      let next = Live.allocate(1)
      #expect(next.page == run.page + 15)
      #expect(!Pages.extend(from: run.page + 15, count: 3))
      Live.checkCounts()
      // Beyond the top of the region, and beyond the region.
      let limit = Live.node.pointee.page_limit
      #expect(!Pages.extend(from: limit - 1, count: 2))
    }
  }

  @Test func runsLongerThanAChunk() async {
    await #expect(processExitsWith: .success) {
      Live.start()
      let runs = [300, 512, 513, 2000, 5000].map { (Live.allocate($0), $0 as UInt64) }
      for (run, count) in runs {
        for (other, _) in runs where other.page != run.page {
          #expect(other.page >= run.page + count || other.page < run.page)
        }
        Pages.release(page: run.page, count: count)
      }
      #expect(Live.claimed == 0)
      #expect(Live.allocate(5000).page == runs.map(\.0.page).min(), "what was freed is used before the region grows")
      Live.checkCounts()
    }
  }
}
