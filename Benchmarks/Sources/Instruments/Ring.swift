// SPDX-License-Identifier: Apache-2.0
//
// What blocks travel through from one thread to another. In mapped memory; the receiver owns what it took.

import CBench

/// One sender, one receiver. Each side looks at the other's index only when its own copy of it says full or empty.
public struct Ring: BitwiseCopyable {
  @inlinable static var capacity: Int { 1024 }
  @usableFromInline let slots: UnsafeMutablePointer<UInt>
  @usableFromInline let indices: UnsafeMutablePointer<UInt64>

  public init() {
    slots = mapped(Ring.capacity, of: UInt.self)
    indices = mapped(32, of: UInt64.self)
  }

  @inlinable var head: UnsafeMutablePointer<UInt64> { indices }
  @inlinable var tail: UnsafeMutablePointer<UInt64> { indices + 16 }

  @inlinable @inline(__always) public func send(_ value: UInt) {
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

  @inlinable @inline(__always) public func receive() -> UInt {
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
