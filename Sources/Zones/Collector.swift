// SPDX-License-Identifier: Apache-2.0
// One pass over every home: depots send surplus items to their slabs, empty slabs their pages to the page layer.

import CAnax
import LockFree
import PerCPU

@usableFromInline
package enum Collector {
  /// `all`: whole depots; else what was not needed since the last pass.
  @_noLocks @_noAllocation
  package static func depots(all: Bool) {
    let state = anax_state()
    let cpu = CPUBlocks.anyCPU()
    let top = Int(AtomicWord(anax_state_zone_top(state)).loadAcquire())
    var node = 0
    while node < Int(state.pointee.node_count) {
      var zone = 1
      while zone < top {
        let home = Home(zone: zone, node: node)
        if zone & ANAX_ZONE_RESERVED_BITS == 0, AtomicWord(anax_home_slabs(home.entry)).loadRelaxed() != 0 {
          home.drain(all: all, cpu: cpu)
          if all || AtomicWord(anax_home_empties(home.entry)).loadRelaxed() != 0 { home.trim() }
        }
        zone += 1
      }
      node += 1
    }
  }
}
