// SPDX-License-Identifier: Apache-2.0
//
// What blocks travel through between threads: a ring for one sender and one receiver, a bounded queue for many, and a
// table of slots for random exchange. All in mapped memory; a receiver owns what it took.

import CBench
import Instruments

/// One sender, one receiver. Each side looks at the other's index only when its own copy of it says full or empty.
struct Ring {
  private static let capacity = 1024
  private let slots: UnsafeMutablePointer<UInt>
  private let indices: UnsafeMutablePointer<UInt64>

  init() {
    slots = mapped(Ring.capacity, of: UInt.self)
    indices = mapped(32, of: UInt64.self)
  }

  private var head: UnsafeMutablePointer<UInt64> { indices }
  private var tail: UnsafeMutablePointer<UInt64> { indices + 16 }

  @inline(__always) func send(_ value: UInt) {
    let at = tail.pointee
    if at &- tail[1] == UInt64(Ring.capacity) {
      var patience = Patience()
      tail[1] = bench_load(head)
      while at &- tail[1] == UInt64(Ring.capacity) {
        patience.wait()
        tail[1] = bench_load(head)
      }
    }
    slots[Int(truncatingIfNeeded: at) & (Ring.capacity - 1)] = value
    bench_store(tail, at &+ 1)
  }

  @inline(__always) func receive() -> UInt {
    let at = head.pointee
    if at == head[1] {
      var patience = Patience()
      head[1] = bench_load(tail)
      while at == head[1] {
        patience.wait()
        head[1] = bench_load(tail)
      }
    }
    let value = slots[Int(truncatingIfNeeded: at) & (Ring.capacity - 1)]
    bench_store(head, at &+ 1)
    return value
  }
}

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
