// SPDX-License-Identifier: Apache-2.0
// A live engine for tests of the page layer, which each run in a process of their own: the state is the process's.

import CAnax
import Foundation
import Heap
import LockFree
import Machine
import Testing

@testable import Pages

enum Live {
  /// Starts the engine such that nothing decays by itself.
  static func start() {
    setenv("ANAX_VM_PAGE_DECAY", "3600000", 1)
    #expect(Engine.ensureStarted())
    #expect(Tunable.pageDecay.value == 3_600_000)
  }

  static var node: UnsafeMutablePointer<anax_node> { Pages.node(0) }
  static var pageBytes: UInt64 { 1 << anax_state().pointee.page_shift }
  static var dirty: UInt64 { AtomicWord(anax_node_dirty_pages(node)).loadRelaxed() }
  static var claimed: UInt64 { AtomicWord(anax_node_claimed_pages(node)).loadRelaxed() }

  static func allocate(_ count: UInt64, aligned: Bool = false) -> PageRun {
    Pages.allocate(node: 0, cpu: 0, count: count, aligned: aligned)!
  }

  static func write(_ run: PageRun, _ count: UInt64, _ byte: UInt8) {
    memset(UnsafeMutableRawPointer(bitPattern: UInt(run.address))!, Int32(byte), Int(count * pageBytes))
  }

  static func isZero(page: UInt64, _ count: UInt64) -> Bool {
    let bytes = UnsafeRawBufferPointer(
      start: UnsafeRawPointer(bitPattern: UInt(Region.address(ofPage: page))), count: Int(count * pageBytes))
    return bytes.allSatisfy { $0 == 0 }
  }

  static func touched(_ page: UInt64) -> Bool {
    PageBitmap.touchedWord(page / 64).loadRelaxed() >> (page % 64) & 1 == 1
  }

  static func checkCounts() { #expect(areCountsRight, "claimed \(claimed), dirty \(dirty)") }

  /// The counters against the bitmaps.
  static var areCountsRight: Bool {
    let first = node.pointee.first_page / 64
    var claimed: UInt64 = 0
    var dirty: UInt64 = 0
    for word in first..<first + AtomicWord(anax_node_top(node)).loadAcquire() * 8 {
      let bits = PageBitmap.claimedWord(word).loadRelaxed()
      claimed += UInt64(bits.nonzeroBitCount)
      dirty += UInt64((PageBitmap.touchedWord(word).loadRelaxed() & ~bits).nonzeroBitCount)
    }
    return claimed == self.claimed && dirty == self.dirty
  }
}

extension Int {
  var nextPowerOfTwo: Int { self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount) }
}
