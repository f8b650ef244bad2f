// SPDX-License-Identifier: Apache-2.0
// The typed face of a zone, and the box that owns one item.

/// A zone whose items are values of one type, copyable or not.
///
/// A handle as ``RawZone`` is, with the same rules for threads and signal handlers.
///
/// ```swift
/// let sessions = try Zone<Session>("session", limit: 10_000)
/// let box = try sessions.box(Session(socket))   // ends with its scope, and the item returns
/// ```
public struct Zone<Item: ~Copyable>: Sendable {
  /// The same zone without a type.
  public let raw: RawZone

  /// Makes a zone for values of the type: its size and alignment are the items'.
  ///
  /// - Parameters: as of ``RawZone/init(_:itemSize:alignment:limit:systemReserve:interruptReserve:)``.
  public init(_ name: String, limit: Int = 0, systemReserve: Int = 0, interruptReserve: Int = 0) throws(ZoneError) {
    raw = try RawZone(
      name, itemSize: max(MemoryLayout<Item>.size, 1), alignment: max(MemoryLayout<Item>.alignment, 16), limit: limit,
      systemReserve: systemReserve, interruptReserve: interruptReserve)
  }

  /// Memory for one value, uninitialised. See ``RawZone/allocate(_:zeroed:)``.
  @inlinable @inline(__always)
  public func allocate(_ requestClass: RequestClass = .normal) throws(ZoneError) -> UnsafeMutablePointer<Item> {
    try raw.allocate(requestClass).assumingMemoryBound(to: Item.self)
  }

  /// Takes back memory whose value has been deinitialised. See ``RawZone/deallocate(_:)``.
  @inlinable @inline(__always)
  public func deallocate(_ item: UnsafeMutablePointer<Item>) { raw.deallocate(UnsafeMutableRawPointer(item)) }

  /// Moves the value into an item of the zone, which the box owns. When this throws, the value is gone.
  @inlinable
  public func box(_ value: consuming Item, _ requestClass: RequestClass = .normal) throws(ZoneError) -> ZoneBox<Item> {
    let item = try allocate(requestClass)
    item.initialize(to: value)
    return ZoneBox(owning: item, in: self)
  }

  /// Moves the value into an item whose memory is placed by wish, see ``RawZone/allocate(_:placement:zeroed:)``. When
  /// this throws, the value is gone.
  public func box(
    _ value: consuming Item, _ requestClass: RequestClass = .normal, placement: Placement
  ) throws(ZoneError) -> ZoneBox<Item> {
    let item = try allocate(requestClass, placement: placement)
    item.initialize(to: value)
    return ZoneBox(owning: item, in: self)
  }

  /// Ends the zone. See ``RawZone/destroy()``.
  public func destroy() throws(ZoneError) { try raw.destroy() }

  /// See ``RawZone/statistics``.
  public var statistics: ZoneStatistics? { raw.statistics }
}

/// The only owner of one value in a zone: where it ends, the value is deinitialised and the item returns to the zone.
///
/// A box may end on another thread than the one that made it.
@frozen
public struct ZoneBox<Item: ~Copyable>: ~Copyable {
  @usableFromInline let item: UnsafeMutablePointer<Item>
  @usableFromInline let zone: Zone<Item>

  /// Takes over an initialised item of the zone.
  @inlinable
  public init(owning item: UnsafeMutablePointer<Item>, in zone: Zone<Item>) {
    self.item = item
    self.zone = zone
  }

  @inlinable
  deinit {
    item.deinitialize(count: 1)
    zone.deallocate(item)
  }

  /// The value, in place.
  @inlinable
  public var value: Item {
    _read { yield item.pointee }
    _modify { yield &item.pointee }
  }

  /// Ends the box and returns the value; the item goes back to the zone.
  @inlinable
  public consuming func take() -> Item {
    let value = item.move()
    zone.deallocate(item)
    discard self
    return value
  }

  /// Ends the box without ending the value: the caller owns the item from now on.
  @inlinable
  public consuming func release() -> UnsafeMutablePointer<Item> {
    let item = item
    discard self
    return item
  }
}

extension ZoneBox: @unchecked Sendable where Item: Sendable & ~Copyable {}
