// SPDX-License-Identifier: Apache-2.0
// How many pages were taken and given back on each CPU: words of its block that only its sections change. A count is lost when
// the section is aborted, or where the CPU has no block (before its first slow path, and on rung D): an approximation, from
// below. What a node has in use, dirty and returned is counted exactly, in its anax_node.

import CAnax
import PerCPU

package enum PageCounters {
  @_noLocks @_noAllocation
  static func taken(_ count: UInt64) { add(UInt64(ANAX_WORD_PAGES_TAKEN), count) }

  @_noLocks @_noAllocation
  static func given(_ count: UInt64) { add(UInt64(ANAX_WORD_PAGES_GIVEN), count) }

  @_noLocks @_noAllocation
  static func add(_ word: UInt64, _ count: UInt64) { if CPUBlocks.current() != nil { _ = CPUBlocks.add(word, count) } }

  @_noLocks @_noAllocation
  package static func taken(onCPU cpu: Int) -> UInt64 { CacheCensus.counter(Int(ANAX_WORD_PAGES_TAKEN), cpu: cpu) }

  @_noLocks @_noAllocation
  package static func given(onCPU cpu: Int) -> UInt64 { CacheCensus.counter(Int(ANAX_WORD_PAGES_GIVEN), cpu: cpu) }
}
