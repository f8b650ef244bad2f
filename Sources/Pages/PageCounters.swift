// SPDX-License-Identifier: Apache-2.0
// How many pages were taken and given back on each CPU: words of its block that only its sections change. A count is lost when
// the section is aborted, or where the CPU has no block (before its first slow path, and on rung D): an approximation, from
// below. Pages that lie ready there count when they are pushed and popped (PageStack).
//
// What a node has in use, dirty and returned is counted exactly, in its anax_node; there pages that lie ready on CPUs count as
// claimed, so that a hit touches no word that CPUs share. What is told to people is without them: they are free.

import CAnax
import LockFree
import PerCPU

package enum PageCounters {
  @_noLocks @_noAllocation
  static func taken(_ count: UInt64) { add(UInt64(ANAX_WORD_PAGES_TAKEN), count) }

  @_noLocks @_noAllocation
  static func given(_ count: UInt64) { add(UInt64(ANAX_WORD_PAGES_GIVEN), count) }

  @_noLocks @_noAllocation
  static func add(_ word: UInt64, _ count: UInt64) { if CPUBlocks.current() != nil { _ = CPUBlocks.add(word, count) } }

  @_noLocks @_noAllocation
  package static func taken(onCPU cpu: Int) -> UInt64 {
    var sum = CacheCensus.counter(Int(ANAX_WORD_PAGES_TAKEN), cpu: cpu)
    forEachStack(cpu) { sum &+= $0.counts.popped }
    return sum
  }

  @_noLocks @_noAllocation
  package static func given(onCPU cpu: Int) -> UInt64 {
    var sum = CacheCensus.counter(Int(ANAX_WORD_PAGES_GIVEN), cpu: cpu)
    forEachStack(cpu) { sum &+= $0.counts.pushed }
    return sum
  }

  /// Pages of the node that somebody has.
  @_noLocks @_noAllocation
  package static func claimed(node: Int) -> UInt64 {
    let counted = AtomicWord(anax_node_claimed_pages(Pages.node(node))).loadRelaxed()
    let ready = ready(node: node).pages
    return counted > ready && counted < 1 &<< 62 ? counted &- ready : 0
  }

  /// Free pages of the node that were not returned to the kernel.
  @_noLocks @_noAllocation
  package static func dirty(node: Int) -> UInt64 {
    let counted = AtomicWord(anax_node_dirty_pages(Pages.node(node))).loadRelaxed()
    let ready = ready(node: node)
    // Who has subtracted before another added made it negative for a moment.
    return (counted < 1 &<< 62 ? counted : 0) &+ (ready.pages &- min(ready.zero, ready.pages))
  }

  /// Pages of the node that lie ready on CPUs, and how many of them are known to be zero.
  @_noLocks @_noAllocation
  package static func ready(node: Int) -> (pages: UInt64, zero: UInt64) {
    var pages: UInt64 = 0
    var zero: UInt64 = 0
    var cpu = 0
    while cpu < Int(anax_state().pointee.block_count) {
      if CacheCensus.isOpen(cpu) {
        forBoth(cpu, node) {
          pages &+= $0.depth
          zero &+= $0.zeroPages
        }
      }
      cpu += 1
    }
    return (pages, zero)
  }

  /// The stacks of a CPU that has blocks, of all nodes.
  @inline(__always) @_noLocks @_noAllocation
  private static func forEachStack(_ cpu: Int, _ body: (PageStack) -> Void) {
    if !CacheCensus.isOpen(cpu) { return }
    var node = 0
    while node < Int(anax_state().pointee.node_count) {
      forBoth(cpu, node, body)
      node += 1
    }
  }

  /// In both blocks of a CPU.
  @inline(__always) @_noLocks @_noAllocation
  private static func forBoth(_ cpu: Int, _ node: Int, _ body: (PageStack) -> Void) {
    body(PageStack(cpu: cpu, which: 0, node: node))
    body(PageStack(cpu: cpu, which: 1, node: node))
  }
}
