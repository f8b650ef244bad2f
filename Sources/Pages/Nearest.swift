// SPDX-License-Identifier: Apache-2.0
// The order in which nodes are asked for what one of them lacks. Reads the table that Machine filled at start; no state
// of its own.

import CAnax

/// The order in which nodes are asked: by distance.
@usableFromInline
package enum Nearest {
  @_noLocks @_noAllocation
  package static func node(from node: Int, rank: Int) -> Int {
    let count = Int(anax_state().pointee.node_count)
    if rank == 0 || count == 1 { return node }
    return Int(anax_node_order_table()[node * ANAX_NODES_MAX + rank])
  }
}
