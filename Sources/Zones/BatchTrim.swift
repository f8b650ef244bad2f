// SPDX-License-Identifier: Apache-2.0
// Gives the memory of batch records back to the kernel when none of them is in use: a depot that was deep once leaves a table
// of many megabytes behind. Records are type-stable: one that was given back reads zero, and nobody has its index.
//
// | transition | by | order |
// |---|---|---|
// | empty stacks → in hand | who trims, all of them | takeAll: CAS, acquire and release |
// | batch_top n → 0 | who trims and has n records in hand, after their pages went | CAS; on failure the records go back |
// A thread stopped in between keeps the records in hand from others; new ones are taken above batch_top.

import CAnax
import LockFree
import Machine
import Pages
import PerCPU

package enum BatchTrim {
  @_noLocks @_noAllocation
  package static func run() {
    let state = anax_state()
    let top = AtomicWord(anax_state_batch_top(state))
    var all = top.loadAcquire()
    // Not for a few pages.
    if all < 512 || all > state.pointee.batch_limit { return }
    var heads = InlineArray<16, UInt32>(repeating: 0)
    var held: UInt64 = 0
    var node = 0
    while node < Int(state.pointee.node_count) {
      let stack = Home(zone: 0, node: node).emptyBatches
      if let first = stack.takeAll() {
        heads[node] = first &+ 1
        var next: UInt32? = first
        while let index = next {
          held &+= 1
          next = stack.following(index)
        }
      }
      node += 1
    }
    // Compared again: a record that was taken new since may be in hand in the place of one that is in use.
    if held == all, top.loadAcquire() == all {
      let start = UInt64(UInt(bitPattern: state.pointee.batches))
      let bytes = all &* UInt64(MemoryLayout<anax_batch>.stride)
      // The last page may hold records above, which others take meanwhile: it stays, with ours on it.
      let whole = bytes & ~((1 &<< state.pointee.page_shift) &- 1)
      if Kernel.advise(start, bytes: whole, MADV_DONTNEED) {
        if top.compareExchange(&all, 0) { return }
        // Somebody took a new record: ours are nobody's, but their links are gone.
        var index: UInt64 = 0
        while index < held {
          Home(zone: 0, node: 0).emptyBatches.push(UInt32(truncatingIfNeeded: index))
          index &+= 1
        }
        return
      }
    }
    node = 0
    while node < Int(state.pointee.node_count) {
      let stack = Home(zone: 0, node: node).emptyBatches
      var next: UInt32? = heads[node] > 0 ? heads[node] &- 1 : nil
      while let index = next {
        next = stack.following(index)
        stack.push(index)
      }
      node += 1
    }
  }
}
