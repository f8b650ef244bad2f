// SPDX-License-Identifier: Apache-2.0
// Which node serves a thread without a restartable-sequence area, on a machine with two nodes and more CPU ids than
// shards.

import CAnax
import Foundation
import Heap
import Pages
import Testing

@Suite struct HomeNodeTests {
  /// A small address space has 64 shards at most. The CPU's node is its own, not that of the CPU whose number is the
  /// shard's.
  @Test func aHighCPUIsServedByItsOwnNode() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_RUNG", "D", 1)
      setenv("ANAX_VM_HEAP_RESERVE", "1073741824", 1)
      #expect(TwoNodes.start())
      #expect(anax_state().pointee.cpu_count <= 64)
      // CPU 100 is node 1's; whatever its number modulo the shards, that CPU is node 0's.
      for cpu in 0..<64 { anax_cpu_node_table()[cpu] = 0 }
      anax_cpu_node_table()[100] = 1
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        if number != anax_sys_getcpu { return anax_system_call(number, a, b, c, d, e, f) }
        UnsafeMutablePointer<UInt32>(bitPattern: a)!.pointee = 100
        return 0
      }
      var blocks: [UnsafeMutableRawPointer] = []
      for size in [16, 100, 3000, 20_000] {
        for _ in 0..<20 { blocks.append(Heap.allocate(size)!) }
      }
      for block in blocks { #expect(Region.node(ofPage: Region.page(of: UInt64(UInt(bitPattern: block)))) == 1) }
      for block in blocks { Heap.free(block) }
      let again = Heap.allocate(100)!
      #expect(blocks.contains(again))
      #expect(Region.node(ofPage: Region.page(of: UInt64(UInt(bitPattern: again)))) == 1)
    }
  }
}
