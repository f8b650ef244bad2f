// SPDX-License-Identifier: Apache-2.0
// Single pages that lie ready, for tests: each runs in a process of its own, on one CPU.

import CAnax
import Foundation
import Heap
import LockFree
import Machine
import PerCPU
import Testing

@testable import Pages

enum Ready {
  /// A live engine and this thread on one CPU. False: there are no caches here.
  static func start(cpu: Int = 0) -> Bool {
    Live.start()
    stay(on: cpu)
    return anax_state().pointee.membarrier == 1 && CPUBlocks.current() != nil
  }

  static func stay(on cpu: Int) {
    var mask: UInt64 = 1 << UInt64(cpu)
    _ = withUnsafePointer(to: &mask) { Kernel.call(Int(SYS_sched_setaffinity), 0, 8, Int(bitPattern: $0)) }
  }

  static func page(_ placement: PagePlacement = .local) throws -> PageRun {
    try PageRequest.allocate(count: 1, alignment: 1, placement: placement, zeroed: false, .normal)
  }

  static func pages(_ count: Int) throws -> [PageRun] { try (0..<count).map { _ in try page() } }

  static func give(_ runs: [PageRun]) throws { for run in runs { try PageRequest.release(page: run.page) } }

  static var count: UInt64 { PageCounters.ready(node: 0) }

  static func isResident(_ page: UInt64) -> Bool {
    var state: UInt8 = 0
    return mincore(UnsafeMutableRawPointer(bitPattern: UInt(Region.address(ofPage: page))), 1, &state) == 0
      && state & 1 == 1
  }

  /// What must hold when all is given back and drained.
  static func checkNothingIsOut() {
    #expect(count == 0 && Live.claimed == 0)
    Live.checkCounts()
  }
}

/// Words for a drain that another thread watches.
enum Drains {
  nonisolated(unsafe) static var isNested = false
  nonisolated(unsafe) static let words = UnsafeMutablePointer<UInt64>.allocate(capacity: 32)
  /// Odd: the next drain waits in its membarrier for the other thread to ask.
  static var turn: AtomicWord { AtomicWord(words) }
  static var asking: AtomicWord { AtomicWord(words + 8) }
  static var done: AtomicWord { AtomicWord(words + 16) }
  static var served: AtomicWord { AtomicWord(words + 24) }

  static func prepare() { words.initialize(repeating: 0, count: 32) }
}
