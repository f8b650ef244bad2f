// SPDX-License-Identifier: Apache-2.0
// Which per-CPU mechanism this process uses, decided once at start and reported with its reason.
//
// | rung | cache index | entered by |
// |---|---|---|
// | B | cpu_id of the area the C library registered | restartable sections |
// | D | a shard picked by getcpu | one compare-and-swap, never waited for |
// A single thread without an area in a process on rung B takes D's path.

import CAnax
import Machine

@usableFromInline
package enum Ladder {
  package enum Reason: UInt64 {
    case best = 0
    case forced = 1
    case noArea = 2
    case unsupported = 3
  }

  /// Decides and opens the rung. To be called once, before the first allocation.
  @_noLocks @_noAllocation
  package static func climb() {
    let state = anax_state()
    let forced = Tunable.rung.value
    let area = anax_rseq_bytes() >= 16
    state.pointee.rung_reason = Reason.best.rawValue
    state.pointee.rung = 66
    if forced == 4 {
      state.pointee.rung = 68
      state.pointee.rung_reason = Reason.forced.rawValue
    } else if !area {
      state.pointee.rung = 68
      state.pointee.rung_reason = Reason.noArea.rawValue
    } else if forced == 1 || forced == 3 {
      state.pointee.rung_reason = Reason.unsupported.rawValue
    }
    if state.pointee.rung == 66 {
      state.pointee.rseq_offset = anax_rseq_area_offset()
      state.pointee.membarrier = registerMembarrier() ? 1 : 0
      CPUBlocks.start()
      state.pointee.cpu_limit = state.pointee.cpu_count
    }
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
