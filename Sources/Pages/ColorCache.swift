// SPDX-License-Identifier: Apache-2.0
// Pages of objects that lie ready on a CPU, one for each color that its requests begin at: what is freed there is taken
// there next by a request for that color, without an atomic instruction on a word that CPUs share. So a page that comes
// from here is of the queue that a search would have begun at. It may be of another word of a chunk, as what a search
// finds may be: many threads that hold pages have all of a CPU's own word, and who runs then is to go on with what he
// has. But a page of the own word takes such a page's slot, and any page that of one of another queue: a thread that
// has changed its CPU meanwhile may have left that there, or on rung A one that ran on another CPU.
//
// Only pages that were asked for as an object's (Run.colored), of the CPU's own node and its own share of the queues
// (PageQueue), only for requests without a wish for a node, and only where other CPUs' pages can be taken back by a
// membarrier; elsewhere, on rung D and for threads without an area objects' pages come from the bitmaps. What finds its
// slot taken goes where single pages go (PageCache). At most `PageQueue.share` lie on a CPU, and no more than the
// longest run that may lie ready there (RunCache), but for the two cases that PageCache tells; the cap of free pages
// leaves them out too.
//
// What is said of runs is true of these pages: how they count, what their run word is, who has one in hand, and when
// they are taken back (RunCache, RunRow). But what lies there when the kernel begins to refuse the membarrier is still
// served, as single pages are.

import CAnax
import LockFree
import PerCPU

package enum ColorCache {
  /// Pages that a CPU may have now; 0: none is kept.
  static var room: UInt64 { @inline(__always) @_noLocks @_noAllocation get { min(PageQueue.share, RunCache.room) } }

  /// Bytes that all CPUs may have: part of what `vm.page.keep_floor` lets be kept.
  static var most: UInt64 {
    @_noLocks @_noAllocation get { (room &* anax_state().pointee.block_count) &<< Region.pageShift }
  }

  /// Index of the row of a node's pages in a CPU block.
  @inline(__always) @_noLocks @_noAllocation
  static func row(_ node: Int) -> UInt64 { UInt64(node &* ANAX_ZONES_MAX &+ Int(ANAX_WORD_COLOR_ROW)) }

  /// A page of this CPU's node, of the queue that a search for the object's page at `index` would begin at on the CPU;
  /// nil: ask the bitmaps. Not inlined: the linker keeps every function that has a section in it.
  @inline(never) @_noLocks @_noAllocation
  static func take(index: UInt64, objectColor: UInt64, cpu: UInt64) -> PageRun? {
    let turn = PageQueue.turn(pageIndex: index, objectColor: objectColor)
    guard let here = CPUBlocks.partHere() else { return nil }
    let row = RunRow(part: here.words)
    if !row.isColorOpen { return nil }
    let entry = row.slot(RunRow.colorSlot(turn)).loadRelaxed()
    if entry == 0 { return nil }
    let page = RunRow.page(entry)
    if PageQueue.turn(ofPage: page, cpu: cpu) != turn { return nil }
    if !CPUBlocks.replace(row: Self.row(here.node), slot: RunRow.colorSlotOfRow(turn), entry, with: 0) { return nil }
    _ = CPUBlocks.add(UInt64(ANAX_WORD_PAGES_TAKEN), 1)
    return PageRun(page: page, zero: false)
  }

  /// Keeps an object's page that its user has given back, whose run word is 0. False: it is for others, as any page.
  @inline(never) @_noLocks @_noAllocation
  static func give(_ page: UInt64) -> Bool {
    let cpu = UInt64(CPUBlocks.anyCPU())
    let turn = PageQueue.turn(ofPage: page, cpu: cpu)
    guard turn < room, let here = rowHere(), here.node == Region.node(ofPage: page) else { return false }
    let old = here.row.slot(RunRow.colorSlot(turn)).loadRelaxed()
    if old != 0, !gives(way: RunRow.page(old), to: page, turn, cpu) { return false }
    let word = Run.at(page: page)
    word.storeRelaxed(Run.ready)
    let entry = RunRow.entry(page, 1)
    if CPUBlocks.replace(row: row(here.node), slot: RunRow.colorSlotOfRow(turn), old, with: entry) {
      _ = CPUBlocks.add(UInt64(ANAX_WORD_PAGES_GIVEN), 1)
      if old != 0 { displaced(RunRow.page(old)) }
      HelperCall.noteDirty()
      return true
    }
    word.storeRelaxed(0)
    return false
  }

  /// Whether a page in the slot is of another queue, or of another word while the one to come is of the own.
  @inline(__always) @_noLocks @_noAllocation
  private static func gives(way old: UInt64, to page: UInt64, _ turn: UInt64, _ cpu: UInt64) -> Bool {
    let word = PageQueue.word(cpu: cpu)
    return PageQueue.turn(ofPage: old, cpu: cpu) != turn || (page / 64 & 7 == word && old / 64 & 7 != word)
  }

  /// A page whose slot another has now: it goes to the bitmaps.
  @inline(never) @_noLocks @_noAllocation
  private static func displaced(_ page: UInt64) {
    Run.at(page: page).storeRelaxed(0)
    Pages.release(page: page, count: 1)
    // It was counted when it was put there.
    _ = CPUBlocks.add(UInt64(ANAX_WORD_PAGES_GIVEN), 0 &- 1)
  }

  /// The row of this thread's CPU, and the node: a hint. nil: it has no block, or the row is closed.
  @inline(__always) @_noLocks @_noAllocation
  private static func rowHere() -> (row: RunRow, node: Int)? {
    guard let here = CPUBlocks.partHere(), RunRow(part: here.words).isColorOpen else { return open() }
    return (RunRow(part: here.words), here.node)
  }

  /// The same, where there is none before.
  @inline(never) @_noLocks @_noAllocation
  private static func open() -> (row: RunRow, node: Int)? {
    guard let cpu = CPUBlocks.current() else { return nil }
    CPUBlocks.open(cpu)
    _ = CPUBlocks.open(stackOrRow: UInt64(ANAX_WORD_COLOR_ROW))
    guard let here = CPUBlocks.partHere(), RunRow(part: here.words).isColorOpen else { return nil }
    return (RunRow(part: here.words), here.node)
  }

  /// Where no more are kept: those of this CPU go to the bitmaps. How many.
  @inline(never) @_noLocks @_noAllocation
  static func leave() -> UInt64 {
    guard let here = CPUBlocks.partHere() else { return 0 }
    let row = RunRow(part: here.words)
    var back = PageReturn(.old)
    var turn = row.isColorOpen ? UInt64(ANAX_COLOR_SLOTS) : 0
    while turn > 0 {
      turn &-= 1
      let entry = row.slot(RunRow.colorSlot(turn)).loadRelaxed()
      if entry != 0, CPUBlocks.replace(row: Self.row(here.node), slot: RunRow.colorSlotOfRow(turn), entry, with: 0) {
        Run.at(page: RunRow.page(entry)).storeRelaxed(0)
        back.add(RunRow.page(entry), zero: false)
      }
    }
    back.end()
    return back.count
  }
}
