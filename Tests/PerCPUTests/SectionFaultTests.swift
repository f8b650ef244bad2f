// SPDX-License-Identifier: Apache-2.0
// Restartable sections under fire: more threads than CPUs, each moved from CPU to CPU by another thread, and
// interrupted by signals whose handler enters the same sections. What must hold: no count and no item is lost or
// doubled, on rungs A and B.

import CAnax
import Foundation
import Heap
import LockFree
import Machine
import Testing
import WorkerSignals

@testable import PerCPU

/// A list that no zone has: above every zone id in use, and no spare list.
private let list: UInt64 = 0xd05
/// A stack behind it, whose entries are words that no zone has either.
private let stack: UInt64 = 0xe05
/// A row with as many slots as a row of ready runs has.
private let row: UInt64 = 0xe45
private let room: UInt64 = 40
private let itemCount = 2000
private let threads = 6
private let stashCount = 1 << 18

/// What threads and the signal handler share. Set up before any of them starts.
private enum Arena {
  nonisolated(unsafe) static let words = UnsafeMutablePointer<UInt64>.allocate(capacity: 64)
  /// Two words an item: its link, and 1 while somebody holds it.
  nonisolated(unsafe) static let items = UnsafeMutablePointer<UInt64>.allocate(capacity: itemCount * 2)

  nonisolated(unsafe) static let stashWords = UnsafeMutablePointer<UInt64>.allocate(capacity: stashCount)

  /// The end is by signals, not by time: a loaded machine has fewer in any time. (After so many turns the test fails.)
  static func isEnough(_ turns: Int) -> Bool {
    turns >= 400_000 && (WorkerSignals.count >= 5000 || turns >= 400_000_000)
  }
  static var stashed: AtomicWord { AtomicWord(words + 48) }
  static var nextShare: AtomicWord { AtomicWord(words + 56) }
  static var counted: AtomicWord { AtomicWord(words) }
  static var aborted: AtomicWord { AtomicWord(words + 8) }
  static var doubled: AtomicWord { AtomicWord(words + 16) }

  static func prepare() {
    words.initialize(repeating: 0, count: 64)
    items.initialize(repeating: 0, count: itemCount * 2)
    stashWords.initialize(repeating: 0, count: stashCount)
  }

  /// The item's mark goes from held to free or back; anything else is counted as doubled.
  static func mark(_ item: UnsafeMutableRawPointer, held: UInt64) {
    let word = AtomicWord(item.assumingMemoryBound(to: UInt64.self) + 1)
    if word.exchange(held) == held { doubled.add(1) }
  }

  static func ownList() -> UInt64 {
    UInt64(CPUBlocks.node(ofCPU: CPUBlocks.current() ?? 0) * Int(ANAX_ZONES_MAX)) + list
  }

  static func count() -> Bool {
    if CPUBlocks.add(list, 1) {
      counted.add(1)
      return true
    }
    aborted.add(1)
    CPUBlocks.open(CPUBlocks.current() ?? 0)
    return false
  }

  static func pop() -> UnsafeMutableRawPointer? {
    guard let item = CPUBlocks.pop(list) else { return nil }
    mark(item, held: 1)
    return item
  }

  /// False: full, or aborted; the item stays with the caller.
  static func push(_ item: UnsafeMutableRawPointer) -> Bool {
    mark(item, held: 0)
    if CPUBlocks.push(ownList(), item) { return true }
    mark(item, held: 1)
    aborted.add(1)
    return false
  }
}

extension Arena {
  /// Out of the game, still held.
  static func stash(_ item: UnsafeMutableRawPointer) {
    let index = Int(stashed.add(1))
    if index < stashCount { stashWords[index] = UInt64(UInt(bitPattern: item)) }
  }

  static func take(into held: inout [UnsafeMutableRawPointer]) {
    var word: UInt64 = 0
    if !CPUBlocks.take(ownList(), room, &word) { return }
    while let item = UnsafeMutableRawPointer(bitPattern: UInt(word >> 16)) {
      mark(item, held: 1)
      held.append(item)
      word = item.load(as: UInt64.self)
    }
  }

  /// Three items as a list, where there is none.
  static func put(from held: inout [UnsafeMutableRawPointer]) {
    let chosen = held.suffix(3)
    var word = room
    for item in chosen {
      mark(item, held: 0)
      item.storeBytes(of: word, as: UInt64.self)
      word = UInt64(UInt(bitPattern: item)) << 16 | (word & 0xffff) - 1
    }
    if CPUBlocks.put(ownList(), word) {
      held.removeLast(3)
    } else {
      for item in chosen { mark(item, held: 1) }
    }
  }
}

extension Arena {
  static func popEntry() -> UnsafeMutableRawPointer? {
    guard let item = UnsafeMutableRawPointer(bitPattern: UInt(CPUBlocks.pop(stack: stack))) else { return nil }
    mark(item, held: 1)
    return item
  }

  /// False: full, aborted, or no stack yet; the item stays with the caller.
  static func pushEntry(_ item: UnsafeMutableRawPointer) -> Bool {
    mark(item, held: 0)
    if CPUBlocks.push(stack: ownList() - list + stack, UInt64(UInt(bitPattern: item)), room: room) {
      counted.add(1)
      return true
    }
    mark(item, held: 1)
    return false
  }
}

extension Arena {
  /// What it sees in a slot, if that is there still.
  static func takeEntry(_ slot: UInt64) -> UnsafeMutableRawPointer? {
    let seen = seen(slot)
    guard let item = UnsafeMutableRawPointer(bitPattern: UInt(seen)) else { return nil }
    if !CPUBlocks.replace(row: ownList() - list + row, slot: slot, seen, with: 0) { return nil }
    mark(item, held: 1)
    return item
  }

  /// Puts the item into the slot; what lay there, or nothing. The same item: something else lay there by then, or no
  /// row is there yet.
  static func putEntry(_ item: UnsafeMutableRawPointer, _ slot: UInt64) -> UnsafeMutableRawPointer? {
    let seen = seen(slot)
    mark(item, held: 0)
    if CPUBlocks.replace(row: ownList() - list + row, slot: slot, seen, with: UInt64(UInt(bitPattern: item))) {
      counted.add(1)
      guard let other = UnsafeMutableRawPointer(bitPattern: UInt(seen)) else { return nil }
      mark(other, held: 1)
      return other
    }
    mark(item, held: 1)
    return item
  }

  /// What found no slot, the item or one that came into a slot meanwhile: else a handler would take one out of the game
  /// with nearly each signal.
  static func putEntryWhereNoneIs(_ item: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    var item = item
    // In a handler: in debug builds a sequence allocates.
    var slot: UInt64 = 1
    while slot <= 16 {
      if seen(slot) == 0 {
        guard let other = putEntry(item, slot) else { return nil }
        item = other
      }
      slot += 1
    }
    return item
  }

  private static func seen(_ slot: UInt64) -> UInt64 {
    guard let words = CPUBlocks.partHere()?.words else { return 0 }
    return AtomicWord(words + Int(row + slot)).loadRelaxed()
  }
}

/// Moves a thread to one CPU; where that is not allowed it stays.
private func setAffinity(_ thread: Int, _ cpu: Int) {
  var mask = [UInt64](repeating: 0, count: 64)
  mask[cpu / 64] = 1 << UInt64(cpu % 64)
  mask.withUnsafeBytes {
    _ = Kernel.call(Int(SYS_sched_setaffinity), thread, $0.count, Int(bitPattern: $0.baseAddress!))
  }
}

/// Runs the body on six threads under signals and forced migration until every thread's body has returned.
private func underFire(
  _ handler: @escaping @convention(c) (Int32) -> Void, _ body: @escaping @Sendable () -> Void
) {
  let cpus = Int(anax_state().pointee.cpu_count)
  WorkerSignals.prepare(handler)
  WorkerSignals.run(workers: threads, pause: 50, burst: 64) { thread, turn in
    setAffinity(thread, turn % cpus)
  } _: { _ in
    body()
  }
  #expect(WorkerSignals.count >= 5000 && WorkerSignals.strays == 0)
}

private func blockWords() -> [UnsafeMutablePointer<UInt64>] {
  (0..<Int(anax_state().pointee.block_count)).flatMap { index -> [UnsafeMutablePointer<UInt64>] in
    let block = CPUBlocks.inUse(index)
    if block == CPUBlocks.empty { return [] }
    return (0..<Int(anax_state().pointee.node_count)).map {
      UnsafeMutablePointer<UInt64>(bitPattern: UInt(block))! + $0 * Int(ANAX_ZONES_MAX) + Int(list)
    }
  }
}

/// False: this machine does not have the rung.
private func start(_ letter: String) -> Bool {
  setenv("ANAX_RUNG", letter, 1)
  guard Engine.ensureStarted() else { return false }
  Arena.prepare()
  return anax_state().pointee.rung == UInt64(letter.utf8.first!)
}

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

/// Its share of the items and random numbers, until it was often enough and the signals say so; then all are stashed.
private func turns(_ body: (inout [UnsafeMutableRawPointer], _ random: UInt64) -> Void) {
  var held: [UnsafeMutableRawPointer] = []
  let first = Int(Arena.nextShare.add(1)) * (itemCount / threads)
  for index in first..<first + itemCount / threads {
    let item = UnsafeMutableRawPointer(Arena.items + index * 2)
    Arena.mark(item, held: 1)
    held.append(item)
  }
  var random = UInt64(first + 1) &* 0x9e37_79b9_7f4a_7c15
  var turns = 0
  while !Arena.isEnough(turns) {
    turns += 1
    random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    body(&held, random)
  }
  for item in held { Arena.stash(item) }
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
  var seen = [Int](repeating: 0, count: itemCount)
  func note(_ address: UInt) {
    let offset = Int(address) - Int(bitPattern: Arena.items)
    #expect(offset % 16 == 0)
    seen[offset / 16] += 1
  }
  for index in 0..<min(Int(Arena.stashed.loadAcquire()), stashCount) { note(UInt(Arena.stashWords[index])) }
  var inLists = 0
  for word in blockWords() {
    var list = word.pointee
    var length = 0
    while list >> 16 != 0, length <= itemCount {
      note(UInt(list >> 16))
      length += 1
      list = UnsafePointer<UInt64>(bitPattern: UInt(list >> 16))!.pointee
    }
    inLists += length
    #expect(list == 0 || list == room, "a list ends in its room")
  }
  #expect(Arena.stashed.loadAcquire() <= UInt64(stashCount))
  #expect(Arena.doubled.loadAcquire() == 0, "an item had two holders")
  let given = itemCount / threads * 6
  #expect(seen.prefix(given).allSatisfy { $0 == 1 }, "an item is lost or doubled")
  #expect(Arena.aborted.loadAcquire() > 0)
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
          _ = CPUBlocks.open(stackOrRow: stack)
        }
      } else if let item = Arena.popEntry() {
        held.append(item)
      }
    }
  }
  var seen = [Int](repeating: 0, count: itemCount)
  func note(_ address: UInt64) { seen[(Int(address) - Int(bitPattern: Arena.items)) / 16] += 1 }
  for index in 0..<min(Int(Arena.stashed.loadAcquire()), stashCount) { note(Arena.stashWords[index]) }
  var pushes: UInt64 = 0
  for words in blockWords().map({ $0 - Int(list) + Int(stack) }) {
    pushes += words[0] >> 16
    let entries = Int(max(words[0] & 0xffff, 1)) - 1
    #expect(entries <= Int(room))
    for entry in 0..<entries { note(words[2 + entry]) }
  }
  #expect(pushes == Arena.counted.loadAcquire() && pushes > 100_000)
  #expect(Arena.stashed.loadAcquire() <= UInt64(stashCount))
  #expect(Arena.doubled.loadAcquire() == 0, "an entry had two holders")
  #expect(seen.prefix(itemCount / threads * 6).allSatisfy { $0 == 1 }, "an entry is lost or doubled")
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
          _ = CPUBlocks.open(stackOrRow: row)
        }
      } else if let item = Arena.takeEntry(slot) {
        held.append(item)
      }
    }
  }
  var seen = [Int](repeating: 0, count: itemCount)
  func note(_ address: UInt64) { seen[(Int(address) - Int(bitPattern: Arena.items)) / 16] += 1 }
  for index in 0..<min(Int(Arena.stashed.loadAcquire()), stashCount) { note(Arena.stashWords[index]) }
  for words in blockWords().map({ $0 - Int(list) + Int(row) }) {
    #expect(words[0] <= 1)
    for slot in 1...16 where words[slot] != 0 { note(words[slot]) }
  }
  #expect(Arena.counted.loadAcquire() > 100_000)
  #expect(Arena.stashed.loadAcquire() <= UInt64(stashCount))
  #expect(Arena.doubled.loadAcquire() == 0, "an entry had two holders")
  #expect(seen.prefix(itemCount / threads * 6).allSatisfy { $0 == 1 }, "an entry is lost or doubled")
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
      #expect(!anax_cache_add(list, 1))
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
