// SPDX-License-Identifier: Apache-2.0
// The C face: what malloc.c's trampolines jump to. Semantics are the C standard's and the GNU C library manual's; errno
// is set only on failure and never by free. Any thread, any signal handler.

import CAnax
import CAnaxMalloc
import Heap
import Machine

@c(anax_malloc) @_noLocks @_noAllocation
public func anaxMalloc(_ size: Int) -> UnsafeMutableRawPointer? { Heap.allocate(size) }

@c(anax_free) @_noLocks @_noAllocation
public func anaxFree(_ block: UnsafeMutableRawPointer?) { Heap.free(block) }

@c(anax_calloc) @_noLocks @_noAllocation
public func anaxCalloc(_ count: Int, _ size: Int) -> UnsafeMutableRawPointer? { Heap.allocateZeroed(count, size) }

/// Size 0 frees the block and returns NULL, as the GNU C library does.
@c(anax_realloc) @_noLocks @_noAllocation
public func anaxRealloc(_ block: UnsafeMutableRawPointer?, _ size: Int) -> UnsafeMutableRawPointer? {
  if size == 0, block != nil {
    Heap.free(block)
    return nil
  }
  return Heap.reallocate(block, size)
}

@c(anax_usable_size) @_noLocks @_noAllocation
public func anaxUsableSize(_ block: UnsafeMutableRawPointer?) -> Int { Heap.usableSize(block) }

/// `alignment` must be a power of two; the largest, which is negative here, is more than there is.
@c(anax_aligned) @_noLocks @_noAllocation
public func anaxAligned(_ alignment: Int, _ size: Int) -> UnsafeMutableRawPointer? {
  alignment < 0 ? Heap.outOfMemory() : Heap.allocate(size, alignment: alignment)
}

/// operator new: a hit here; what may have to ask the new-handler, or throw, in C.
@c(anax_new) @_noLocks @_noAllocation
public func anaxNew(_ size: Int) -> UnsafeMutableRawPointer {
  if let block = Heap.allocateHit(size) { return block }
  return anax_new_next(size)
}

@c(anax_new_next) @_noLocks @_noAllocation
public func anaxNewNext(_ size: Int) -> UnsafeMutableRawPointer {
  if let block = Heap.stripHit(size) { return block }
  return anax_new_slow(size)
}

/// Every UnsafeMutablePointer.allocate of Swift comes here; a hit is as short as malloc's.
@c(anax_posix_memalign) @_noLocks @_noAllocation
public func anaxPosixMemalign(
  _ result: UnsafeMutablePointer<UnsafeMutableRawPointer?>, _ alignment: Int, _ size: Int
) -> CInt {
  if _fastPath(alignment == 16 || alignment == 8), let block = Heap.allocateHit(size) {
    result.pointee = block
    return 0
  }
  return anax_posix_memalign_next(result, alignment, size)
}

/// The other hits: strips, larger sizes, rung A.
@c(anax_posix_memalign_next) @_noLocks @_noAllocation
public func anaxPosixMemalignNext(
  _ result: UnsafeMutablePointer<UnsafeMutableRawPointer?>, _ alignment: Int, _ size: Int
) -> CInt {
  if alignment == 16 || alignment == 8,
    let block = Heap.stripHit(size) ?? Heap.mediumHit(size) ?? Heap.concurrencyHit(size)
  {
    result.pointee = block
    return 0
  }
  return anax_posix_memalign_slow(result, alignment, size)
}

/// The rung's letter; 0 where the engine could not start.
@c(anax_rung) @_noLocks @_noAllocation
public func anaxRung() -> CInt {
  Engine.ensureStarted() ? CInt(truncatingIfNeeded: anax_state().pointee.rung) : 0
}
