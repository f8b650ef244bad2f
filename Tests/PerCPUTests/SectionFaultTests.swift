// SPDX-License-Identifier: Apache-2.0
// Restartable sections under fire: more threads than CPUs, each moved from CPU to CPU by another thread, and
// interrupted by signals whose handler enters the same sections. What must hold: no count and no item is lost or
// doubled, on rungs A and B.

import CAnax
import Foundation
import Heap
import LockFree
import Testing
import WorkerSignals

@testable import PerCPU

private func countersAreExact() {
  underFire { _ in
    _ = Arena.count()
  } _: {
    var done = 0
    while !Arena.isEnough(done) { if Arena.count() { done += 1 } }
  }
  let sum = blockWords().reduce(UInt64(0)) { $0 &+ $1.pointee }
  #expect(sum == Arena.counted.loadAcquire())
  #expect(sum >= 2_400_000)
  // Aborts are what is tested: without one the run has shown nothing.
  #expect(Arena.aborted.loadAcquire() > 0)
}

private func itemsAreKept() {
  underFire { _ in
    guard let item = Arena.pop() else { return }
    if !Arena.push(item) { Arena.stash(item) }
  } _: {
    turns { held, random in
      let choice = random >> 40 & 63
      if choice == 0 {
        Arena.take(into: &held)
      } else if choice == 1, held.count >= 3 {
        Arena.put(from: &held)
      } else if choice & 1 == 0, let item = held.popLast() {
        if !Arena.push(item) {
          held.append(item)
          CPUBlocks.open(CPUBlocks.current() ?? 0)
          Arena.take(into: &held)
        }
      } else if let item = Arena.pop() {
        held.append(item)
      }
    }
  }
  var tally = Tally()
  for word in blockWords() {
    var list = word.pointee
    var length = 0
    while list >> 16 != 0, length <= Arena.itemCount {
      tally.note(list >> 16)
      length += 1
      list = UnsafePointer<UInt64>(bitPattern: UInt(list >> 16))!.pointee
    }
    #expect(list == 0 || list == Arena.room, "a list ends in its room")
  }
  tally.expectAllAreKept()
}

private func entriesAreKept() {
  underFire { _ in
    guard let item = Arena.popEntry() else { return }
    if !Arena.pushEntry(item) { Arena.stash(item) }
  } _: {
    turns { held, random in
      if random >> 40 & 1 == 0, let item = held.popLast() {
        if !Arena.pushEntry(item) {
          held.append(item)
          CPUBlocks.open(CPUBlocks.current() ?? 0)
          _ = CPUBlocks.open(stackOrRow: Arena.stack)
        }
      } else if let item = Arena.popEntry() {
        held.append(item)
      }
    }
  }
  var tally = Tally()
  var pushes: UInt64 = 0
  for words in blockWords().map({ $0 - Int(Arena.list) + Int(Arena.stack) }) {
    pushes += words[0] >> 16
    let entries = Int(max(words[0] & 0xffff, 1)) - 1
    #expect(entries <= Int(Arena.room))
    for entry in 0..<entries { tally.note(words[2 + entry]) }
  }
  #expect(pushes == Arena.counted.loadAcquire() && pushes > 100_000)
  tally.expectAllAreKept()
}

private func slotsAreKept() {
  underFire { _ in
    guard let item = Arena.takeEntry(1 + WorkerSignals.count % 16) else { return }
    if let item = Arena.putEntryWhereNoneIs(item) { Arena.stash(item) }
  } _: {
    turns { held, random in
      let slot = 1 + random >> 41 & 15
      if random >> 40 & 1 == 0, let item = held.popLast() {
        guard let other = Arena.putEntry(item, slot) else { return }
        held.append(other)
        if other == item {
          CPUBlocks.open(CPUBlocks.current() ?? 0)
          _ = CPUBlocks.open(stackOrRow: Arena.row)
        }
      } else if let item = Arena.takeEntry(slot) {
        held.append(item)
      }
    }
  }
  var tally = Tally()
  for words in blockWords().map({ $0 - Int(Arena.list) + Int(Arena.row) }) {
    #expect(words[0] <= 1)
    for slot in 1...16 where words[slot] != 0 { tally.note(words[slot]) }
  }
  #expect(Arena.counted.loadAcquire() > 100_000)
  tally.expectAllAreKept()
}

@Suite(.serialized) struct SectionFaultTests {
  @Test func slotsAreKeptOnRungB() async {
    await #expect(processExitsWith: .success) { if start("B") { slotsAreKept() } }
  }

  @Test func slotsAreKeptOnRungA() async {
    await #expect(processExitsWith: .success) { if start("A") { slotsAreKept() } }
  }

  @Test func entriesAreKeptOnRungB() async {
    await #expect(processExitsWith: .success) { if start("B") { entriesAreKept() } }
  }

  @Test func entriesAreKeptOnRungA() async {
    await #expect(processExitsWith: .success) { if start("A") { entriesAreKept() } }
  }

  @Test func countersAreExactOnRungB() async {
    await #expect(processExitsWith: .success) { if start("B") { countersAreExact() } }
  }

  @Test func countersAreExactOnRungA() async {
    await #expect(processExitsWith: .success) { if start("A") { countersAreExact() } }
  }

  @Test func itemsAreKeptOnRungB() async {
    await #expect(processExitsWith: .success) { if start("B") { itemsAreKept() } }
  }

  @Test func itemsAreKeptOnRungA() async {
    await #expect(processExitsWith: .success) { if start("A") { itemsAreKept() } }
  }

  @Test func rungsNeverShareBlocks() async {
    await #expect(processExitsWith: .success) {
      guard start("A") else { return }
      #expect(Engine.ensureStarted())
      for _ in 0..<1000 { Heap.free(Heap.allocate(100)) }
      let count = Int(anax_state().pointee.block_count)
      #expect((0..<count).contains { CPUBlocks.inUse($0) != CPUBlocks.empty })
      // Rung B's tables lead to the empty block: its sections give up here.
      for cpu in 0..<Int(anax_state().pointee.cpu_count) {
        #expect(anax_allocate_table()[cpu] == CPUBlocks.empty)
        #expect(anax_release_table()[cpu] == CPUBlocks.empty)
      }
      #expect(!anax_cache_add(Arena.list, 1))
      // A's blocks are reclaimed like B's.
      guard anax_state().pointee.membarrier == 1 else { return }
      #expect((0..<count).contains { CPUBlocks.takeOne($0) != nil })
    }
  }

  @Test func rungAWithoutConcurrencyIDsIsB() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_RUNG", "A", 1)
      #expect(Engine.ensureStarted())
      if anax_rseq_bytes() == 0 {
        #expect(Ladder.choose() == (68, .noArea))
      } else if anax_rseq_live_bytes() < 28 {
        #expect(Ladder.choose() == (66, .noConcurrencyID))
      } else {
        #expect(Ladder.choose() == (65, .forced))
        anax_state().pointee.block_count = anax_state().pointee.cpu_count - 1
        #expect(Ladder.choose() == (66, .tooLarge))
      }
    }
  }
}
