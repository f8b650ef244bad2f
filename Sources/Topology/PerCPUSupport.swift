// SPDX-License-Identifier: Apache-2.0
//
// What this process's kernel and C library offer for per-CPU work, and the rung that follows. Facts only: asking
// changes nothing in the process.
import CAnax
import Machine

package struct PerCPUSupport: Hashable, Sendable {
  package enum Rung: String, Sendable {
    /// Restartable sequences, indexed by the process's own dense CPU numbers.
    case a = "A"
    /// Restartable sequences, indexed by the CPU.
    case b = "B"
    /// Shards picked by getcpu and entered by one atomic operation.
    case d = "D"
  }

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

  /// The rung that a process started now would be on, and why. `asked` is the tunable `rung`: 0, or 1 for A to 4 for D.
  package func rung(asked: Int64) -> (rung: Rung, reason: String) {
    if areaBytes == 0 {
      return (.d, "the C library has registered no area for restartable sequences")
    }
    switch asked {
    case 4: return (.d, "asked for")
    case 1 where hasConcurrencyID && hasNodeID: return (.a, "asked for")
    case 1: return (.b, "A was asked for, but the kernel does not fill in mm_cid and node_id")
    case 2: return (.b, "asked for")
    case 3: return (.b, "C was asked for, which this build does not have")
    default: return (.b, "the C library has registered restartable sequences")
    }
  }
}
