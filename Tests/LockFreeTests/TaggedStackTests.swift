// SPDX-License-Identifier: Apache-2.0
// TaggedStack and AtomicWord as code: order, tags, and four threads that keep popping and pushing. The protocol's model
// is in ModelTests.

import CAnax
import Foundation
import LockFree
import Testing

/// Records with a link each, and a head, in memory of its own.
final class StackMemory: @unchecked Sendable {
  let head = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
  let records: UnsafeMutablePointer<UInt64>
  let count: Int
  var stack: TaggedStack { TaggedStack(head: head, links: UnsafeMutableRawPointer(records) + 4, stride: 8) }

  init(count: Int) {
    self.count = count
    records = .allocate(capacity: count)
    records.initialize(repeating: 0, count: count)
    head.initialize(to: 0)
  }

  deinit {
    head.deallocate()
    records.deallocate()
  }
}

@Suite struct TaggedStackTests {
  @Test func lastInFirstOut() {
    let memory = StackMemory(count: 4)
    let stack = memory.stack
    #expect(stack.isEmpty)
    #expect(stack.pop() == nil)
    for index in 0..<4 as Range<UInt32> { stack.push(index) }
    #expect(!stack.isEmpty)
    #expect((0..<4).map { _ in stack.pop() } == [3, 2, 1, 0])
    #expect(stack.pop() == nil)
  }

  @Test func everyChangeMovesTheTag() {
    let memory = StackMemory(count: 2)
    let stack = memory.stack
    stack.push(0)
    stack.push(1)
    _ = stack.pop()
    _ = stack.pop()
    #expect(memory.head.pointee == 4 << 32)
    _ = stack.pop()
    #expect(memory.head.pointee == 4 << 32, "an empty stack does not change")
  }

  @Test func theTagWrapsRound() {
    let memory = StackMemory(count: 1)
    memory.head.pointee = UInt64(UInt32.max) << 32
    memory.stack.push(0)
    #expect(memory.head.pointee == 1)
    #expect(memory.stack.pop() == 0)
  }

  @Test func fourThreadsLoseNothingAndShareNothing() {
    let memory = StackMemory(count: 8)
    let owners = StackMemory(count: 8)
    for index in 0..<8 as Range<UInt32> { memory.stack.push(index) }
    DispatchQueue.concurrentPerform(iterations: 4) { thread in
      for _ in 0..<20_000 {
        guard let index = memory.stack.pop() else { continue }
        let owner = AtomicWord(owners.records + Int(index))
        var nobody: UInt64 = 0
        if !owner.compareExchange(&nobody, UInt64(thread + 1)) { Issue.record("record \(index) has two owners") }
        owner.storeRelease(0)
        memory.stack.push(index)
      }
    }
    var left: Set<UInt32> = []
    while let index = memory.stack.pop() { left.insert(index) }
    #expect(left.count == 8)
  }
}

@Suite struct AtomicWordTests {
  @Test func bitsAreClaimedAndReleased() {
    var storage: UInt64 = 0b1001
    withUnsafeMutablePointer(to: &storage) { pointer in
      let word = AtomicWord(pointer)
      #expect(word.claim(bits: 0b0011) == 0b1001)
      #expect(word.loadAcquire() == 0b1011)
      #expect(word.release(bits: 0b1010) == 0b1011)
      #expect(word.loadRelaxed() == 0b0001)
    }
  }

  @Test func countersWrapAndExchangesAnswer() {
    var storage: UInt64 = 1
    withUnsafeMutablePointer(to: &storage) { pointer in
      let word = AtomicWord(pointer)
      #expect(word.subtract(2) == 1)
      #expect(word.loadRelaxed() == .max)
      #expect(word.add(3) == .max)
      #expect(word.exchange(7) == 2)
      var expected: UInt64 = 6
      #expect(!word.compareExchange(&expected, 9))
      #expect(expected == 7)
      #expect(word.compareExchange(&expected, 9))
      #expect(word.loadAcquire() == 9)
    }
  }
}
