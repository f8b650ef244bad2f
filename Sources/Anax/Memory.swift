// SPDX-License-Identifier: Apache-2.0
// The heap as a whole: giving memory back, and the snapshot.

import CAnax
import Heap
import Machine

/// The memory of the process that Anax manages: zones, pages, and, where AnaxMalloc is linked in, everything malloc
/// gave.
public enum Memory {
  /// Gives all free memory back to the kernel: CPU caches, depots, empty slabs, free pages.
  ///
  /// For moments of quiet. Interrupts each CPU that the process runs on once, and makes later requests fault pages in
  /// again.
  /// Time grows with the number of free items and pages. Any thread; safe in signal handlers. While another thread is
  /// at it, returns 0 at once.
  ///
  /// - Returns: Bytes returned to the kernel.
  @discardableResult
  public static func purge() -> Int { anax_purge() }

  /// One step of decay: what has been free since the step before goes back to the kernel.
  ///
  /// This happens by itself about once in `vm.page.decay` while memory is asked for and given back. A program that
  /// falls silent, has a timer, and does not run Anax's helper thread calls it from there, about once in
  /// `vm.page.decay`. Any thread; safe in signal handlers.
  public static func tick() { anax_tick() }

  /// One more than the highest node that has a home here. Nodes without memory and numbers that no node has count:
  /// ``/Topology/Topology`` has what exists.
  public static var nodes: Int { Engine.ensureStarted() ? Int(anax_state().pointee.node_count) : 0 }

  /// What resident memory is made of now. See ``MemorySnapshot``.
  ///
  /// Reads two bytes for each page of the heap, and /proc/self/smaps_rollup, for which the kernel walks the page
  /// tables.
  /// Waits for nobody. Any thread; not in signal handlers.
  ///
  /// - Throws: ``MemoryError/noAddressSpace``.
  public static func snapshot() throws(MemoryError) -> MemorySnapshot {
    guard Engine.ensureStarted() else { throw .noAddressSpace }
    return MemorySnapshot()
  }
}

/// Why there is no snapshot.
public enum MemoryError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kernel gave no address space at the start of the process.
  case noAddressSpace

  public var description: String { "the kernel gave no address space for the heap" }
}
