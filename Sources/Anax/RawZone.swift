// SPDX-License-Identifier: Apache-2.0
// A zone of untyped items: a handle of 8 bytes on a row of the engine's table. Rung B's hit paths are here, so that
// they inline into the program; all else is in Zones.

import CAnax
import Heap
import Machine
import Pages
import PerCPU
import Zones

/// An allocator of equal-sized items, with a cache on every CPU (zinit, zalloc, zfree).
///
/// A handle: copies are the same zone, and the zone lives until ``destroy()``, whatever becomes of its handles. A
/// handle of a destroyed zone is told from all later ones; what it asks for throws ``ZoneError/destroyed``.
///
/// All functions may be called on any thread. ``allocate(_:zeroed:)`` and ``deallocate(_:)`` take no lock, allocate
/// nothing elsewhere and leave errno alone: they may be called in signal handlers and in the child of a fork too.
public struct RawZone: Sendable, Hashable {
  @usableFromInline let id: Int32
  @usableFromInline let generation: UInt32

  static var largestLimit: Int { 1 << 48 - 1 }

  /// Makes a zone.
  ///
  /// Looks at one row for each zone that exists, and at one counter on each CPU. No slab is made until the first item
  /// is asked for.
  ///
  /// - Parameters:
  ///   - name: For statistics and last words; 1...39 bytes of UTF-8. Need not be unique.
  ///   - itemSize: Bytes of an item, 1...32768. Items lie at multiples of it rounded up to the alignment.
  ///   - alignment: Bytes; a power of two up to the machine's page. Every item is aligned to 16 at least.
  ///   - limit: Items that may be in use at once; 0 sets no limit.
  ///   - systemReserve: Of the limit, items that normal requests leave to system requests.
  ///   - interruptReserve: Of the limit, items that normal and system requests leave to interrupt requests.
  public init(
    _ name: String, itemSize: Int, alignment: Int = 16, limit: Int = 0, systemReserve: Int = 0,
    interruptReserve: Int = 0
  ) throws(ZoneError) {
    guard Engine.ensureStarted() else { throw .noAddressSpace }
    let page = 1 << Int(anax_state().pointee.page_shift)
    guard itemSize >= 1, itemSize <= Int(ZoneMake.largestItem) else { throw .size(itemSize) }
    guard alignment >= 1, alignment <= page, alignment & (alignment - 1) == 0 else {
      throw .alignment(alignment, page: page)
    }
    let reserves = 0...Int(UInt32.max)
    guard limit >= 0, limit <= Self.largestLimit, reserves.contains(systemReserve), reserves.contains(interruptReserve),
      systemReserve + interruptReserve == 0 || systemReserve + interruptReserve < limit
    else {
      throw .limit(limit, systemReserve: systemReserve, interruptReserve: interruptReserve)
    }
    var name = name
    let count = name.utf8.count
    guard count >= 1, count <= 39 else { throw .name(count) }
    var result: Result<ZoneHandle, ZoneFailure> = .failure(.noID)
    name.withUTF8 { bytes in
      do throws(ZoneFailure) {
        result = .success(
          try ZoneRegistry.create(
            name: bytes.baseAddress!, nameCount: count, size: UInt64(itemSize), alignment: UInt64(alignment),
            limit: UInt64(limit), systemReserve: UInt32(systemReserve), interruptReserve: UInt32(interruptReserve)))
      } catch {}
    }
    guard case .success(let handle) = result else { throw .tooManyZones }
    id = Int32(handle.id)
    generation = handle.generation
  }

  /// An item: `itemSize` bytes at a multiple of the alignment, contents undefined unless `zeroed`.
  ///
  /// When this CPU has one ready and the zone has no limit: on rung B some twenty instructions and no atomic operation;
  /// on rung A a call more; on rung D one compare-and-swap on a word of the CPU's own. With a limit some more, on rung
  /// D three on words of all CPUs. Else constant time for each item of a batch from the node's depot or a slab, or that
  /// of pages from the kernel. At the zone's limit, free items on other CPUs are taken back first, which interrupts
  /// each of them once.
  ///
  /// - Throws: ``ZoneError/limitReached(limit:_:)``, ``ZoneError/outOfMemory``, ``ZoneError/destroyed``.
  @inlinable @_noLocks @_noAllocation
  public func allocate(
    _ requestClass: RequestClass = .normal, zeroed: Bool = false
  ) throws(ZoneError) -> UnsafeMutableRawPointer {
    let item = try allocateDirty(requestClass)
    if zeroed { anax_clear(item, Int(anax_zone_usable(Int(id)))) }
    return item
  }

  @inlinable @inline(__always) @_noLocks @_noAllocation
  func allocateDirty(_ requestClass: RequestClass) throws(ZoneError) -> UnsafeMutableRawPointer {
    let zone = anax_state().pointee.zones.unsafelyUnwrapped + Int(id)
    if _fastPath(anax_load32_relaxed(anax_zone_fast(zone)) == generation),
      anax_cache_add(UInt64(UInt32(bitPattern: id)) | UInt64(ANAX_ZONE_REQUESTS), 1)
    {
      if let item = anax_cache_pop(UInt64(UInt32(bitPattern: id))) { return item }
      return try allocateSlowly(requestClass, counted: true)
    }
    return try allocateSlowly(requestClass, counted: false)
  }

  @usableFromInline @inline(never) @_noLocks @_noAllocation
  func allocateSlowly(_ requestClass: RequestClass, counted: Bool) throws(ZoneError) -> UnsafeMutableRawPointer {
    do throws(ZoneRequest.Refusal) {
      return try ZoneRequest.allocate(
        Int(id), generation: generation, .init(code: requestClass.code), counted: counted)
    } catch {
      throw refused(error, requestClass)
    }
  }

  @_noLocks @_noAllocation
  func refused(_ refusal: ZoneRequest.Refusal, _ requestClass: RequestClass) -> ZoneError {
    switch refusal {
    case .ended: .destroyed
    case .memory: .outOfMemory
    case .limit: .limitReached(limit: Int(anax_zone_row(Int(id)).pointee.limit), requestClass)
    }
  }

  /// Takes an item back.
  ///
  /// As quick as ``allocate(_:zeroed:)`` when this CPU's cache has room. An address that lies in no slab of this zone,
  /// or at no multiple of 16 bytes, stops the process at once, with a line on standard error. Another address inside an
  /// item, and an item that was returned before, do so when they reach their slab, which may be later: until then they
  /// may be handed out again.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  public func deallocate(_ item: UnsafeMutableRawPointer) {
    let state = anax_state()
    let zone = state.pointee.zones.unsafelyUnwrapped + Int(id)
    let address = UInt64(UInt(bitPattern: item))
    let page = (address &- state.pointee.heap_base) &>> state.pointee.page_shift
    // No item begins between multiples of 16; what else is no item's beginning is seen later, at a slow path.
    if _fastPath(anax_load32_relaxed(anax_zone_fast(zone)) == generation),
      _fastPath(page < state.pointee.heap_pages && address & 15 == 0)
    {
      let index = UInt64(
        anax_load16_relaxed(state.pointee.page_zones.unsafelyUnwrapped + Int(truncatingIfNeeded: page)))
      if _fastPath(index & UInt64(ANAX_ZONES_MAX - 1) == UInt64(UInt32(bitPattern: id))),
        _fastPath(anax_cache_push(index, item))
      {
        return
      }
    }
    deallocateSlowly(address)
  }

  @usableFromInline @inline(never) @_noLocks @_noAllocation
  func deallocateSlowly(_ address: UInt64) {
    if ZoneRequest.deallocate(Int(id), generation: generation, address) { Ticks.ride() }
  }

  /// Ends the zone and gives all its memory back.
  ///
  /// Other threads that call into the zone meanwhile get ``ZoneError/destroyed``, or this throws ``ZoneError/busy``;
  /// but a thread must not be in the middle of ``allocate(_:zeroed:)`` when another zone is made with what this one
  /// had. Takes back every CPU's caches, of all zones.
  ///
  /// - Throws: ``ZoneError/itemsOut(_:)``, ``ZoneError/busy``, ``ZoneError/destroyed``; the zone is then as it was.
  public func destroy() throws(ZoneError) {
    do throws(ZoneFailure) {
      try ZoneRegistry.destroy(ZoneHandle(id: Int(id), generation: generation))
    } catch {
      switch error {
      case .itemsOut(let count): throw .itemsOut(Int(clamping: count))
      case .ended: throw .destroyed
      case .busy, .noID: throw .busy
      }
    }
  }

  /// What the zone has now; nil when it has been destroyed. Reads two bytes for each page of the heap, and waits for
  /// nothing.
  public var statistics: ZoneStatistics? {
    let row = anax_zone_row(Int(id)).pointee
    guard row.generation == generation, row.state == 2 else { return nil }
    return ZoneStatistics(id: Int(id), ZoneCensus.figures(Int(id)))
  }
}
