// SPDX-License-Identifier: Apache-2.0
// One pass over every home: depots send surplus items to their slabs, empty slabs their pages to the page layer.

import CAnax
import LockFree
import PerCPU

@usableFromInline
package enum Collector {
  /// `all`: whole depots; else what was not needed since the last pass. Pages that went
  /// back to the kernel from inside slabs.
  @_noLocks @_noAllocation
  package static func depots(all: Bool) -> UInt64 {
    let state = anax_state()
    let cpu = CPUBlocks.anyCPU()
    let top = Int(AtomicWord(anax_state_zone_top(state)).loadAcquire())
    var thinned: UInt64 = 0
    var node = 0
    while node < Int(state.pointee.node_count) {
      var zone = 1
      while zone < top {
        let home = Home(zone: zone, node: node)
        if zone & ANAX_ZONE_RESERVED_BITS == 0, AtomicWord(anax_home_slabs(home.entry)).loadRelaxed() != 0 {
          home.drain(all: all, cpu: cpu)
          thinned &+= home.trim(thin: true, all: all)
        }
        zone += 1
      }
      node += 1
    }
    return thinned
  }
}
