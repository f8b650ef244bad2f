// SPDX-License-Identifier: Apache-2.0
//
// What blocks travel through between many threads: a bounded queue, and a table of slots for random exchange. All in
// mapped memory; a receiver owns what it took.

import CBench
import Instruments

/// Any number of senders and receivers: a bounded queue whose cells carry a sequence number.
struct SharedQueue {
  private static let capacity = 64
  private let cells: UnsafeMutablePointer<UInt64>
  private let indices: UnsafeMutablePointer<UInt64>

  init() {
    cells = mapped(SharedQueue.capacity * 2, of: UInt64.self)
    indices = mapped(32, of: UInt64.self)
    for cell in 0..<SharedQueue.capacity { cells[cell * 2] = UInt64(cell) }
  }

  func send(_ value: UInt) {
    var patience = Patience()
    while true {
      let at = bench_load(indices)
      let cell = cells + (Int(truncatingIfNeeded: at) & (SharedQueue.capacity - 1)) * 2
      if bench_load(cell) == at, bench_replace(indices, at, at &+ 1) {
        cell[1] = UInt64(value)
        bench_store(cell, at &+ 1)
        return
      }
      patience.wait()
    }
  }

  func receive() -> UInt {
    var patience = Patience()
    while true {
      let at = bench_load(indices + 16)
      let cell = cells + (Int(truncatingIfNeeded: at) & (SharedQueue.capacity - 1)) * 2
      if bench_load(cell) == at &+ 1, bench_replace(indices + 16, at, at &+ 1) {
        let value = UInt(cell[1])
        bench_store(cell, at &+ UInt64(SharedQueue.capacity))
        return value
      }
      patience.wait()
    }
  }
}

/// Slots that threads exchange blocks through.
struct ExchangeTable {
  let count: Int
  private let slots: UnsafeMutablePointer<UInt64>

  init(_ count: Int) {
    self.count = count
    slots = mapped(count, of: UInt64.self)
  }

  /// Puts a block into a slot and returns what was there.
  @inline(__always) func exchange(_ slot: Int, _ block: Block?) -> Block? {
    Block(bitPattern: UInt(bench_swap(slots + slot, UInt64(UInt(bitPattern: block)))))
  }

  func drain() {
    for slot in 0..<count { bench_free(exchange(slot, nil)) }
  }
}
