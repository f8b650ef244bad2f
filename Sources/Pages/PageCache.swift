// SPDX-License-Identifier: Apache-2.0
// Single pages that lie ready on a CPU: what is freed there is taken there next, without an atomic instruction on a
// word that CPUs share. Only pages of the CPU's own node, only for requests for one page that belongs to no object and
// has no wish for a node, and only where other CPUs' pages can be taken back by a membarrier: where the kernel refuses
// it, from the start or later, no page is laid ready any more, and on rung D and for threads without an area pages come
// from the bitmaps and go there. What lies ready when the kernel begins to refuse stays until its CPU takes it as
// single pages, gives a page or a short run back, or ticks.
//
// At most `vm.page.cache` on a stack, and none beyond an eighth of `vm.page.keep_floor` divided by the CPU blocks
// (rounded up to a power of two; on rung A there is one for each node and concurrency id). That is a CPU's bound but
// for two cases: its other stack may hold as much until a tick, where a reclaimer swapped the block while another was
// at its pages; and where a bound is lowered, what lies there stays until then too. The cap of free pages leaves that
// share out (Purge.floor), on each node that of all nodes' CPUs; a cap in percent counts what lies ready as in use.
//
// A page that lies ready is claimed in the bitmap and counted so in its node's words; for vm.heap.limit and in the
// statistics it is free. Its run word is Run.ready: whoever frees it again is told so. Nothing is written to the page:
// the stack holds numbers.
// Memory orders and the stack's words: PageStack. Pages are taken back from outside at a purge, by a tick when their
// stack is as it was at the tick before, and before a request is refused (PageDrain).
//
// | where the page is | claimed | run word | goes to | by |
// |---|---|---|---|---|
// | bitmap | 0 | 0 | in hand | refill: some of one word of the bitmap at once |
// | in hand | 1 | 0 | stack | the same, for what it does not give out; who frees: the word ready, then a push |
// | stack | 1 | ready | in hand | who pops it, by a section of its CPU; who has the stack from outside |
// | in hand | 1 | 0, ready | the user's, live | who asked |
// | in hand | 1 | 0 | bitmap | overflow, a drain, and whatever could not be pushed |
// A thread stopped with pages in hand keeps them: 9 at most, and one that takes them from outside, or because the CPU
// is to keep none any more, those of one word of the bitmap, and what it leaves on the stacks that it has closed.

import CAnax
import LockFree
import Machine
import PerCPU

@usableFromInline
package enum PageCache {
  /// Pages that a CPU may have now; 0: none is kept.
  static var room: UInt64 {
    @inline(__always) @_noLocks @_noAllocation get { room(UInt64(Tunable.pageCache.value), halvings: 3) }
  }

  /// So many pages, or less: none beyond what is left of `vm.page.keep_floor`, halved so often, for each CPU block. 0:
  /// nothing may lie ready.
  @inline(__always) @_noLocks @_noAllocation
  static func room(_ pages: UInt64, halvings: UInt64) -> UInt64 {
    if Tunable.pageDecay.value == 0 || !sectionsWork || anax_state().pointee.membarrier == 0 { return 0 }
    let blocks = UInt64(64 &- (anax_state().pointee.block_count &- 1).leadingZeroBitCount)
    return min(pages, UInt64(Tunable.pageKeepFloor.value) &>> (Region.pageShift &+ halvings &+ blocks))
  }

  /// Bytes that all CPUs may have: part of what `vm.page.keep_floor` lets be kept.
  static var most: UInt64 {
    @_noLocks @_noAllocation get { (room &* anax_state().pointee.block_count) &<< Region.pageShift }
  }

  /// No section may be entered on rung D.
  static var sectionsWork: Bool {
    @inline(__always) @_noLocks @_noAllocation get { anax_state().pointee.cpu_limit != 0 }
  }

  /// Pages that go from the bitmaps to a CPU, or back, at once.
  static var portion: UInt64 { @_noLocks @_noAllocation get { 8 } }

  /// Index of the stack of a node's pages in a CPU block.
  @inline(__always) @_noLocks @_noAllocation
  static func stack(_ node: Int) -> UInt64 { UInt64(node &* ANAX_ZONES_MAX &+ Int(ANAX_WORD_PAGE_STACK)) }

  @inline(__always) @_noLocks @_noAllocation
  static func entry(_ page: UInt64, zero: Bool) -> UInt64 { page &<< 2 | (zero ? 3 : 1) }
  @inline(__always) @_noLocks @_noAllocation
  static func page(_ entry: UInt64) -> UInt64 { entry &>> 2 }
  @inline(__always) @_noLocks @_noAllocation
  static func isZero(_ entry: UInt64) -> Bool { entry & 2 != 0 }

  /// A page of this CPU's node; nil: ask the bitmaps. Not inlined: the linker keeps every function that has a section
  /// in it.
  @inline(never) @_noLocks @_noAllocation
  package static func take() -> PageRun? {
    if !sectionsWork { return nil }
    let entry = CPUBlocks.pop(stack: UInt64(ANAX_WORD_PAGE_STACK))
    return entry == 0 ? refill() : handedOut(entry)
  }

  @inline(__always) @_noLocks @_noAllocation
  static func handedOut(_ entry: UInt64) -> PageRun {
    if _slowPath(isZero(entry)) { noteFirstTouch(page(entry)) }
    return PageRun(page: page(entry), zero: isZero(entry))
  }

  @inline(never) @_noLocks @_noAllocation
  static func noteFirstTouch(_ page: UInt64) {
    _ = PageBitmap.touch(page: page, count: 1)
    Purge.noteMissed(node: Pages.node(Region.node(ofPage: page)), count: 1)
  }

  /// Keeps a page that its user has given back, whose run word is 0. False: it is for the bitmaps.
  @inline(__always) @_noLocks @_noAllocation
  static func give(_ page: UInt64) -> Bool {
    let room = room
    if room == 0 {
      if sectionsWork { PageDrain.leave() }
      return false
    }
    let word = Run.at(page: page)
    word.storeRelaxed(Run.ready)
    if CPUBlocks.push(stack: stack(Region.node(ofPage: page)), entry(page, zero: false), room: room)
      || overflow(page, room)
    {
      HelperCall.noteDirty()
      return true
    }
    word.storeRelaxed(0)
    return false
  }

  /// Where no more are kept: those of this CPU go to the bitmaps. How many.
  @inline(never) @_noLocks @_noAllocation
  static func leave() -> UInt64 {
    guard let here = CPUBlocks.partHere(), PageStack(part: here.words).depth > 0 else { return 0 }
    return popped(.old, most: UInt64(ANAX_PAGE_STACK_MOST))
  }

  /// Pages of this CPU to the bitmaps. How many.
  @inline(never) @_noLocks @_noAllocation
  static func popped(_ age: PageReturn.Age, most: UInt64) -> UInt64 {
    var back = PageReturn(age)
    while back.count < most {
      let last = CPUBlocks.pop(stack: UInt64(ANAX_WORD_PAGE_STACK))
      if last == 0 { break }
      Run.at(page: page(last)).storeRelaxed(0)
      back.add(page(last), zero: isZero(last))
    }
    // Pops count as pages taken: these were not.
    PageCounters.taken(0 &- back.count)
    back.end()
    return back.count
  }

  /// Some pages from the bitmaps for a CPU that has none; of these the first one. nil: there are none, or the CPU keeps
  /// none now.
  @inline(never) @_noLocks @_noAllocation
  static func refill() -> PageRun? {
    let room = room
    if room == 0 { return nil }
    // The thread may have come to another CPU meanwhile.
    let found = CPUBlocks.pop(stack: UInt64(ANAX_WORD_PAGE_STACK))
    if found != 0 { return handedOut(found) }
    guard let cpu = CPUBlocks.current(), let node = open(cpu) else { return nil }
    let entry = Pages.node(node)
    var bits: UInt64 = 0
    guard let first = PageSearch.claimSeveral(node: entry, most: min(portion, room &+ 1), cpu: UInt64(cpu), &bits)
    else {
      return nil
    }
    let word = first / 64
    let dirty = PageBitmap.touchedWord(word).loadRelaxed() & bits
    AtomicWord(anax_node_claimed_pages(entry)).add(UInt64(bits.nonzeroBitCount))
    if dirty != 0 { AtomicWord(anax_node_dirty_pages(entry)).subtract(UInt64(dirty.nonzeroBitCount)) }
    // The lowest is given out now and the others in turn, those that are resident first.
    let given = UInt64((dirty != 0 ? dirty : bits).trailingZeroBitCount)
    let rest = bits & ~(1 &<< given)
    let clean = push(word: word, rest & ~dirty, zero: true, room)
    let kept = clean | push(word: word, rest & dirty, zero: false, room)
    // Pushes count as pages given: these were not.
    PageCounters.given(0 &- UInt64(kept.nonzeroBitCount))
    PageCounters.taken(1)
    if kept != rest {
      var back = PageReturn(.unchanged)
      back.add(word: word, rest & ~kept, zero: rest & ~kept & ~dirty)
      back.end()
    }
    return handedOut(Self.entry(word &* 64 &+ given, zero: dirty == 0))
  }

  /// Makes an empty stack where this CPU has none; the node of its pages. nil: it has no block, or the stack is closed:
  /// then the bitmaps serve page by page.
  @inline(never) @_noLocks @_noAllocation
  static func open(_ cpu: Int) -> Int? {
    CPUBlocks.open(cpu)
    _ = CPUBlocks.open(stackOrRow: UInt64(ANAX_WORD_PAGE_STACK))
    guard let here = CPUBlocks.partHere(), PageStack(part: here.words).isOpen else { return nil }
    return here.node
  }

  /// Puts claimed pages of one word of the bitmap on this CPU's stack, the highest first. Those that are there.
  @inline(never) @_noLocks @_noAllocation
  static func push(word: UInt64, _ bits: UInt64, zero: Bool, _ room: UInt64) -> UInt64 {
    var left = bits
    while left != 0 {
      let bit = 63 &- UInt64(left.leadingZeroBitCount)
      let page = word &* 64 &+ bit
      Run.at(page: page).storeRelaxed(Run.ready)
      if !CPUBlocks.push(stack: stack(Region.node(ofPage: page)), entry(page, zero: zero), room: room) {
        Run.at(page: page).storeRelaxed(0)
        break
      }
      left &= ~(1 &<< bit)
    }
    return bits & ~left
  }

  /// Keeps a page for which the stack had no room: half of what is there makes some. False: it is not for this CPU, or
  /// the stack is closed, or the section was aborted, or another thread was faster.
  @inline(never) @_noLocks @_noAllocation
  static func overflow(_ page: UInt64, _ room: UInt64) -> Bool {
    let node = Region.node(ofPage: page)
    guard let cpu = CPUBlocks.current(), open(cpu) == node else { return false }
    let entry = entry(page, zero: false)
    if CPUBlocks.push(stack: stack(node), entry, room: room) { return true }
    _ = popped(.fresh, most: min(portion, (room &+ 1) / 2))
    return CPUBlocks.push(stack: stack(node), entry, room: room)
  }
}
