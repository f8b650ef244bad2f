// SPDX-License-Identifier: Apache-2.0
// Which node's memory a request wants. `local` is no wish: where a page lies is decided by who touches it first, under
// the policy of its thread. The other two are asked of the kernel, for the range of a run (PageRequest) or while a
// thread touches items (ZoneRequest). A node is one with a home, 0..<node_count.

import CAnax
import Machine

package enum PagePlacement {
  case local
  case node(Int)
  case interleaved

  /// The node's home where one is named.
  var home: Int? {
    @_noLocks @_noAllocation get {
      if case .node(let node) = self { return node }
      return nil
    }
  }

  /// Asks the kernel to take the memory of a claimed range so. A node that has no memory, or that this process may not
  /// use, gives way to the next nearest. False: the mapping is as it was.
  @_noLocks @_noAllocation
  func apply(to address: UInt64, bytes: UInt64, moving: Bool) -> Bool {
    switch self {
    case .local: return false
    case .node(let node):
      var rank = 0
      while rank < Int(anax_state().pointee.node_count) {
        let mask = UInt64(1) &<< UInt64(Nearest.node(from: node, rank: rank))
        switch Kernel.prefer(.node, nodes: mask, address, bytes: bytes, moving: moving) {
        case .agreed: return true
        case .refused: return false
        case .notThese: rank += 1
        }
      }
      return false
    case .interleaved:
      let mask = Kernel.allowedNodes() ?? anax_state().pointee.nodes_online
      if case .agreed = Kernel.prefer(.interleaved, nodes: mask, address, bytes: bytes, moving: moving) { return true }
      return false
    }
  }
}
