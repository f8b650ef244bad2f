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

  /// A page of this CPU's node, of the queue that a search for the object's page at `index` would begin at on the CPU;
  /// nil: ask the bitmaps. Not inlined: the linker keeps every function that has a section in it.
  @inline(never) @_noLocks @_noAllocation
  static func take(index: UInt64, objectColor: UInt64, cpu: UInt64) -> PageRun? {
    let turn = PageQueue.turn(pageIndex: index, objectColor: objectColor)
    guard let here = CPURow(.colors) else { return nil }
    let entry = here.entry(turn)
    if entry == 0 { return nil }
    let page = RunRow.page(entry)
    if PageQueue.turn(ofPage: page, cpu: cpu) != turn || !here.replace(turn, entry, with: 0) { return nil }
    _ = CPUBlocks.add(UInt64(ANAX_WORD_PAGES_TAKEN), 1)
    return PageRun(page: page, zero: false)
  }

  /// Keeps an object's page that its user has given back, whose run word is 0. False: it is for others, as any page.
  @inline(never) @_noLocks @_noAllocation
  static func give(_ page: UInt64) -> Bool {
    let cpu = UInt64(CPUBlocks.anyCPU())
    let turn = PageQueue.turn(ofPage: page, cpu: cpu)
    guard turn < room, let here = CPURow.opened(.colors), here.node == Region.node(ofPage: page) else { return false }
    let old = here.entry(turn)
    if old != 0, !gives(way: RunRow.page(old), to: page, turn, cpu) { return false }
    let word = Run.at(page: page)
    word.storeRelaxed(Run.ready)
    if here.replace(turn, old, with: RunRow.entry(page, 1)) {
      _ = CPUBlocks.add(UInt64(ANAX_WORD_PAGES_GIVEN), 1)
      if old != 0 { CPURow.displaced(old) }
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
}
