// SPDX-License-Identifier: Apache-2.0
// Taking back the pages and runs that lie ready on CPUs, from outside: stacks and rows are closed, all sections are
// stopped by one membarrier, and what is there goes to the bitmaps (PageStack, RunRow). A CPU whose stacks somebody
// else is at is passed by, and told as busy. Any thread, any signal handler.
//
// A request that is about to be refused drains, three times at most where it asks for one page and twice for more; and
// it waits, for `patience` in all, for others who have pages in hand. It never needs them to end: then it is refused. A
// handler does not wait for the thread that it interrupts, and for one that was waited for in vain nobody does again
// until it unlocks.
//
// Where the kernel refuses the membarrier no other CPU's pages can be had: each CPU's go back by a drain there, or when
// a page or a short run is given back there; single pages, also objects', are served there until then. What is closed
// then, by a thread that is stopped or that the parent of a fork has, stays closed with its pages.

import CAnax
import LockFree
import Machine
import PerCPU

package enum PageDrain {
  /// What a drain came to.
  package struct Outcome {
    /// Pages that are free in the bitmaps now.
    package var pages: UInt64 = 0
    /// Another is at some CPU's stacks, and what it takes may not be in the bitmaps yet.
    package var isBusy = false

    @_noLocks @_noAllocation
    init() {}
  }

  /// Empties the stacks and rows of all CPUs; `idle`: stacks that have not changed since the tick before, and of rows
  /// the runs that have lain there since then.
  @inline(never) @_noLocks @_noAllocation @discardableResult
  package static func everything(idle: Bool = false) -> Outcome {
    let state = anax_state()
    var outcome = Outcome()
    if state.pointee.membarrier == 0 {
      outcome.pages = leave()
      leaveOver()
      return outcome
    }
    // Four bits for each block index, of which there are at most ANAX_CPUS_MAX: its stacks, and its rows.
    var closed = InlineArray<256, UInt64>(repeating: 0)
    var any = false
    let count = Int(state.pointee.block_count)
    var cpu = 0
    while cpu < count {
      let worth = CacheCensus.isOpen(cpu) ? worthTaking(cpu, idle: idle) : 0
      if worth != 0 {
        if CPUBlocks.lockStacks(cpu) {
          forBoth(cpu) { which, stack, row in
            if worth &>> which & 1 == 1 { stack.close() }
            if worth &>> (which &+ 2) & 1 == 1 { row.close() }
          }
          closed[cpu / 16] |= worth &<< UInt64(cpu & 15 &* 4)
          any = true
        } else {
          outcome.isBusy = true
        }
      }
      cpu += 1
    }
    if !any {
      if idle { RunRow.age() }
      return outcome
    }
    let stopped = Ladder.stopSections()
    if !stopped { state.pointee.membarrier = 0 }
    var back = PageReturn(idle ? .old : .fresh)
    cpu = 0
    while cpu < count {
      let ours = closed[cpu / 16] &>> UInt64(cpu & 15 &* 4) & 15
      // In the child of a fork from a handler that interrupted this the locks are free: another may have opened what
      // was closed here, and the next who drains opens what is closed still.
      if ours != 0, CPUBlocks.hasStacks(cpu) {
        forBoth(cpu) { which, stack, row in
          if ours &>> which & 1 == 1 {
            if stopped { stack.empty(into: &back) }
            stack.open()
          }
          if ours &>> (which &+ 2) & 1 == 1 {
            if stopped { row.empty(into: &back, idle: idle) }
            row.open()
          }
        }
        CPUBlocks.unlockStacks(cpu)
      }
      cpu += 1
    }
    back.end()
    if idle { RunRow.age() }
    outcome.pages = back.count
    return outcome
  }

  /// Where nothing is kept any more: what lies ready on this CPU goes to the bitmaps. How many pages.
  @inline(never) @_noLocks @_noAllocation @discardableResult
  static func leave() -> UInt64 { PageCache.leave() &+ leaveRuns() }

  /// Its short runs and objects' pages alone.
  @_noLocks @_noAllocation
  static func leaveRuns() -> UInt64 { CPURow.leave(.runs) &+ CPURow.leave(.colors) }

  /// Empties stack and row in a CPU's block that was swapped out and whose sections are stopped. Nothing where another
  /// is at the CPU's stacks: what it leaves there goes back by a tick.
  @inline(never) @_noLocks @_noAllocation
  package static func block(_ block: UnsafeMutablePointer<UInt64>, cpu: Int) {
    let part = block + CPUBlocks.ownNode(cpu) * ANAX_ZONES_MAX
    let (stack, row) = (PageStack(part: part), RunRow(part: part))
    if !stack.isWorthTaking(idle: false), !row.isWorthTaking(idle: false) { return }
    if !CPUBlocks.lockStacks(cpu) { return }
    // So that others see that something is being taken, until it is free.
    stack.close()
    row.close()
    var back = PageReturn(.fresh)
    // As in `everything`: not in the child of a fork from a handler, where another may be at them by now.
    if CPUBlocks.hasStacks(cpu) {
      stack.empty(into: &back)
      row.empty(into: &back, idle: false)
      stack.open()
      row.open()
      CPUBlocks.unlockStacks(cpu)
    }
    back.end()
  }

  /// The pages on blocks that are not in use, of which nobody will come by: the next slow path on their CPU takes them
  /// (CPUBlocks).
  @inline(never) @_noLocks @_noAllocation
  static func leaveOver() {
    var cpu = 0
    while cpu < Int(anax_state().pointee.block_count) {
      if CacheCensus.isOpen(cpu) {
        let part = CPUBlocks.ownPartNotInUse(cpu)
        if PageStack(part: part).depth > 0 || RunRow(part: part).pages > 0 { CPUBlocks.leaveOver(cpu) }
      }
      cpu += 1
    }
  }

  /// Whether `count` pages in a row may be had with those that lie ready: so many are free among the pages that some
  /// node has opened.
  /// (Where more could be opened, nobody would be about to be refused.) True as well while another drains who may be
  /// waited for.
  @inline(never) @_noLocks @_noAllocation
  static func mayServe(_ count: UInt64) -> Bool { areFree(count) || isBusy || areFree(count) }

  @inline(never) @_noLocks @_noAllocation
  private static func areFree(_ count: UInt64) -> Bool {
    var node = 0
    while node < Int(anax_state().pointee.node_count) {
      let entry = Pages.node(node)
      let opened = AtomicWord(anax_node_top(entry)).loadAcquire() &* Region.pagesPerChunk
      if count <= opened &- min(PageCounters.claimedAtLeast(node: node), opened) { return true }
      node += 1
    }
    return false
  }

  /// Whether another thread has pages in hand, or may have, that it is about to free.
  static var isBusy: Bool {
    @inline(never) @_noLocks @_noAllocation get {
      var cpu = 0
      while cpu < Int(anax_state().pointee.block_count) {
        if CPUBlocks.areStacksBusy(cpu) { return true }
        cpu += 1
      }
      return false
    }
  }

  /// Cycles that one request waits at most: an eighth to half a millisecond on x86-64, longer than a membarrier and
  /// what follows it where they are not interrupted.
  static var patience: UInt64 { @_noLocks @_noAllocation get { anax_ticks_per_millisecond() / 4 } }

  /// Waits until no other thread has pages in hand, or until `deadline`, which the first call sets (from 0). False:
  /// there was none to wait for, or no time left.
  @inline(never) @_noLocks @_noAllocation
  static func wait(until deadline: inout UInt64) -> Bool {
    if !isBusy { return false }
    if deadline == 0 { deadline = (anax_ticks() &+ patience) | 1 }
    if isPast(deadline) { return false }
    while isBusy {
      if isPast(deadline) {
        var cpu = 0
        while cpu < Int(anax_state().pointee.block_count) {
          CPUBlocks.giveUpOnStacks(cpu)
          cpu += 1
        }
        break
      }
      anax_pause()
    }
    return true
  }

  @inline(__always) @_noLocks @_noAllocation
  private static func isPast(_ deadline: UInt64) -> Bool { Int64(bitPattern: anax_ticks() &- deadline) >= 0 }

  /// Which of a CPU's two stacks, and of its two rows: a bit each.
  @inline(never) @_noLocks @_noAllocation
  static func worthTaking(_ cpu: Int, idle: Bool) -> UInt64 {
    var worth: UInt64 = 0
    forBoth(cpu) { which, stack, row in
      if stack.isWorthTaking(idle: idle) { worth |= 1 &<< which }
      if row.isWorthTaking(idle: idle) { worth |= 4 &<< which }
    }
    return worth
  }

  /// The stacks and rows in both blocks of a CPU that has them.
  @inline(__always) @_noLocks @_noAllocation
  static func forBoth(_ cpu: Int, _ body: (UInt64, PageStack, RunRow) -> Void) {
    body(0, PageStack(cpu: cpu, which: 0), RunRow(cpu: cpu, which: 0))
    body(1, PageStack(cpu: cpu, which: 1), RunRow(cpu: cpu, which: 1))
  }
}
