// SPDX-License-Identifier: Apache-2.0
// The CPUs that the calling thread may run on, as a mask of 8192 CPUs. Any thread; safe in signal handlers.

import CAnax

package struct CPUMask: Sendable {
  package var words = InlineArray<128, UInt64>(repeating: 0)

  @_noLocks @_noAllocation
  package init() {}

  @_noLocks @_noAllocation
  package func contains(_ cpu: Int) -> Bool { cpu >= 0 && cpu < 8192 && words[cpu / 64] &>> UInt64(cpu & 63) & 1 == 1 }

  /// What is no id of the 8192 is left out.
  @_noLocks @_noAllocation
  package mutating func insert(_ cpu: Int) { if cpu >= 0 && cpu < 8192 { words[cpu / 64] |= 1 &<< UInt64(cpu & 63) } }
}

extension Kernel {
  /// nil: the kernel does not say.
  @_noLocks @_noAllocation
  package static func affinity() -> CPUMask? {
    var mask = CPUMask()
    let result = withUnsafeMutablePointer(to: &mask.words) {
      call(anax_sys_sched_getaffinity, 0, 1024, Int(bitPattern: $0))
    }
    return failed(result) ? nil : mask
  }

  /// 0, or a negated errno; EINVAL where the process may use none of them.
  @_noLocks @_noAllocation
  package static func setAffinity(_ mask: CPUMask) -> Int {
    var mask = mask
    return withUnsafeMutablePointer(to: &mask.words) {
      call(anax_sys_sched_setaffinity, 0, 1024, Int(bitPattern: $0))
    }
  }
}
