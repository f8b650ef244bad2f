// SPDX-License-Identifier: Apache-2.0
// What is at stake where restartable sections are under fire (SectionFaultTests): a list, a stack and a row that no
// zone has, items that lie there or are in some thread's hands, and threads that are moved and interrupted.

import CAnax
import Foundation
import Heap
import LockFree
import Machine
import Testing
import WorkerSignals

@testable import PerCPU

/// What threads and the signal handler share. Set up before any of them starts.
enum Arena {
  /// A list that no zone has: above every zone id in use, and no spare list.
  static let list: UInt64 = 0xd05
  /// A stack behind it, whose entries are words that no zone has either.
  static let stack: UInt64 = 0xe05
  /// A row with as many slots as a row of ready runs has.
  static let row: UInt64 = 0xe45
  static let room: UInt64 = 40
  static let threads = 6
  /// The items that each thread has at first.
  static let share = 333
  static let itemCount = share * threads
  private static let stashCount = 1 << 18

  nonisolated(unsafe) private static let words = UnsafeMutablePointer<UInt64>.allocate(capacity: 64)
  /// Two words an item: its link, and 1 while somebody holds it.
  nonisolated(unsafe) static let items = UnsafeMutablePointer<UInt64>.allocate(capacity: itemCount * 2)

  nonisolated(unsafe) private static let stashWords = UnsafeMutablePointer<UInt64>.allocate(capacity: stashCount)

  /// The end is by signals and an aborted section, not by time: a loaded machine has fewer in any time. (After so many
  /// turns the test fails.)
  static func isEnough(_ turns: Int) -> Bool {
    turns >= 400_000
      && (WorkerSignals.count >= 1500 && aborted.loadRelaxed() > 0 || turns >= 400_000_000)
  }
  private static var stashed: AtomicWord { AtomicWord(words + 48) }
  static var nextShare: AtomicWord { AtomicWord(words + 56) }
  static var counted: AtomicWord { AtomicWord(words) }
  /// Sections that did nothing though before and after it nothing was in their way.
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

  /// A word of this CPU's block. nil: it has none.
  private static func word(_ number: UInt64) -> UInt64? {
    guard let words = CPUBlocks.partHere()?.words else { return nil }
    return AtomicWord(words + Int(number)).loadRelaxed()
  }

  static func count() -> Bool {
    let hadBlock = word(list) != nil
    if CPUBlocks.add(list, 1) {
      counted.add(1)
      return true
    }
    // Nothing else explains it.
    if hadBlock, word(list) != nil { aborted.add(1) }
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
    let hadRoom = listHasRoom
    mark(item, held: 0)
    if CPUBlocks.push(ownList(), item) { return true }
    mark(item, held: 1)
    if hadRoom, listHasRoom { aborted.add(1) }
    return false
  }

  /// Whether this CPU has a list that is not full.
  private static var listHasRoom: Bool {
    guard let word = word(list) else { return false }
    return word & 0xffff > 0
  }
}

extension Arena {
  /// Out of the game, still held.
  static func stash(_ item: UnsafeMutableRawPointer) {
    let index = Int(stashed.add(1))
    if index < stashCount { stashWords[index] = UInt64(UInt(bitPattern: item)) }
  }

  /// The items that are.
  static var stashedItems: [UInt64] {
    let count = Int(stashed.loadAcquire())
    #expect(count <= stashCount)
    return (0..<min(count, stashCount)).map { stashWords[$0] }
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
    let hadRoom = stackHasRoom
    mark(item, held: 0)
    if CPUBlocks.push(stack: ownList() - list + stack, UInt64(UInt(bitPattern: item)), room: room) {
      counted.add(1)
      return true
    }
    mark(item, held: 1)
    if hadRoom, stackHasRoom { aborted.add(1) }
    return false
  }

  /// Whether this CPU has a stack that is not full.
  private static var stackHasRoom: Bool {
    guard let word = word(stack) else { return false }
    return word & 0xffff != 0 && word & 0xffff <= room
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
    let wasOpen = isOpen
    mark(item, held: 0)
    if CPUBlocks.replace(row: ownList() - list + row, slot: slot, seen, with: UInt64(UInt(bitPattern: item))) {
      counted.add(1)
      guard let other = UnsafeMutableRawPointer(bitPattern: UInt(seen)) else { return nil }
      mark(other, held: 1)
      return other
    }
    mark(item, held: 1)
    if wasOpen, isOpen, self.seen(slot) == seen { aborted.add(1) }
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

  /// Whether this CPU has a row.
  private static var isOpen: Bool {
    guard let word = word(row) else { return false }
    return word == 1
  }

  private static func seen(_ slot: UInt64) -> UInt64 {
    guard let word = word(row + slot) else { return 0 }
    return word
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

/// Runs the body on all threads under signals and forced migration until every thread's body has returned.
func underFire(
  _ handler: @escaping @convention(c) (Int32) -> Void, _ body: @escaping @Sendable () -> Void
) {
  let cpus = Int(anax_state().pointee.cpu_count)
  WorkerSignals.prepare(handler)
  WorkerSignals.run(workers: Arena.threads, pause: 50, burst: 64) { thread, turn in
    setAffinity(thread, turn % cpus)
  } _: { _ in
    body()
  }
  #expect(WorkerSignals.count >= 1500 && WorkerSignals.strays == 0)
}

func blockWords() -> [UnsafeMutablePointer<UInt64>] {
  (0..<Int(anax_state().pointee.block_count)).flatMap { index -> [UnsafeMutablePointer<UInt64>] in
    let block = CPUBlocks.inUse(index)
    if block == CPUBlocks.empty { return [] }
    return (0..<Int(anax_state().pointee.node_count)).map {
      UnsafeMutablePointer<UInt64>(bitPattern: UInt(block))! + $0 * Int(ANAX_ZONES_MAX) + Int(Arena.list)
    }
  }
}

/// False: this machine does not have the rung.
func start(_ letter: String) -> Bool {
  setenv("ANAX_RUNG", letter, 1)
  guard Engine.ensureStarted() else { return false }
  Arena.prepare()
  return anax_state().pointee.rung == UInt64(letter.utf8.first!)
}

/// Its share of the items and random numbers, until it was often enough and the signals say so; then all are stashed.
func turns(_ body: (inout [UnsafeMutableRawPointer], _ random: UInt64) -> Void) {
  var held: [UnsafeMutableRawPointer] = []
  let first = Int(Arena.nextShare.add(1)) * Arena.share
  for index in first..<first + Arena.share {
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

/// How often each item was found when all threads have ended, at first among those that are out of the game.
struct Tally {
  private var seen = [Int](repeating: 0, count: Arena.itemCount)

  init() { for item in Arena.stashedItems { note(item) } }

  mutating func note(_ address: UInt64) {
    let offset = Int(address) - Int(bitPattern: Arena.items)
    #expect(offset % 16 == 0)
    seen[offset / 16] += 1
  }

  /// Once each; and some sections were aborted, else the run has shown nothing.
  func expectAllAreKept() {
    #expect(Arena.doubled.loadAcquire() == 0, "an item had two holders")
    #expect(seen.allSatisfy { $0 == 1 }, "an item is lost or doubled")
    #expect(Arena.aborted.loadAcquire() > 0)
  }
}
