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
  /// use, gives way to the next nearest. False: the range has no policy.
  @_noLocks @_noAllocation
  func apply(to address: UInt64, bytes: UInt64, moving: Bool) -> Bool {
    switch self {
    case .local: return false
    case .node(let node):
      return UsableNodes.askNearest(to: node) {
        Kernel.prefer(.node, nodes: $0, address, bytes: bytes, moving: moving)
      }
    case .interleaved:
      let nodes = UsableNodes.now()
      if nodes == 0 { return false }
      if case .agreed = Kernel.prefer(.interleaved, nodes: nodes, address, bytes: bytes, moving: moving) { return true }
      return false
    }
  }
}
