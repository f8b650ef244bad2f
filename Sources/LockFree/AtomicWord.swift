// SPDX-License-Identifier: Apache-2.0
// A 64-bit word at an address that many threads use. The only wrapper of the C atomics; the memory order is in each
// name.

import CAnax

@usableFromInline
package struct AtomicWord {
  @usableFromInline let address: UnsafeMutablePointer<UInt64>

  @inlinable @inline(__always) @_noLocks @_noAllocation
  package init(_ address: UnsafeMutablePointer<UInt64>) { self.address = address }

  @inlinable @inline(__always) @_noLocks @_noAllocation
  package func loadRelaxed() -> UInt64 { anax_load_relaxed(address) }
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package func loadAcquire() -> UInt64 { anax_load_acquire(address) }
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package func storeRelaxed(_ value: UInt64) { anax_store_relaxed(address, value) }
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package func storeRelease(_ value: UInt64) { anax_store_release(address, value) }
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package func exchange(_ value: UInt64) -> UInt64 { anax_exchange(address, value) }
  /// Relaxed; for counters.
  @inlinable @inline(__always) @_noLocks @_noAllocation @discardableResult
  package func add(_ value: UInt64) -> UInt64 { anax_fetch_add(address, value) }
  @inlinable @inline(__always) @_noLocks @_noAllocation @discardableResult
  package func subtract(_ value: UInt64) -> UInt64 { anax_fetch_add(address, 0 &- value) }
  /// Acquire: what whoever released the bits did before is seen.
  @inlinable @inline(__always) @_noLocks @_noAllocation @discardableResult
  package func claim(bits: UInt64) -> UInt64 { anax_fetch_or(address, bits) }
  /// Release: what was done with what the bits stand for is seen by the next who claims them.
  @inlinable @inline(__always) @_noLocks @_noAllocation @discardableResult
  package func release(bits: UInt64) -> UInt64 { anax_fetch_and(address, ~bits) }
  /// Acquire and release; on failure `expected` is what was there.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package func compareExchange(_ expected: inout UInt64, _ desired: UInt64) -> Bool {
    anax_compare_exchange(address, &expected, desired)
  }
}
