// SPDX-License-Identifier: Apache-2.0
// What a zone refuses, and why. Plain values: throwing one allocates nothing.

/// Why a zone could not be made, did not give an item, or was not ended.
public enum ZoneError: Error, Hashable, Sendable {
  /// The item's size in bytes, which is outside 1...32768. Larger things are runs of pages: ``PageRun``.
  case size(Int)
  /// The item's alignment in bytes, which is no power of two from 1 to the machine's page.
  case alignment(Int, page: Int)
  /// The limit, in items, is negative, does not fit 48 bits, or leaves nothing beside its reserves; or a reserve is
  /// negative, does not fit 32 bits, or stands without a limit.
  case limit(Int, systemReserve: Int, interruptReserve: Int)
  /// The name's length in UTF-8 bytes, which is outside 1...39.
  case name(Int)
  /// The node, which does not exist among 0..<nodes.
  case node(Int, nodes: Int)
  /// As many zones exist as there can be.
  case tooManyZones
  /// The kernel gave no address space at the start of the process: no zone can exist.
  case noAddressSpace
  /// So many items are in use that the limit refuses a request of this class. Items that lay in CPU caches were taken
  /// back before.
  case limitReached(limit: Int, RequestClass)
  /// The kernel has no more memory for the process, or `vm.heap.limit` refuses it.
  case outOfMemory
  /// The zone has been destroyed.
  case destroyed
  /// The zone cannot be destroyed: so many of its items are still in use.
  case itemsOut(Int)
  /// The zone cannot be destroyed now: another thread is in the middle of a request to it, or some CPU's cache could
  /// not be taken back. Try again.
  case busy
}

extension ZoneError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .size(let size): "a zone's item size is 1...32768 bytes, not \(size)"
    case .alignment(let alignment, let page):
      "a zone's alignment is a power of two from 1 to \(page) bytes, not \(alignment)"
    case .limit(let limit, let system, let interrupt):
      """
      a zone's limit is 0 (none) to \(RawZone.largestLimit) items and more than its reserves, which are \
      0...\(UInt32.max) items: limit \(limit), systemReserve \(system), interruptReserve \(interrupt)
      """
    case .name(let count): "a zone's name has 1...39 bytes, not \(count)"
    case .node(let node, let nodes): "node \(node) has no home here, among 0..<\(nodes)"
    case .tooManyZones: "there can be no more zones"
    case .noAddressSpace: "the kernel gave no address space for the heap"
    case .limitReached(let limit, let requestClass):
      "the zone's limit of \(limit) items refuses a \(requestClass) request"
    case .outOfMemory: "no memory for another slab of the zone (the kernel's limit, or vm.heap.limit)"
    case .destroyed: "the zone has been destroyed"
    case .itemsOut(let count): "the zone cannot be destroyed: \(count) of its items are in use"
    case .busy:
      "the zone cannot be destroyed now: a request to it is under way, or another thread is giving back its caches"
    }
  }
}
