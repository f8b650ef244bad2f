// SPDX-License-Identifier: Apache-2.0
// Zones with a limit: no more than `limit` items are ever out of the slabs, in use or in caches. When the limit is hit while
// caches hold free items, they are taken back first (the original strands them), then the request is served or refused.

import CAnax
import LockFree
import PerCPU

enum ZoneLimit {
  /// One item out of the slabs, as a list word; 0: refused.
  @_noLocks @_noAllocation
  static func claim(_ home: Home, cpu: Int) -> UInt64 {
    let zone = home.zone
    let claimed = AtomicWord(anax_zone_claimed(zone))
    var round = 0
    while round < 2 {
      if claimed.add(1) < zone.pointee.limit {
        let list = home.claimFromSlabs(wanted: 1, cpu: cpu)
        if list == 0 {
          claimed.subtract(1)
          AtomicWord(anax_zone_failures(zone)).add(1)
        }
        return list
      }
      claimed.subtract(1)
      if round == 0 {
        Reclaim.everything()
        var node = 0
        while node < Int(anax_state().pointee.node_count) {
          Home(zone: home.zoneID, node: node).drain(all: true, cpu: cpu)
          node += 1
        }
      }
      round += 1
    }
    AtomicWord(anax_zone_failures(zone)).add(1)
    return 0
  }
}
