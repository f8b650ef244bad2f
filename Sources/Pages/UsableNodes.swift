// SPDX-License-Identifier: Apache-2.0
// The nodes whose memory may be asked for by name: those that had memory at the start and that the process's cpuset
// allows now. No other node is ever named to the kernel. A cpuset that changes between the look and the request is the
// kernel's to mind: it refuses, or passes on. Any thread; safe in signal handlers.
//
// | word | transition | by | order |
// |---|---|---|---|
// | a zone's turns | n → n + 1 | each request for an interleaved item of the zone | relaxed |
// | interleaved_over | mask → mask | every 64th of a zone's; two at once write the same, or one of two masks in force | relaxed |

import CAnax
import LockFree
import Machine

package enum UsableNodes {
  /// A bit for each of the first 64; 0 where the kernel does not say, or the process has none of these. One system
  /// call.
  @_noLocks @_noAllocation
  package static func now() -> UInt64 {
    guard let allowed = Kernel.allowedNodes() else { return 0 }
    let both = allowed & anax_state().pointee.nodes_with_memory
    // The process was moved to nodes that came later.
    return both == 0 ? allowed : both
  }

  /// Asks for the node's memory, or where that is not to be had for the next nearest's, until the kernel agrees or
  /// says that it does not do such things.
  @inline(__always) @_noLocks @_noAllocation
  package static func askNearest(to node: Int, _ ask: (_ mask: UInt64) -> Kernel.Agreement) -> Bool {
    let usable = now()
    var rank = 0
    while rank < Int(anax_state().pointee.node_count) {
      let mask = UInt64(1) &<< UInt64(Nearest.node(from: node, rank: rank))
      rank += 1
      if mask & usable == 0 { continue }
      switch ask(mask) {
      case .agreed: return true
      case .refused: return false
      case .notThese: continue
      }
    }
    return false
  }

  /// The node whose turn it is, by a count of turns. A change of the cpuset shows at the latest 64 turns later: only
  /// then the kernel is asked.
  @_noLocks @_noAllocation
  package static func next(_ turns: AtomicWord) -> Int {
    let state = anax_state()
    if state.pointee.node_count == 1 { return 0 }
    let over = AtomicWord(anax_state_interleaved_over(state))
    let number = turns.add(1)
    var nodes = over.loadRelaxed()
    if nodes == 0 || number & 63 == 0 {
      nodes = now()
      over.storeRelaxed(nodes)
    }
    // Homes are wanted, of these nodes or, where there are none, any.
    nodes &= state.pointee.nodes_online
    if nodes == 0 { nodes = state.pointee.nodes_online }
    return Processors.turn(number, of: nodes)
  }
}
