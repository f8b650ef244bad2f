// SPDX-License-Identifier: Apache-2.0
// A zone's figures as a value (vm.zone).

import CAnax
import Zones

/// What a zone has. Each number is right when it is read; they agree with each other when nobody uses the zone
/// meanwhile.
public struct ZoneStatistics: Sendable, Hashable {
  /// As given when it was made; the heap's size classes are `malloc-16` to `malloc-32768`, and `aligned-…`.
  public let name: String
  /// Bytes of an item that may be used.
  public let itemSize: Int
  /// Bytes from one item to the next.
  public let stride: Int
  /// Items that may be in use at once; 0 is no limit.
  public let limit: Int
  /// Items in use.
  public let used: Int
  /// Items that are free in the zone's slabs.
  public let free: Int
  /// Free items that lie ready on CPUs.
  public let cached: Int
  /// Free items on their way between CPUs, in the depots of all nodes.
  public let depot: Int
  /// Items asked for so far, refused ones included. Not counted for the heap's size classes: 0.
  public let requests: Int
  /// Requests that were refused, by the limit or for want of memory.
  public let failures: Int
  /// Slabs, and their bytes.
  public let slabs: Int
  public let slabBytes: Int

  init(id: Int, _ figures: ZoneFigures) {
    let row = anax_zone_row(id)
    let bytes = UnsafeRawPointer(anax_zone_name(row)).assumingMemoryBound(to: UInt8.self)
    let name = UnsafeBufferPointer(start: bytes, count: 40)
    self.name = String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
    itemSize = Int(anax_zone_usable(id))
    stride = Int(row.pointee.stride)
    limit = Int(row.pointee.limit)
    used = Int(figures.used)
    free = Int(figures.free)
    cached = Int(figures.cached)
    depot = Int(figures.depot)
    requests = row.pointee.generation == 0 ? 0 : Int(clamping: ZoneCensus.requests(id))
    failures = Int(row.pointee.failures)
    slabs = Int(figures.slabs)
    slabBytes = Int(figures.slabs) << Int(row.pointee.slab_shift)
  }
}
