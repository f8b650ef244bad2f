// SPDX-License-Identifier: Apache-2.0
// The heap: small blocks are items of size-class zones, larger ones runs of pages. Any thread, any signal handler, the
// child of a threaded fork; before main and after exit handlers. The hit paths of allocate and free take no lock, no
// atomic, no call.

import CAnax
import LockFree
import Machine
import Pages
import PerCPU
import Zones

@usableFromInline
package enum Heap {
  /// A block of at least `size` bytes at a multiple of 16; nil (and ENOMEM) when there is no memory.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package static func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
    if _fastPath(UInt64(bitPattern: Int64(size)) < anax_state().pointee.fast_size) {
      let number = anax_size_class_table()[SizeClasses.smallIndex(size)]
      if let item = anax_cache_pop(UInt64(number)) { return item }
      return anax_allocate_next(size)
    }
    return anax_allocate_medium(size)
  }

  /// As `allocate` where a small block is ready on this CPU; else nil, whatever the reason.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package static func allocateHit(_ size: Int) -> UnsafeMutableRawPointer? {
    if _fastPath(UInt64(bitPattern: Int64(size)) < anax_state().pointee.fast_size) {
      return anax_cache_pop(UInt64(anax_size_class_table()[SizeClasses.smallIndex(size)]))
    }
    return nil
  }

  /// Takes a block back; nil is nothing. What is no block of this heap stops the process.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package static func free(_ block: UnsafeMutableRawPointer?) {
    let state = anax_state()
    let address = UInt64(UInt(bitPattern: block))
    let page = Region.page(of: address)
    // No block begins between multiples of 16; what else is no block's beginning is seen later, at a slow path.
    if _fastPath(page < state.pointee.fast_pages && address & 15 == 0) {
      if _fastPath(anax_cache_push(anax_page_list(page), block.unsafelyUnwrapped)) { return }
    }
    anax_free_slow(address)
  }

  /// Requests beyond 1 KiB: the same, in classes of their own table.
  @inline(__always) @_noLocks @_noAllocation
  package static func allocateMedium(_ size: Int) -> UnsafeMutableRawPointer? {
    mediumHit(size) ?? concurrencyHit(size) ?? allocateSlow(size)
  }

  /// An item of this CPU's list or strip for a request of 1025 bytes to 32 KiB; nil: none there, or another size.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package static func mediumHit(_ size: Int) -> UnsafeMutableRawPointer? {
    if _fastPath(UInt(bitPattern: size &- 1025) < 32768 - 1024), anax_state().pointee.fast_size != 0 {
      let number = anax_size_class_table()[SizeClasses.mediumIndex(size)]
      return anax_cache_pop(UInt64(number)) ?? strip(number)
    }
    return nil
  }

  /// An item of this CPU's strip for a request of up to 1 KiB that found the list empty; nil: no strip there, or
  /// another size.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package static func stripHit(_ size: Int) -> UnsafeMutableRawPointer? {
    if _fastPath(UInt64(bitPattern: Int64(size)) < anax_state().pointee.fast_size) {
      return strip(anax_size_class_table()[SizeClasses.smallIndex(size)])
    }
    return nil
  }

  @inlinable @inline(__always) @_noLocks @_noAllocation
  static func strip(_ number: UInt8) -> UnsafeMutableRawPointer? {
    anax_cache_advance(UInt64(number) | UInt64(ANAX_ZONE_STRIP), anax_strip_step(Int(number)))
  }

  /// Rung A: an item of the list or the strip at this thread's node and concurrency id.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package static func concurrencyHit(_ size: Int) -> UnsafeMutableRawPointer? {
    if anax_state().pointee.rung != 65 || UInt(bitPattern: size &- 1) >= 32768 { return nil }
    let number = UInt64(SizeClasses.number(forSize: size))
    return anax_concurrency_pop(number)
      ?? anax_concurrency_advance(number | UInt64(ANAX_ZONE_STRIP), anax_strip_step(Int(number)))
  }

  @inline(never) @_noLocks @_noAllocation
  package static func allocateSlow(_ size: Int) -> UnsafeMutableRawPointer? {
    if size < 0 || !Engine.ensureStarted() { return outOfMemory() }
    if size <= SizeClasses.largest {
      let item = ZoneCache.refill(SizeClasses.number(forSize: size))
      if item != 0 { return UnsafeMutableRawPointer(bitPattern: UInt(item)) }
      return outOfMemory()
    }
    var zero = false
    return Large.allocate(UInt64(size), alignment: 16, zero: &zero) ?? outOfMemory()
  }

  @_noLocks @_noAllocation
  package static func outOfMemory() -> UnsafeMutableRawPointer? {
    anax_set_errno(ENOMEM)
    return nil
  }

  @inline(never) @_noLocks @_noAllocation
  package static func freeSlow(_ address: UInt64) {
    if address == 0 { return }
    let state = anax_state()
    let page = Region.page(of: address)
    if page >= state.pointee.heap_pages { return Foreign.free(address) }
    let index = Int(anax_load16_relaxed(state.pointee.page_zones! + Int(page)))
    if index & (ANAX_ZONES_MAX - 1) != 0 {
      if state.pointee.rung == UInt64(ANAX_RUNG_A), address & 15 == 0,
        let block = UnsafeMutableRawPointer(bitPattern: UInt(address)),
        anax_concurrency_push(UInt64(index), block)
      {
        return
      }
      if ZoneCache.overflow(index, item: address) { Ticks.ride() }
    } else {
      Large.free(address)
    }
  }

  /// A block at a multiple of `alignment`, a power of two.
  @_noLocks @_noAllocation
  package static func allocate(_ size: Int, alignment: Int) -> UnsafeMutableRawPointer? {
    if alignment <= 16 { return allocate(size) }
    if size < 0 || !Engine.ensureStarted() { return outOfMemory() }
    if let zone = alignedZone(size, alignment: alignment) {
      if anax_state().pointee.fast_size != 0, let item = anax_cache_pop(UInt64(zone)) { return item }
      let item = ZoneCache.refill(zone)
      return item != 0 ? UnsafeMutableRawPointer(bitPattern: UInt(item)) : outOfMemory()
    }
    var zero = false
    return Large.allocate(UInt64(size), alignment: UInt64(alignment), zero: &zero) ?? outOfMemory()
  }

  /// The zone all of whose items have the alignment, or nil: the block needs a run.
  @_noLocks @_noAllocation
  static func alignedZone(_ size: Int, alignment: Int) -> Int? {
    let zones = anax_state().pointee.zones!
    if alignment <= 64, size <= SizeClasses.largest {
      var number = SizeClasses.number(forSize: size)
      // Slabs start at lines; the stride decides.
      while number <= SizeClasses.count {
        if (zones + number).pointee.stride & UInt32(alignment - 1) == 0 { return number }
        number += 1
      }
      return nil
    }
    let larger = max(size, alignment)
    if larger > 2048 { return nil }
    var number = 0
    while 128 << number < larger { number += 1 }
    return SizeClasses.count + 1 + number
  }

  /// A zeroed block of `count` times `size` bytes. Memory known to be zero is not cleared again.
  @_noLocks @_noAllocation
  package static func allocateZeroed(_ count: Int, _ size: Int) -> UnsafeMutableRawPointer? {
    let (bytes, overflow) = UInt(bitPattern: count).multipliedReportingOverflow(by: UInt(bitPattern: size))
    if overflow || bytes > UInt(Int.max) { return outOfMemory() }
    if bytes <= UInt(SizeClasses.largest) {
      guard let block = allocate(Int(bytes)) else { return nil }
      anax_clear(block, Int(bytes))
      return block
    }
    if !Engine.ensureStarted() { return outOfMemory() }
    var zero = true
    guard let block = Large.allocate(UInt64(bytes), alignment: 16, zero: &zero) else { return outOfMemory() }
    if !zero { anax_clear(block, Int(bytes)) }
    return block
  }

  /// Bytes the caller may use of a block; 0 for nil.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package static func usableSize(_ block: UnsafeMutableRawPointer?) -> Int {
    let state = anax_state()
    let address = UInt64(UInt(bitPattern: block))
    let page = Region.page(of: address)
    if _slowPath(page >= state.pointee.heap_pages) { return Foreign.usableSize(address) }
    // Zone 0, no slab: its row says 0.
    let usable = anax_zone_usable(Int(anax_page_list(page)) & (ANAX_ZONES_MAX &- 1))
    return _fastPath(usable != 0) ? Int(usable) : Large.usableSize(address)
  }

  @_noLocks @_noAllocation
  package static func reallocate(_ block: UnsafeMutableRawPointer?, _ size: Int) -> UnsafeMutableRawPointer? {
    guard let block else { return allocate(size) }
    if size < 0 { return outOfMemory() }
    let address = UInt64(UInt(bitPattern: block))
    let state = anax_state()
    let page = Region.page(of: address)
    if page >= state.pointee.heap_pages { return Foreign.reallocate(address, size) }
    let zone = Int(anax_load16_relaxed(state.pointee.page_zones! + Int(page))) & (ANAX_ZONES_MAX - 1)
    let old: Int
    if zone != 0 {
      old = Int(anax_zone_usable(zone))
      // In place while it fits and at most half would be wasted.
      if size <= old, size > old / 2 || old <= 64 { return block }
    } else {
      if size > SizeClasses.largest, let moved = Large.reallocate(address, UInt64(size)) { return moved }
      old = Large.usableSize(address)
      if old == 0 { Stop.notARun(address) }
    }
    guard let new = allocate(size) else {
      // A smaller size is served by the block itself.
      return size <= old ? block : nil
    }
    anax_copy(new, block, min(size, old))
    free(block)
    return new
  }
}

// The slow paths by C names, so that the fast paths end in a jump: a tail call needs one calling convention.
/// For a request of up to 1 KiB whose list is empty.
@c(anax_allocate_next) @_noLocks @_noAllocation
package func heapAllocateNext(_ size: Int) -> UnsafeMutableRawPointer? {
  Heap.stripHit(size) ?? anax_allocate_slow(size)
}
@c(anax_allocate_slow) @_noLocks @_noAllocation
package func heapAllocateSlow(_ size: Int) -> UnsafeMutableRawPointer? { Heap.allocateSlow(size) }
@c(anax_allocate_medium) @_noLocks @_noAllocation
package func heapAllocateMedium(_ size: Int) -> UnsafeMutableRawPointer? { Heap.allocateMedium(size) }
@c(anax_free_slow) @_noLocks @_noAllocation
package func heapFreeSlow(_ address: UInt64) { Heap.freeSlow(address) }
