// SPDX-License-Identifier: Apache-2.0
// Taking back the pages that lie ready on CPUs, from outside: the stacks are closed, all sections are stopped by one membarrier, and
// what is on the stacks goes to the bitmaps (PageStack). Nobody waits: a CPU that somebody else is at is passed by. Any thread, any
// signal handler.

import CAnax
import LockFree
import Machine
import PerCPU

package enum PageDrain {
  /// Empties the stacks of all CPUs; `idle`: of those that have not changed since the tick before. Pages that are free in the bitmaps
  /// now.
  @_noLocks @_noAllocation @discardableResult
  package static func everything(idle: Bool = false) -> UInt64 {
    let state = anax_state()
    if state.pointee.membarrier == 0 { return 0 }
    // A bit for each block; there are at most ANAX_CPUS_MAX.
    var closed = InlineArray<64, UInt64>(repeating: 0)
    var any = false
    let count = Int(state.pointee.block_count)
    var cpu = 0
    while cpu < count {
      if CacheCensus.isOpen(cpu), isWorthTaking(cpu, idle: idle), CPUBlocks.lock(cpu) {
        forEachStack(cpu) { $0.close() }
        closed[cpu / 64] |= 1 &<< UInt64(cpu & 63)
        any = true
      }
      cpu += 1
    }
    if !any { return 0 }
    let stopped = Ladder.stopSections()
    if !stopped { state.pointee.membarrier = 0 }
    var batch = PageBatch(wereUsed: !idle)
    cpu = 0
    while cpu < count {
      if closed[cpu / 64] &>> UInt64(cpu & 63) & 1 == 1 {
        forEachStack(cpu) {
          if stopped { _ = $0.empty(into: &batch) }
          $0.open()
        }
        CPUBlocks.finish(cpu)
      }
      cpu += 1
    }
    batch.end()
    return batch.count
  }

  /// Empties the stacks in a block that was swapped out, whose sections are stopped.
  @_noLocks @_noAllocation
  package static func block(_ block: UnsafeMutablePointer<UInt64>) {
    var batch = PageBatch()
    var node = 0
    while node < Int(anax_state().pointee.node_count) {
      let stack = PageStack(block: block, node: node)
      _ = stack.empty(into: &batch)
      stack.open()
      node += 1
    }
    batch.end()
  }

  /// The stacks of a CPU's block that is in use, which the caller keeps there or only reads.
  @inline(__always) @_noLocks @_noAllocation
  static func forEachStack(_ cpu: Int, _ body: (PageStack) -> Void) {
    guard let block = UnsafeMutablePointer<UInt64>(bitPattern: UInt(CPUBlocks.inUse(cpu))) else { return }
    var node = 0
    while node < Int(anax_state().pointee.node_count) {
      body(PageStack(block: block, node: node))
      node += 1
    }
  }

  @_noLocks @_noAllocation
  static func isWorthTaking(_ cpu: Int, idle: Bool) -> Bool {
    var worth = false
    forEachStack(cpu) { if $0.isWorthTaking(idle: idle) { worth = true } }
    return worth
  }
}
