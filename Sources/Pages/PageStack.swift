// SPDX-License-Identifier: Apache-2.0
// A CPU's stack of ready pages as others see it: words of the own node's part of a CPU block, so two of them a CPU. The
// CPU's sections push and pop; they give up while the stack is closed. To take it from outside: lock the CPU's stacks
// (CPUBlocks), close, stop all sections by one membarrier, take entry after entry, open, unlock. Or the whole block was
// swapped out and its sections stopped (Reclaim): then the lock is enough. That lock is no other's: while a CPU's pages
// are taken its lists can be, and the other way round.
//
// | word | transition | by | order |
// |---|---|---|---|
// | stack | pushes + 1, place + 1, behind the entry | a section of the CPU | plain store, the section's last; it has read `closed` as 0 before |
// | stack | place - 1 | a section of the CPU, which then has the entry | the same |
// | stack | 0 → 1 | a section of the CPU: opened for the first time, empty | the same |
// | stack | place - 1 | who has it from outside, before the page goes on | CAS, acquire and release: who reads it by acquire sees the CPU's lock taken |
// | closed | 0, 1 → 1 | who has the CPU's lock | release, then the membarrier: sections that read 0 have ended or are aborted |
// | closed | 1 → 0 | the same, when the pages it took are free in the bitmaps | release; sections read it before the stack (aarch64: by an address that depends on it) |
// | drained | + 1 | who has it from outside, behind place - 1 | CAS, acquire and release: who reads it by acquire sees that place, or a later one |
// | seen | any | a tick: the stack as it is | relaxed; a hint |
// A stack is only ever opened in the own node's part of its CPU, so that no pages lie where nobody pops. Where the
// membarrier is refused, the stack is opened again and nothing was touched. A thread stopped with a stack closed keeps
// its pages and lets the CPU go on without it; in the child of a fork the lock is free, and the next who drains opens
// it. A drain that goes on in the child of a handler's fork, where the handler may have drained too, takes each entry
// by CAS and leaves the CPUs whose lock it has no more. (But where such a handler starts threads before it returns, one
// of these may pop what the drain takes of the one CPU that it is at.) Pages taken on a CPU are pushes less what lies
// there and what was drained: so a hit counts itself. Model: Tests/ModelTests/PageStackModelTests.
//
// | bits of an entry | mean |
// |---|---|
// | 0 | 1 |
// | 1 | the page is known to be zero: nobody has had it since it came from the kernel |
// | 2...63 | the page |

import CAnax
import LockFree
import PerCPU

struct PageStack {
  /// The start of a node's part.
  private let part: UnsafeMutablePointer<UInt64>

  /// In one of the two blocks of a CPU that has its block, in use or not.
  @_noLocks @_noAllocation
  init(cpu: Int, which: UInt64) { part = CPUBlocks.ownPart(cpu, which: which) }

  @_noLocks @_noAllocation
  init(part: UnsafeMutablePointer<UInt64>) { self.part = part }

  @_noLocks @_noAllocation
  private func word(_ index: Int) -> AtomicWord { AtomicWord(part + index) }
  private var stack: AtomicWord { @_noLocks @_noAllocation get { word(Int(ANAX_WORD_PAGE_STACK)) } }
  private var closed: AtomicWord { @_noLocks @_noAllocation get { word(Int(ANAX_WORD_PAGE_STACK_CLOSED)) } }
  private var seen: AtomicWord { @_noLocks @_noAllocation get { word(Int(ANAX_WORD_PAGES_SEEN)) } }
  private var drained: AtomicWord { @_noLocks @_noAllocation get { word(Int(ANAX_WORD_PAGES_DRAINED)) } }

  @_noLocks @_noAllocation
  private static func depth(_ word: UInt64) -> UInt64 { max(word & 0xffff, 1) &- 1 }

  /// Pages that lie there.
  var depth: UInt64 { @_noLocks @_noAllocation get { PageStack.depth(stack.loadAcquire()) } }

  /// Pages pushed so far, and of these popped by the CPU; while somebody drains the stack some too many.
  var counts: (pushed: UInt64, popped: UInt64) {
    @_noLocks @_noAllocation get {
      // In this order: what was drained is gone from the stack that is read.
      let drained = drained.loadAcquire()
      let word = stack.loadRelaxed()
      return (word &>> 16, word &>> 16 &- PageStack.depth(word) &- drained)
    }
  }

  /// Of the pages that lie there those that are known to be zero. The CPU may change the entries meanwhile.
  var zeroPages: UInt64 {
    @_noLocks @_noAllocation get {
      var index = Int(min(depth, UInt64(ANAX_PAGE_STACK_MOST)))
      var count: UInt64 = 0
      while index > 0 {
        index -= 1
        if PageCache.isZero(word(Int(ANAX_WORD_PAGE_STACK_ENTRIES) + index).loadRelaxed()) { count &+= 1 }
      }
      return count
    }
  }

  /// Whether the CPU's sections can use it: it is there, and not closed. A hint.
  var isOpen: Bool { @_noLocks @_noAllocation get { closed.loadRelaxed() == 0 && stack.loadRelaxed() != 0 } }

  /// Whether somebody has it from outside, or was stopped when he had.
  var isClosed: Bool { @_noLocks @_noAllocation get { closed.loadAcquire() != 0 } }

  /// Whether there is something to take, or the stack was left closed. `idle`: only where nothing has changed since
  /// this was last asked so.
  @_noLocks @_noAllocation
  func isWorthTaking(idle: Bool) -> Bool {
    if isClosed { return true }
    let now = stack.loadRelaxed()
    if idle, seen.loadRelaxed() != now {
      seen.storeRelaxed(now)
      return false
    }
    return PageStack.depth(now) > 0
  }

  @_noLocks @_noAllocation
  func close() { closed.storeRelease(1) }

  @_noLocks @_noAllocation
  func open() { if closed.loadRelaxed() != 0 { closed.storeRelease(0) } }

  /// For who has the stack from outside: its pages are free in the bitmaps.
  @inline(never) @_noLocks @_noAllocation
  func empty(into back: inout PageReturn) {
    while true {
      var now = stack.loadRelaxed()
      if PageStack.depth(now) == 0 { break }
      let entry = word(Int(ANAX_WORD_PAGE_STACK_ENTRIES) + Int(PageStack.depth(now)) - 1).loadRelaxed()
      // In the child of a fork from a signal handler another may have drained meanwhile, below this.
      let less = now &- 1
      if !stack.compareExchange(&now, less) { continue }
      var count = drained.loadRelaxed()
      while !drained.compareExchange(&count, count &+ 1) {}
      let page = PageCache.page(entry)
      Run.at(page: page).storeRelaxed(0)
      back.add(page, zero: PageCache.isZero(entry))
    }
    back.free()
  }
}
