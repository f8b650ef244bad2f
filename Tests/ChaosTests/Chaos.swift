// SPDX-License-Identifier: Apache-2.0
// Random operations on many threads, with a checker in lock step. Every block is filled with a pattern made from its
// address, size and turn, and checked whenever somebody comes by; a shadow bitmap of the heap, one bit for 16 bytes,
// finds blocks that overlap; zones with a limit may never have more items out than that. Blocks lie in shared slots, so
// they change hands. While the workers work, others force them from CPU to CPU, interrupt them by a signal whose
// handler allocates, tick and purge, and fork (the child checks and uses what it inherited). Pages and short runs from
// the page layer are blocks too, so that some lie ready on CPUs. What is found ends the process with one line and
// status 86.
//
// A slot is 0 (empty), 1 (somebody is at it) or a block's address; its other columns belong to who made it 1.

import CAnax
import Foundation
import LockFree

@testable import Heap
@testable import Pages
@testable import Zones

struct ChaosPlan: Codable, Sendable {
  enum Planted: String, Codable, Sendable { case nothing, freedAndKept, purgeDoesNothing }

  var seed: UInt64
  var threads = 6
  var seconds = 2.0
  var rung = "B"
  var planted = Planted.nothing
  var forks = true
  var nodes = 1
  /// Where what the process says is kept: a failed expectation of Swift Testing does not hand it on.
  var log = ""
}

final class Chaos: @unchecked Sendable {
  static let found: Int32 = 86
  static let slotCount = 3000
  static let zones = [100, 101]
  static let limits: [UInt64] = [40, 500]
  /// The kind of a block that is a page, or a short run of them.
  static let page: UInt64 = 20

  let plan: ChaosPlan
  let slots = Chaos.column()
  let sizes = Chaos.column()
  let turns = Chaos.column()
  let kinds = Chaos.column()
  let usables = Chaos.column()
  let counters = Chaos.column()
  let shadow: UnsafeMutablePointer<UInt64>
  var stop: AtomicWord { AtomicWord(counters + 10) }
  var operations: AtomicWord { AtomicWord(counters + 11) }
  var turn: AtomicWord { AtomicWord(counters + 12) }
  var running: AtomicWord { AtomicWord(counters + 13) }

  static func column() -> UnsafeMutablePointer<UInt64> {
    let column = UnsafeMutablePointer<UInt64>.allocate(capacity: slotCount)
    column.initialize(repeating: 0, count: slotCount)
    return column
  }

  init(_ plan: ChaosPlan) {
    self.plan = plan
    let log = open(plan.log, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    if log >= 0 { _ = dup2(log, 2) }
    setenv("ANAX_RUNG", plan.rung, 1)
    if plan.nodes == 2, !TwoNodes.start() { Chaos.stop(plan, "no two nodes") }
    if !Engine.ensureStarted() { Chaos.stop(plan, "the engine does not start") }
    if anax_state().pointee.rung != UInt64(plan.rung.utf8.first!) { Chaos.stop(plan, "not on the rung") }
    let bytes = Int(anax_state().pointee.heap_pages << anax_state().pointee.page_shift) / 128
    let flags = Int32(MAP_PRIVATE | MAP_ANONYMOUS) | Int32(MAP_NORESERVE)
    let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, flags, -1, 0)
    if memory == MAP_FAILED { Chaos.stop(plan, "no room for the shadow") }
    shadow = memory!.assumingMemoryBound(to: UInt64.self)
    for (zone, limit) in zip(Chaos.zones, Chaos.limits) {
      let entry = anax_state().pointee.zones! + zone
      ZoneMake.setName(entry, "chaos-", limit)
      ZoneMake.fill(entry, size: 200, alignment: 16, limit: limit)
    }
    anax_state().pointee.zone_top = max(anax_state().pointee.zone_top, 102)
  }

  static func stop(_ plan: ChaosPlan, _ what: StaticString, _ block: UInt64 = 0, _ size: UInt64 = 0) -> Never {
    withVaList([plan.seed, block, size]) { _ = vdprintf(2, "chaos: seed %lu, block %#lx, size %lu: ", $0) }
    _ = write(2, what.utf8Start, what.utf8CodeUnitCount)
    _ = write(2, "\n", 1)
    _exit(found)
  }

  func fail(_ what: StaticString, _ block: UInt64 = 0, _ size: UInt64 = 0) -> Never {
    Chaos.stop(plan, what, block, size)
  }
}

/// splitmix64, without a heap.
struct Dice {
  var state: UInt64

  mutating func roll() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z &>> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z &>> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z &>> 31)
  }

  mutating func roll(_ sides: UInt64) -> UInt64 { roll() % sides }

  mutating func size() -> UInt64 {
    switch roll(100) {
    case 0..<70: roll(257)
    case 70..<90: roll(4097)
    case 90..<98: roll(65537)
    default: roll(4 << 20)
    }
  }
}

// Patterns and the shadow.
extension Chaos {
  static func key(_ block: UInt64, _ size: UInt64, _ turn: UInt64) -> UInt64 {
    (block ^ size &* 0xff51_afd7_ed55_8ccd ^ turn &* 0xc4ce_b9fe_1a85_ec53) | 1
  }

  /// Which word comes after this one: all of a small block, samples of a large one, and always the last.
  static func next(_ word: UInt64, _ words: UInt64) -> UInt64 {
    if words <= 512 || word &+ 64 < words { return words <= 512 ? word &+ 1 : word &+ 61 }
    return word &+ 1 == words ? words : words &- 1
  }

  func fill(_ block: UInt64, _ size: UInt64, _ turn: UInt64) {
    let key = Chaos.key(block, size, turn)
    let words = size / 8
    let memory = UnsafeMutablePointer<UInt64>(bitPattern: UInt(block))!
    var word: UInt64 = 0
    while word < words {
      memory[Int(word)] = key &+ word
      word = Chaos.next(word, words)
    }
    var byte = words &* 8
    while byte < size {
      UnsafeMutablePointer<UInt8>(bitPattern: UInt(block &+ byte))!.pointee = UInt8(truncatingIfNeeded: key)
      byte &+= 1
    }
  }

  /// Checks the first `count` bytes of what `fill(block, size, turn)` wrote to `block`, which may now be elsewhere.
  func check(at place: UInt64, _ block: UInt64, _ size: UInt64, _ turn: UInt64, count: UInt64) {
    let key = Chaos.key(block, size, turn)
    let words = size / 8
    let memory = UnsafePointer<UInt64>(bitPattern: UInt(place))!
    var word: UInt64 = 0
    while word < words, word &* 8 &+ 8 <= count {
      if memory[Int(word)] != key &+ word { fail("contents changed", place, size) }
      word = Chaos.next(word, words)
    }
    var byte = words &* 8
    while byte < min(size, count) {
      if UnsafePointer<UInt8>(bitPattern: UInt(place &+ byte))!.pointee != UInt8(truncatingIfNeeded: key) {
        fail("contents changed", place, size)
      }
      byte &+= 1
    }
  }

  func checkZero(_ block: UInt64, _ size: UInt64) {
    let words = size / 8
    var word: UInt64 = 0
    while word < words {
      if UnsafePointer<UInt64>(bitPattern: UInt(block))![Int(word)] != 0 { fail("calloc is not zero", block, size) }
      word = Chaos.next(word, words)
    }
  }

  /// Sets or clears the bits of `bytes` from `block`.
  func mark(_ block: UInt64, _ bytes: UInt64, _ set: Bool) {
    var granule = (block &- anax_state().pointee.heap_base) / 16
    let end = granule &+ (bytes &+ 15) / 16
    while granule < end {
      let bit = granule & 63
      let length = min(64 &- bit, end &- granule)
      let bits = (UInt64.max &>> (64 &- length)) &<< bit
      let word = AtomicWord(shadow + Int(granule / 64))
      let old = set ? word.claim(bits: bits) : word.release(bits: bits)
      if old & bits != (set ? 0 : bits) { fail(set ? "blocks overlap" : "a block was not whole", block, bytes) }
      granule &+= length
    }
  }
}

// One block's life.
extension Chaos {
  func make(_ slot: Int, _ dice: inout Dice) -> Bool {
    var size = dice.size()
    let kind = dice.roll(24)
    if kind >= Chaos.page { return makePages(slot, [1, 1, 2, 3, 9][Int(dice.roll(5))]) }
    var block: UInt64 = 0
    switch kind {
    case 0...1:
      size = 200
      block = ZoneCache.refill(Chaos.zones[Int(kind)])
      if block == 0 { return false }
      let out = AtomicWord(counters + Int(kind)).add(1) &+ 1
      if out > Chaos.limits[Int(kind)] { fail("a zone gave more than its limit", block, out) }
    case 2...5:
      if dice.roll(4) == 0 { size = 40_000 &+ dice.roll(200_000) }
      block = UInt64(UInt(bitPattern: Heap.allocateZeroed(1, Int(size))))
      if block != 0 { checkZero(block, size) }
    case 6...8:
      let alignment = UInt64(16) &<< dice.roll(dice.roll(10) == 0 ? 13 : 5)
      block = UInt64(UInt(bitPattern: Heap.allocate(Int(size), alignment: Int(alignment))))
      if block & (alignment &- 1) != 0 { fail("not aligned", block, alignment) }
    default:
      block = UInt64(UInt(bitPattern: Heap.allocate(Int(size))))
    }
    if block == 0 { fail("no memory", 0, size) }
    if block & 15 != 0 { fail("not at a multiple of 16", block, size) }
    keep(slot, block, size, kind: kind)
    return true
  }

  func makePages(_ slot: Int, _ count: UInt64) -> Bool {
    guard let run = Chaos.takePages(count) else { fail("no memory for pages", 0, count) }
    let size = count &<< anax_state().pointee.page_shift
    if run.zero { checkZero(run.address, size) }
    keep(slot, run.address, size, kind: Chaos.page)
    return true
  }

  static func takePages(_ count: UInt64) -> PageRun? {
    try? PageRequest.allocate(count: count, alignment: 1, placement: .local, zeroed: false, .normal)
  }

  func keep(_ slot: Int, _ block: UInt64, _ size: UInt64, kind: UInt64) {
    let isPage = kind == Chaos.page
    let usable = isPage ? size : UInt64(Heap.usableSize(UnsafeMutableRawPointer(bitPattern: UInt(block))))
    if usable < size { fail("usable size below what was asked for", block, size) }
    mark(block, usable, true)
    sizes[slot] = size
    usables[slot] = usable
    kinds[slot] = kind
    turns[slot] = turn.add(1)
    fill(block, size, turns[slot])
    AtomicWord(slots + slot).storeRelease(block)
  }

  /// The caller has made the slot 1; `block` is what it was.
  func drop(_ slot: Int, _ block: UInt64, keeping: Bool) {
    mark(block, usables[slot], false)
    if kinds[slot] < 2 { AtomicWord(counters + Int(kinds[slot])).subtract(1) }
    if kinds[slot] == Chaos.page {
      if (try? PageRequest.release(page: Region.page(of: block))) == nil { fail("a run was not whole", block) }
    } else {
      Heap.free(UnsafeMutableRawPointer(bitPattern: UInt(block)))
    }
    AtomicWord(slots + slot).storeRelease(keeping ? block : 0)
  }

  func resize(_ slot: Int, _ block: UInt64, _ dice: inout Dice) {
    let old = sizes[slot]
    let size = max(1, dice.roll(3) == 0 ? old &+ dice.roll(old &+ 100) : dice.size())
    mark(block, usables[slot], false)
    guard let moved = Heap.reallocate(UnsafeMutableRawPointer(bitPattern: UInt(block)), Int(size)) else {
      fail("no memory for realloc", block, size)
    }
    let new = UInt64(UInt(bitPattern: moved))
    check(at: new, block, old, turns[slot], count: min(old, size))
    keep(slot, new, size, kind: kinds[slot])
  }

  func step(_ dice: inout Dice) {
    let slot = Int(dice.roll(UInt64(Chaos.slotCount)))
    let word = AtomicWord(slots + slot)
    var block = word.loadRelaxed()
    if block == 1 || !word.compareExchange(&block, 1) { return }
    if block == 0 {
      if !make(slot, &dice) { word.storeRelease(0) }
      return
    }
    check(at: block, block, sizes[slot], turns[slot], count: sizes[slot])
    switch dice.roll(100) {
    case 0..<55: drop(slot, block, keeping: plan.planted == .freedAndKept && dice.roll(2000) == 0)
    case 55..<70 where kinds[slot] >= 2 && kinds[slot] < Chaos.page: resize(slot, block, &dice)
    default: word.storeRelease(block)
    }
  }
}
