// SPDX-License-Identifier: Apache-2.0
// Which node's memory a request for pages or for an item wants: the public word, and its check.

import CAnax
import Heap
import Pages
import Zones

/// Which node's memory a request wants.
///
/// A wish: a node that has no memory left, has none at all, or is outside the process's cpuset gives way to the next
/// nearest that has. On a machine of one node all three are the same.
public enum Placement: Sendable, Hashable {
  /// That of the CPU this runs on. No system call is made: where a page lies is decided when it is first touched, by
  /// the memory policy of the thread that touches it (numactl, `set_mempolicy`).
  case local
  /// That of the node, 0 to ``Memory/nodes`` - 1, which must exist. An item of a zone for the node of the CPU this runs
  /// on is as ``local``: there a memory policy of the user's comes first.
  case node(Int)
  /// All the process may use in turns: page by page in a run, item by item in a zone. The item whose turn is that of
  /// the CPU's own node is as ``local``.
  case interleaved

  /// Nodes the request names that do not exist: the number, or nil.
  var missing: Int? {
    guard case .node(let node) = self else { return nil }
    return Memory.exists(node: node) ? nil : node
  }

  var request: PagePlacement {
    switch self {
    case .local: .local
    case .node(let node): .node(node)
    case .interleaved: .interleaved
    }
  }
}

extension Memory {
  /// Whether the engine has a home for the node.
  static func exists(node: Int) -> Bool {
    node >= 0 && node < nodes && anax_state().pointee.nodes_online >> UInt64(node) & 1 == 1
  }
}

extension RawZone {
  /// An item whose memory is placed by wish: ``allocate(_:zeroed:)`` for ``Placement/local``, and for the CPU's own
  /// node.
  ///
  /// For another node some hundred instructions, and four system calls for each list of items that comes from a slab:
  /// their pages are touched under a memory policy of this thread that prefers the node, and the thread's own is set
  /// again. An item belongs to the home of its node, whoever returns it where. Pages that have been in memory before
  /// stay where they are.
  /// A signal handler that interrupts this may run under that policy; one that leaves it by siglongjmp leaves the
  /// thread with it.
  ///
  /// - Throws: as ``allocate(_:zeroed:)``, and ``ZoneError/node(_:nodes:)``.
  public func allocate(
    _ requestClass: RequestClass = .normal, placement: Placement, zeroed: Bool = false
  ) throws(ZoneError) -> UnsafeMutableRawPointer {
    let node: Int
    switch placement {
    case .local: return try allocate(requestClass, zeroed: zeroed)
    case .interleaved: node = ZoneRequest.nextInterleaved(Int(id))
    case .node(let wanted):
      if let missing = placement.missing { throw .node(missing, nodes: Memory.nodes) }
      node = wanted
    }
    let item: UnsafeMutableRawPointer
    do throws(ZoneRequest.Refusal) {
      item = try ZoneRequest.allocate(
        Int(id), generation: generation, .init(code: requestClass.code), node: node)
    } catch {
      throw refused(error, requestClass)
    }
    if zeroed { anax_clear(item, Int(anax_zone_usable(Int(id)))) }
    return item
  }
}

extension Zone where Item: ~Copyable {
  /// Memory for one value, uninitialised, placed by wish. See ``RawZone/allocate(_:placement:zeroed:)``.
  public func allocate(
    _ requestClass: RequestClass = .normal, placement: Placement
  ) throws(ZoneError) -> UnsafeMutablePointer<Item> {
    try raw.allocate(requestClass, placement: placement).assumingMemoryBound(to: Item.self)
  }
}
