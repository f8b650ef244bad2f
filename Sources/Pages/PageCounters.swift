// SPDX-License-Identifier: Apache-2.0
// How many pages were taken and given back on each CPU: words of its block that only its sections change. A count is
// lost when the section is aborted, or where the CPU has no block (before its first slow path, and on rung D). Pages
// that lie ready there count when they are pushed and popped (PageStack), runs and objects' pages by these words. What
// counts so though nobody gives or takes it is subtracted again: a refill or an overflow (8 at most), a run or page
// whose slot another takes, the pages that a CPU gives up because it is to keep none (64 at most). From the count of
// another CPU where the thread is there by then, and where that section is aborted not at all: an approximation, that
// may be too low or too high by so much. No count is told below 0.
//
// What a node has in use, dirty and returned is counted exactly, in its anax_node; there pages that lie ready on CPUs
// count as claimed, so that a hit touches no word that CPUs share. What is told to people is without them: they are
// free.

import CAnax
import LockFree
import PerCPU

package enum PageCounters {
  @_noLocks @_noAllocation
  static func taken(_ count: UInt64) { add(UInt64(ANAX_WORD_PAGES_TAKEN), count) }

  @_noLocks @_noAllocation
  static func given(_ count: UInt64) { add(UInt64(ANAX_WORD_PAGES_GIVEN), count) }

  @inline(never) @_noLocks @_noAllocation
  static func add(_ word: UInt64, _ count: UInt64) { if CPUBlocks.current() != nil { _ = CPUBlocks.add(word, count) } }

  @inline(never) @_noLocks @_noAllocation
  package static func taken(onCPU cpu: Int) -> UInt64 { sum(Int(ANAX_WORD_PAGES_TAKEN), cpu) { $0.popped } }

  @inline(never) @_noLocks @_noAllocation
  package static func given(onCPU cpu: Int) -> UInt64 { sum(Int(ANAX_WORD_PAGES_GIVEN), cpu) { $0.pushed } }

  /// What a CPU's word has counted, with what its stacks count themselves.
  @inline(__always) @_noLocks @_noAllocation
  private static func sum(_ word: Int, _ cpu: Int, _ own: ((pushed: UInt64, popped: UInt64)) -> UInt64) -> UInt64 {
    if !CacheCensus.isOpen(cpu) { return 0 }
    var sum = CacheCensus.counter(word, cpu: cpu)
    PageDrain.forBoth(cpu) { _, stack, _ in sum &+= own(stack.counts) }
    return positive(sum)
  }

  /// 0 for a sum below it: on one CPU something was counted that was taken off again on another, or who has subtracted
  /// was before who adds.
  @_noLocks @_noAllocation
  static func positive(_ sum: UInt64) -> UInt64 { sum < 1 &<< 62 ? sum : 0 }

  /// Pages of the node that somebody has.
  @inline(never) @_noLocks @_noAllocation
  package static func claimed(node: Int) -> UInt64 {
    let counted = positive(AtomicWord(anax_node_claimed_pages(Pages.node(node))).loadRelaxed())
    return counted &- min(ready(node: node), counted)
  }

  /// Pages of the node that somebody has, with those that others have in hand. What goes once from a stack to the
  /// bitmaps, or back, while this is read counts as free. Who gets too many asks whether another drains
  /// (PageDrain.isBusy), and then once more: what that one had in hand is counted off by then.
  @inline(never) @_noLocks @_noAllocation
  package static func claimedAtLeast(node: Int) -> UInt64 {
    let ready = ready(node: node)
    let counted = AtomicWord(anax_node_claimed_pages(Pages.node(node))).loadAcquire()
    return counted &- min(max(ready, self.ready(node: node)), counted)
  }

  /// Free pages of the node that were not returned to the kernel.
  @inline(never) @_noLocks @_noAllocation
  package static func dirty(node: Int) -> UInt64 {
    positive(AtomicWord(anax_node_dirty_pages(Pages.node(node))).loadRelaxed()) &+ readyDirty(node: node)
  }

  /// Pages of the node that lie ready on CPUs. A purge leaves none, and a page that is taken and given back there
  /// changes nothing.
  @_noLocks @_noAllocation
  package static func ready(node: Int) -> UInt64 { sum(of: .pages, node: node) }

  /// Of these, those that are not known to be zero.
  @_noLocks @_noAllocation
  package static func readyDirty(node: Int) -> UInt64 { sum(of: .dirty, node: node) }

  private enum Figure { case pages, dirty }

  /// Over the stacks and rows of all CPUs of a node; of a stack's `pages` only the word that heads it is read.
  @inline(never) @_noLocks @_noAllocation
  private static func sum(of figure: Figure, node: Int) -> UInt64 {
    var sum: UInt64 = 0
    var index = 0
    while index < Int(anax_state().pointee.block_count) &* 2 {
      let cpu = index / 2
      if CacheCensus.isOpen(cpu), CPUBlocks.ownNode(cpu) == node {
        let stack = PageStack(cpu: cpu, which: UInt64(index & 1))
        let row = RunRow(cpu: cpu, which: UInt64(index & 1))
        switch figure {
        case .pages: sum &+= stack.depth &+ row.pages
        case .dirty:
          let depth = stack.depth
          sum &+= depth &- min(stack.zeroPages, depth) &+ row.pages
        }
      }
      index += 1
    }
    return sum
  }
}
