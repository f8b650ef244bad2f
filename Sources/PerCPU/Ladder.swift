// SPDX-License-Identifier: Apache-2.0
// Which per-CPU mechanism this process uses, decided once at start and reported with its reason.
//
// | rung | cache index | entered by | needs |
// |---|---|---|---|
// | A, by the tunable `rung` | node_id and mm_cid of the area | restartable sections | an area of 28 live bytes (Linux 6.3) |
// | B, the default | cpu_id of the area | restartable sections | an area that the C library registered |
// | C | cpu_id of an area of the engine's own | - | not built: it would be thread state, and an exit hook |
// | D | a shard picked by getcpu | one compare-and-swap, never waited for | nothing |
// What was asked for and cannot be had gives the next lower rung. A single thread without an area in a process on rung
// A or B takes D's path.

import CAnax
import Machine

@usableFromInline
package enum Ladder {
  package enum Reason: UInt64 {
    case best = 0
    case forced = 1
    /// The C library registered no area (a tunable of its own, a sandbox, an old kernel or C library).
    case noArea = 2
    /// C was asked for.
    case unsupported = 3
    /// A was asked for, and the kernel does not tell node and concurrency id.
    case noConcurrencyID = 4
    /// A was asked for, and nodes times CPU ids exceed the tables, or strict overcommit makes their blocks dear.
    case tooLarge = 5
  }

  /// A reason's raw value for people, in the middle of a sentence.
  @_noLocks @_noAllocation
  package static func text(ofReason code: UInt64) -> StaticString {
    switch code {
    case 0: "the best that this machine has"
    case 1: "asked for"
    case 2: "the C library has registered no area for restartable sequences"
    case 3: "rung C was asked for and is not built"
    case 4: "rung A was asked for, and the kernel does not tell threads their node and concurrency id"
    case 5: "rung A was asked for, and this machine has too many nodes and CPUs for it"
    default: "unknown"
    }
  }

  /// The rung's letter and why, from what the process has. Changes nothing.
  @_noLocks @_noAllocation
  package static func choose() -> (rung: UInt64, reason: Reason) {
    let (a, b, d) = (UInt64(ANAX_RUNG_A), UInt64(ANAX_RUNG_B), UInt64(ANAX_RUNG_D))
    let forced = Tunable.rung.value
    if forced == 4 { return (d, .forced) }
    if anax_rseq_bytes() < 16 { return (d, .noArea) }
    if forced == 3 { return (d, .unsupported) }
    if forced != 1 { return (b, forced == 2 ? .forced : .best) }
    if anax_rseq_live_bytes() < 28 { return (b, .noConcurrencyID) }
    let state = anax_state()
    if state.pointee.block_count < state.pointee.cpu_count &* state.pointee.node_count { return (b, .tooLarge) }
    return (a, .forced)
  }

  /// Decides and opens the rung. To be called once, after the heap's address space is reserved, before the first
  /// allocation.
  @_noLocks @_noAllocation
  package static func climb() {
    let state = anax_state()
    let (rung, reason) = choose()
    state.pointee.rung_reason = reason.rawValue
    // On every rung: who looks at blocks from outside finds the empty one.
    CPUBlocks.start()
    if rung != UInt64(ANAX_RUNG_D) {
      state.pointee.rseq_offset = anax_rseq_area_offset()
      state.pointee.membarrier = registerMembarrier() ? 1 : 0
      state.pointee.cpu_limit = state.pointee.cpu_count
    }
    // Last: rung A's fast paths ask for it.
    state.pointee.rung = rung
  }

  /// Where the kernel refuses, caches are not reclaimed from outside.
  @_noLocks @_noAllocation
  static func registerMembarrier() -> Bool {
    !Kernel.failed(Kernel.membarrier(Int(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ.rawValue)))
  }

  /// After it, no section that began before is still running on any CPU of this process.
  @_noLocks @_noAllocation
  package static func stopSections() -> Bool {
    !Kernel.failed(Kernel.membarrier(Int(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ.rawValue)))
  }
}
