// SPDX-License-Identifier: Apache-2.0
// Short runs that lie ready on a CPU: what is freed there is taken there next by a request for as many pages, without
// an atomic instruction on a word that CPUs share. As single pages do (PageCache): only runs of the CPU's own node,
// only for requests without a wish for a node or an alignment, and only where other CPUs' runs can be taken back by a
// membarrier; elsewhere, on rung D and for threads without an area runs come from the bitmaps and go there.
//
// A run of 2...64 pages, of whatever length, lies in one of the slots of its CPU's row; the longer, the fewer of them
// it may lie in: as many as come to half of `room` pages, were each as long as the power of two that is not below it,
// or in the first, where one comes to `room`. So all slots together never hold more than 2 * room pages. Short runs are
// put into the last of their slots that is free, and leave the first to long ones. Where none is free, one run in eight
// takes that of one of another length, which goes to the bitmaps: so what nobody asks for any more gives way. `room` is
// four times `vm.page.cache`, and none beyond a sixteenth of `vm.page.keep_floor` divided by the CPU blocks (rounded up
// to a power of two). That is a CPU's bound but for the two cases that PageCache tells. The cap of free pages leaves
// that share out too (Purge.floor).
//
// A run is laid ready by who gives it back, never claimed for that: so it counts as dirty. Its pages are claimed in the
// bitmap and counted so in their node's words; for vm.heap.limit and in the statistics they are free. Its run word is
// Run.ready, those of its other pages are 0.
// Memory orders and the row's words: RunRow. Runs are taken back from outside at a purge, by a tick when they have lain
// there since before the last one, and before a request is refused (PageDrain).
//
// | where the run is | claimed | run word | goes to | by |
// |---|---|---|---|---|
// | in hand | 1 | 0 | slot | who frees (give): the word ready, then a section of its CPU |
// | slot | 1 | ready | in hand | by a section of its CPU: who takes it (take), whose run takes its slot (displace), who keeps none any more (CPURow.leave); who has the row from outside (PageDrain) |
// | in hand | 1 | ready | the user's, live | who asked (take) |
// | in hand | 1 | 0 | bitmap | who frees, where there is no slot for it; CPURow.displaced; CPURow.leave; a drain |
// A thread stopped with a run in hand keeps it, and one that takes them from outside those it is giving back and what
// it leaves on the rows that it has closed.

import CAnax
import LockFree
import Machine
import PerCPU

@usableFromInline
package enum RunCache {
  /// Pages of the longest run that is kept.
  package static var longest: UInt64 { @_noLocks @_noAllocation get { UInt64(ANAX_RUN_LONGEST) } }

  /// Pages that the longest run may have now; those of one length may come to half as many on a CPU. 0: none is kept.
  static var room: UInt64 {
    @inline(__always) @_noLocks @_noAllocation get {
      PageCache.room(UInt64(Tunable.pageCache.value) &* 4, halvings: 4)
    }
  }

  /// Bytes that all CPUs may have: part of what `vm.page.keep_floor` lets be kept.
  static var most: UInt64 {
    @_noLocks @_noAllocation get { (room &* 2 &* anax_state().pointee.block_count) &<< Region.pageShift }
  }

  /// Slots in which a run of so many pages, 2 or more, may lie.
  @inline(__always) @_noLocks @_noAllocation
  static func slots(_ count: UInt64, _ room: UInt64) -> UInt64 {
    let fitting = room &>> UInt64(64 &- (count &- 1).leadingZeroBitCount)
    return min(fitting < 2 ? fitting : fitting / 2, RunRow.slots)
  }

  /// A run of `count` pages, 2 or more, of this CPU's node; nil: ask the bitmaps. Not inlined: the linker keeps every
  /// function that has a section in it.
  @inline(never) @_noLocks @_noAllocation
  package static func take(_ count: UInt64) -> PageRun? {
    var slot = slots(count, room)
    guard slot > 0, let here = CPURow(.runs) else { return nil }
    while slot > 0 {
      let entry = here.entry(slot)
      if RunRow.count(entry) == count, here.replace(slot, entry, with: 0) {
        _ = CPUBlocks.add(UInt64(ANAX_WORD_PAGES_TAKEN), count)
        return PageRun(page: RunRow.page(entry), zero: false)
      }
      slot &-= 1
    }
    return nil
  }

  /// Keeps a run of 2 pages or more that its user has given back, whose run word is 0. False: it is for the bitmaps.
  @inline(never) @_noLocks @_noAllocation
  static func give(_ page: UInt64, _ count: UInt64) -> Bool {
    let room = room
    let slots = slots(count, room)
    if slots == 0 {
      if room == 0, PageCache.sectionsWork {
        _ = PageCache.room == 0 ? PageDrain.leave() : PageDrain.leaveRuns()
      }
      return false
    }
    guard let here = CPURow.opened(.runs), here.node == Region.node(ofPage: page) else { return false }
    let word = Run.at(page: page)
    word.storeRelaxed(Run.ready)
    if put(RunRow.entry(page, count), here, slots) {
      _ = CPUBlocks.add(UInt64(ANAX_WORD_PAGES_GIVEN), count)
      HelperCall.noteDirty()
      return true
    }
    word.storeRelaxed(0)
    return false
  }

  /// Puts a run into the last of the slots that is free, else into one that holds a run of another length. False: there
  /// is none, or the row is closed by now, or the section was aborted.
  @inline(__always) @_noLocks @_noAllocation
  private static func put(_ entry: UInt64, _ here: CPURow, _ slots: UInt64) -> Bool {
    var slot = slots
    var other: UInt64 = 0
    while slot > 0 {
      let there = here.entry(slot)
      if there == 0 {
        if here.replace(slot, 0, with: entry) { return true }
      } else if other == 0, RunRow.count(there) != RunRow.count(entry) {
        other = slot
      }
      slot &-= 1
    }
    return other != 0 && displace(here, entry, other)
  }

  /// Puts a run into the slot of another one, which goes to the bitmaps; each eighth time, for where lengths come at
  /// random nothing is gained by it. False: the other times, or the section was aborted.
  @inline(never) @_noLocks @_noAllocation
  private static func displace(_ here: CPURow, _ entry: UInt64, _ slot: UInt64) -> Bool {
    let turn = here.row.turns.loadRelaxed()
    _ = CPUBlocks.add(UInt64(here.node &* ANAX_ZONES_MAX &+ Int(ANAX_WORD_RUN_ROW_TURNS)), 1)
    let old = here.entry(slot)
    if turn & 7 != 0 || !here.replace(slot, old, with: entry) { return false }
    if old != 0 { CPURow.displaced(old) }
    return true
  }
}
