// SPDX-License-Identifier: Apache-2.0
//
// What this process's kernel and C library offer for per-CPU work. Asking changes nothing in the process; which rung
// follows is PerCPU's to decide.
import CAnax
import Machine

package struct PerCPUSupport: Hashable, Sendable {
  /// Bytes of the area that the C library registers for each thread; 0 is none.
  package var areaBytes: Int
  /// Bytes of the area that the kernel fills in; 0 where it does not say (before 6.3).
  package var featureBytes: Int
  /// Whether the kernel can stop other CPUs' restartable sections (MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ).
  package var canStopSections: Bool

  package init(areaBytes: Int, featureBytes: Int, canStopSections: Bool) {
    self.areaBytes = areaBytes
    self.featureBytes = featureBytes
    self.canStopSections = canStopSections
  }

  package static func current() -> PerCPUSupport {
    let query = Kernel.membarrier(0)
    return PerCPUSupport(
      areaBytes: Int(anax_rseq_bytes()),
      featureBytes: Int(anax_rseq_feature_bytes()),
      canStopSections: !Kernel.failed(query) && query & Int(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ.rawValue) != 0)
  }

  /// Whether the kernel tells a thread its node (field `node_id`, bytes 20 to 23 of the area).
  package var hasNodeID: Bool { areaBytes > 0 && featureBytes >= 24 }
  /// Whether the kernel tells a thread its dense CPU number (field `mm_cid`, bytes 24 to 27 of the area).
  package var hasConcurrencyID: Bool { areaBytes > 0 && featureBytes >= 28 }
}
