// SPDX-License-Identifier: Apache-2.0
// Type-stable records named by a number: one mapping, of which only what is used is resident. A record that was given
// back is handed out again as the same kind of record, so that whoever still reads it reads a record. Lock-free: any
// thread.
//
// | transition | by | order |
// |---|---|---|
// | free stack → the taker's | pop | TaggedStack |
// | never used → the taker's | top + 1 | relaxed: the record is zero since the mapping was made |
// | the owner's → free stack | push | TaggedStack |

import CAnax
import LockFree
import Machine

package struct RecordTable {
  let base: UInt64
  let stride: Int
  let capacity: UInt64
  let top: AtomicWord
  let free: TaggedStack

  /// `link` is the offset of a 32-bit word in each record that the free stack may use.
  @_noLocks @_noAllocation
  init(
    base: UInt64, stride: Int, link: Int, capacity: Int, top: UnsafeMutablePointer<UInt64>,
    free: UnsafeMutablePointer<UInt64>
  ) {
    self.base = base
    self.stride = stride
    self.capacity = UInt64(capacity)
    self.top = AtomicWord(top)
    self.free = TaggedStack(
      head: free, links: UnsafeMutableRawPointer(bitPattern: UInt(base))! + link, stride: stride)
  }

  /// A record's number, from 1; 0: all are taken.
  @_noLocks @_noAllocation
  func take() -> UInt32 {
    if let index = free.pop() { return index }
    if top.loadRelaxed() >= capacity { return 0 }
    let number = top.add(1) &+ 1
    return number < capacity ? UInt32(truncatingIfNeeded: number) : 0
  }

  @_noLocks @_noAllocation
  func give(_ number: UInt32) { free.push(number) }

  /// One more than the highest number ever handed out.
  var end: UInt32 {
    @_noLocks @_noAllocation get { UInt32(truncatingIfNeeded: min(top.loadRelaxed(), capacity &- 1)) &+ 1 }
  }

  @_noLocks @_noAllocation
  func address(_ number: UInt32) -> UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(bitPattern: UInt(base &+ UInt64(number) &* UInt64(stride)))!
  }
}
