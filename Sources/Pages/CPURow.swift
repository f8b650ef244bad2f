// SPDX-License-Identifier: Apache-2.0
// A row of ready runs as a thread on its CPU uses it: what lies in a slot is read, and the slot changed by a section
// of whichever CPU the thread is on by then. So all that is read here is a hint; a section changes the slot only where
// it is still true of its own CPU (RunRow has the words and orders). Both rows of a CPU: short runs (RunCache) and
// objects' pages (ColorCache).

import CAnax
import LockFree
import PerCPU

struct CPURow {
  enum Kind {
    case runs, colors

    /// The word that says what the row is, counted from the start of a node's part.
    fileprivate var word: Int {
      @inline(__always) @_noLocks @_noAllocation get {
        self == .runs ? Int(ANAX_WORD_RUN_ROW) : Int(ANAX_WORD_COLOR_ROW)
      }
    }

    /// The number of its first slot, and the one behind the last.
    fileprivate var first: UInt64 { @inline(__always) @_noLocks @_noAllocation get { self == .runs ? 1 : 0 } }
    fileprivate var end: UInt64 {
      @inline(__always) @_noLocks @_noAllocation get {
        self == .runs ? RunRow.slots &+ 1 : UInt64(ANAX_COLOR_SLOTS)
      }
    }
  }

  /// The node whose runs lie there.
  let node: Int
  let row: RunRow
  private let kind: Kind

  /// nil: the CPU has none, or it is closed.
  @inline(__always) @_noLocks @_noAllocation
  init?(_ kind: Kind) {
    guard let here = CPUBlocks.partHere() else { return nil }
    (node, row, self.kind) = (here.node, RunRow(part: here.words), kind)
    if !(kind == .runs ? row.isOpen : row.isColorOpen) { return nil }
  }

  /// The same; made where there is none before. nil: the CPU has no block, or the row is closed.
  @inline(__always) @_noLocks @_noAllocation
  static func opened(_ kind: Kind) -> CPURow? { CPURow(kind) ?? make(kind) }

  @inline(never) @_noLocks @_noAllocation
  private static func make(_ kind: Kind) -> CPURow? {
    guard let cpu = CPUBlocks.current() else { return nil }
    CPUBlocks.open(cpu)
    _ = CPUBlocks.open(stackOrRow: UInt64(kind.word))
    return CPURow(kind)
  }

  /// What lies in a slot; 0: nothing. Slots of runs are 1...`RunRow.slots`, of objects' pages 0...63, each a turn
  /// (PageQueue).
  @inline(__always) @_noLocks @_noAllocation
  func entry(_ slot: UInt64) -> UInt64 { at(slot).loadRelaxed() }

  @inline(__always) @_noLocks @_noAllocation
  private func at(_ slot: UInt64) -> AtomicWord { row.slot(kind == .runs ? slot : RunRow.colorSlot(slot)) }

  /// A section. False: something else lies there, or the row is closed by now, or the section was aborted.
  @inline(__always) @_noLocks @_noAllocation
  func replace(_ slot: UInt64, _ old: UInt64, with new: UInt64) -> Bool {
    CPUBlocks.replace(
      row: UInt64(node &* ANAX_ZONES_MAX &+ kind.word), slot: kind == .runs ? slot : RunRow.colorSlotOfRow(slot), old,
      with: new)
  }

  /// A run that is in hand because another has its slot now: it goes to the bitmaps.
  @inline(never) @_noLocks @_noAllocation
  static func displaced(_ entry: UInt64) {
    let (page, count) = (RunRow.page(entry), RunRow.count(entry))
    Run.at(page: page).storeRelaxed(0)
    Pages.release(page: page, count: count)
    // It was counted when it was put there.
    _ = CPUBlocks.add(UInt64(ANAX_WORD_PAGES_GIVEN), 0 &- count)
  }

  /// Where no more are kept: those of this CPU go to the bitmaps. How many pages.
  @inline(never) @_noLocks @_noAllocation
  static func leave(_ kind: Kind) -> UInt64 {
    guard let here = CPURow(kind) else { return 0 }
    var back = PageReturn(.old)
    var slot = kind.end
    while slot > kind.first {
      slot &-= 1
      let entry = here.entry(slot)
      if entry != 0, here.replace(slot, entry, with: 0) {
        Run.at(page: RunRow.page(entry)).storeRelaxed(0)
        back.add(run: RunRow.page(entry), count: RunRow.count(entry))
      }
    }
    back.end()
    return back.count
  }
}
