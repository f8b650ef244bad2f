// SPDX-License-Identifier: Apache-2.0
// A CPU's row of ready runs as others see it (CPURow: as its own threads do): words of the own node's part of a CPU
// block, so two of them a CPU. A slot holds a run or nothing, and each section changes one slot, from what its thread
// has seen there to something else; it gives up where something else lies there by then, and while the row is closed.
// To take runs from outside: as a CPU's stack of ready pages, under the same lock (PageStack). Objects' pages lie in
// slots of their own, one for each color (ColorCache), with a word of their own that says what the row is: opened when
// the first of them is given back, closed and opened with the other. All that follows is true of both.
//
// | word | transition | by | order |
// |---|---|---|---|
// | row | 0 → 1: open | a section of the CPU | plain store, the section's last |
// | row | 1, 2 → 2: closed | who has the lock of the CPU's stacks | release, then the membarrier: sections that read 1 have ended or are aborted |
// | row | 2 → 1 | the same, when the runs it took are free in the bitmaps | release; sections read it before the slot (aarch64: by an address that depends on it) |
// | slot | 0 → run | a section of the CPU, of who has the run in hand | plain store, the section's last; it has read the row as 1 and the slot as 0 |
// | slot | run → 0 | the same; the run is in hand | the same; it has read that run there |
// | slot | run → another run | the same; the first is in hand, the other was | the same |
// | slot | run → 0 | who has the row from outside; the run is in hand | CAS, acquire and release: who reads it by acquire sees the CPU's lock taken |
// What a thread has seen in a slot may have been taken and put there again meanwhile, also on another CPU where it runs
// by now: it is a run that lies there now, and of that one it takes. So an entry needs no version. A thread stopped
// with a row closed keeps its runs and lets the CPU go on without it; in the child of a fork the lock is free, and the
// next who drains opens it. Model: Tests/ModelTests/RunRowModelTests.
//
// | bits of an entry | mean |
// |---|---|
// | 0...7 | pages of the run, 2...64, or 1 of an object; 0: the slot is empty |
// | 8...15 | the tick's epoch when it was put there, as far as it goes: of another one it has lain there since before the last tick |
// | 16...63 | its first page |

import CAnax
import LockFree
import PerCPU

struct RunRow {
  /// The start of a node's part.
  private let part: UnsafeMutablePointer<UInt64>

  /// In one of the two blocks of a CPU that has its block, in use or not.
  @_noLocks @_noAllocation
  init(cpu: Int, which: UInt64) { part = CPUBlocks.ownPart(cpu, which: which) }

  @inline(__always) @_noLocks @_noAllocation
  init(part: UnsafeMutablePointer<UInt64>) { self.part = part }

  static var slots: UInt64 { @inline(__always) @_noLocks @_noAllocation get { UInt64(ANAX_RUN_ROW_SLOTS) } }

  @inline(__always) @_noLocks @_noAllocation
  static func entry(_ page: UInt64, _ count: UInt64) -> UInt64 { page &<< 16 | epoch &<< 8 | count }
  @inline(__always) @_noLocks @_noAllocation
  static func page(_ entry: UInt64) -> UInt64 { entry &>> 16 }
  @inline(__always) @_noLocks @_noAllocation
  static func count(_ entry: UInt64) -> UInt64 { entry & 0xff }

  private static var epoch: UInt64 {
    @inline(__always) @_noLocks @_noAllocation get {
      AtomicWord(anax_state_run_epoch(anax_state())).loadRelaxed() & 0xff
    }
  }

  /// A tick: what is put on a row from now on is younger.
  @_noLocks @_noAllocation
  static func age() { _ = AtomicWord(anax_state_run_epoch(anax_state())).add(1) }

  private var row: AtomicWord { @_noLocks @_noAllocation get { AtomicWord(part + Int(ANAX_WORD_RUN_ROW)) } }

  private var colorRow: AtomicWord { @_noLocks @_noAllocation get { AtomicWord(part + Int(ANAX_WORD_COLOR_ROW)) } }

  /// 1...`slots` are those of runs; of objects' pages those at `colorSlot` of 0...63.
  @inline(__always) @_noLocks @_noAllocation
  func slot(_ index: UInt64) -> AtomicWord { AtomicWord(part + Int(ANAX_WORD_RUN_ROW) + Int(index)) }

  /// The slot of an object's page, for `slot`; and, as sections name it, counted from the color row's word.
  @inline(__always) @_noLocks @_noAllocation
  static func colorSlot(_ turn: UInt64) -> UInt64 { UInt64(ANAX_WORD_COLOR_SLOTS - ANAX_WORD_RUN_ROW) &+ turn }
  @inline(__always) @_noLocks @_noAllocation
  static func colorSlotOfRow(_ turn: UInt64) -> UInt64 { UInt64(ANAX_WORD_COLOR_SLOTS - ANAX_WORD_COLOR_ROW) &+ turn }

  /// Slots that something may lie in, of both kinds. `place` of 1... is one of them.
  private var places: UInt64 {
    @_noLocks @_noAllocation get { RunRow.slots &+ (colorRow.loadRelaxed() == 0 ? 0 : PageQueue.share) }
  }

  @inline(__always) @_noLocks @_noAllocation
  private func place(_ index: UInt64) -> AtomicWord {
    slot(index <= RunRow.slots ? index : RunRow.colorSlot(index &- RunRow.slots &- 1))
  }

  /// Runs that found no slot: a count for who comes next, changed by sections of the CPU.
  var turns: AtomicWord { @_noLocks @_noAllocation get { AtomicWord(part + Int(ANAX_WORD_RUN_ROW_TURNS)) } }

  /// Pages of the runs that lie there, all of them dirty.
  var pages: UInt64 {
    @_noLocks @_noAllocation get {
      var pages: UInt64 = 0
      var index = places
      while index > 0 {
        pages &+= RunRow.count(place(index).loadAcquire())
        index &-= 1
      }
      return pages
    }
  }

  var isNone: Bool { @_noLocks @_noAllocation get { row.loadRelaxed() == 0 } }

  /// Whether the CPU's sections can use it: it is there, and not closed. A hint.
  var isOpen: Bool { @inline(__always) @_noLocks @_noAllocation get { row.loadRelaxed() == 1 } }
  var isColorOpen: Bool { @inline(__always) @_noLocks @_noAllocation get { colorRow.loadRelaxed() == 1 } }

  /// Whether somebody has it from outside, or was stopped when he had.
  var isClosed: Bool { @_noLocks @_noAllocation get { row.loadAcquire() == 2 || colorRow.loadAcquire() == 2 } }

  /// Whether there is something to take, or the row was left closed. `idle`: only what lies there since before the last
  /// tick.
  @_noLocks @_noAllocation
  func isWorthTaking(idle: Bool) -> Bool {
    if isClosed { return true }
    var index = places
    while index > 0 {
      if RunRow.isWanted(place(index).loadRelaxed(), idle: idle) { return true }
      index &-= 1
    }
    return false
  }

  @_noLocks @_noAllocation
  private static func isWanted(_ entry: UInt64, idle: Bool) -> Bool {
    entry != 0 && (!idle || entry &>> 8 & 0xff != epoch)
  }

  @_noLocks @_noAllocation
  func close() {
    if row.loadRelaxed() != 0 { row.storeRelease(2) }
    if colorRow.loadRelaxed() != 0 { colorRow.storeRelease(2) }
  }

  @_noLocks @_noAllocation
  func open() {
    if row.loadRelaxed() == 2 { row.storeRelease(1) }
    if colorRow.loadRelaxed() == 2 { colorRow.storeRelease(1) }
  }

  /// For who has the row from outside: its runs are free in the bitmaps. `idle` as above. What has been opened since it
  /// was closed is the CPU's.
  @inline(never) @_noLocks @_noAllocation
  func empty(into back: inout PageReturn, idle: Bool) {
    let (runs, colors) = (row.loadRelaxed() == 2, colorRow.loadRelaxed() == 2)
    var index = places
    while index > 0 {
      var entry = place(index).loadRelaxed()
      // In the child of a fork from a signal handler another may be at it too, below this.
      if index <= RunRow.slots ? runs : colors, RunRow.isWanted(entry, idle: idle),
        place(index).compareExchange(&entry, 0)
      {
        Run.at(page: RunRow.page(entry)).storeRelaxed(0)
        back.add(run: RunRow.page(entry), count: RunRow.count(entry))
      }
      index &-= 1
    }
    back.free()
  }
}
