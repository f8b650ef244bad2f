// SPDX-License-Identifier: Apache-2.0
// A lock-free stack (Treiber 1986) of type-stable records named by a 32-bit index. Any thread, any CPU, signal handlers
// too.
//
// | bits of the head | mean |
// |---|---|
// | 0...31 | index of the top record plus one; 0: empty |
// | 32...63 | tag, one more at every change: a head that was away and came back is not mistaken for itself |
//
// | transition | by | order |
// |---|---|---|
// | link := head's index | the pusher, which owns the record | relaxed; published by the CAS |
// | head := record | pusher | CAS, acquire and release |
// | head := link of the top | popper | CAS, acquire and release; the link is read from a record that may be popped meanwhile: records are type-stable, and the tag makes that CAS fail |
// A thread stopped anywhere holds up nobody. The same head would have to change 2^32 times within one pop to be
// mistaken.

import CAnax

@usableFromInline
package struct TaggedStack {
  @usableFromInline let head: AtomicWord
  @usableFromInline let links: UnsafeMutableRawPointer
  @usableFromInline let stride: Int

  /// `links` is the address of record 0's 32-bit link; `stride` the bytes from record to record.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package init(head: UnsafeMutablePointer<UInt64>, links: UnsafeMutableRawPointer, stride: Int) {
    self.head = AtomicWord(head)
    self.links = links
    self.stride = stride
  }

  @inlinable @inline(__always) @_noLocks @_noAllocation
  func link(_ index: UInt32) -> UnsafeMutablePointer<UInt32> {
    (links + Int(index) &* stride).assumingMemoryBound(to: UInt32.self)
  }

  @inlinable @_noLocks @_noAllocation
  package func push(_ index: UInt32) {
    var old = head.loadRelaxed()
    while true {
      anax_store32_relaxed(link(index), UInt32(truncatingIfNeeded: old))
      let new = ((old >> 32) &+ 1) << 32 | UInt64(index &+ 1)
      if head.compareExchange(&old, new) { return }
    }
  }

  /// The index of what was on top, or nil.
  @inlinable @_noLocks @_noAllocation
  package func pop() -> UInt32? {
    var old = head.loadAcquire()
    while true {
      let top = UInt32(truncatingIfNeeded: old)
      if top == 0 { return nil }
      let next = anax_load32_relaxed(link(top &- 1))
      let new = ((old >> 32) &+ 1) << 32 | UInt64(next)
      if head.compareExchange(&old, new) { return top &- 1 }
    }
  }

  @inlinable
  package var isEmpty: Bool { @_noLocks @_noAllocation get { UInt32(truncatingIfNeeded: head.loadRelaxed()) == 0 } }
}
