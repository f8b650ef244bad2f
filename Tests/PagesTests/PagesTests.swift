// SPDX-License-Identifier: Apache-2.0
// The face of the page layer on a live engine: where runs lie, colors, growth in place, runs longer than a chunk. Each case is a
// process of its own.

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
      #expect(Set(queues).count == 64, "successive pages of an object reach every queue")
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
