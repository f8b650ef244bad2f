// SPDX-License-Identifier: Apache-2.0
// The calling thread's CPUs. Nothing is kept here: the kernel has it.

import CAnax
import Glibc
import Machine

/// The calling thread, and the CPUs it may run on.
///
/// The spelling is that of SwiftNIO, whose `MultiThreadedEventLoopGroup(pinnedCPUIDs:)` makes an event loop for each
/// CPU:
///
/// ```swift
/// let group = MultiThreadedEventLoopGroup(pinnedCPUIDs: try Topology.current().pinnedCPUIDs(onNode: 1))
/// ```
public enum CurrentThread {
  /// CPUs that the thread may run on, ascending; all that the process may use, unless it is pinned. Empty where the
  /// kernel does not say. One system call; any thread.
  public static var pinnedCPUIDs: [Int] {
    guard let mask = Kernel.affinity() else { return [] }
    return (0..<8192).filter { mask.contains($0) }
  }

  /// Keeps the thread on these CPUs from now on; threads that it makes inherit them. Three system calls.
  ///
  /// The kernel by itself leaves out what it cannot give; this does not, so that a thread is never pinned to less than
  /// was asked for.
  ///
  /// - Throws: ``NodeError/unusableCPUs(_:)`` with those that cannot be had, ``NodeError/noCPUs``,
  ///   ``NodeError/refused(errno:)``; then nothing has changed.
  public static func pin(pinnedCPUIDs ids: [Int]) throws(NodeError) { _ = try narrow(to: ids) }

  /// As ``pin(pinnedCPUIDs:)``. The CPUs that the thread could run on before.
  private static func narrow(to ids: [Int]) throws(NodeError) -> CPUMask {
    if ids.isEmpty { throw .noCPUs }
    guard let before = Kernel.affinity() else { throw .refused(errno: Int(ENOSYS)) }
    var mask = CPUMask()
    for id in ids { mask.insert(id) }
    let result = Kernel.setAffinity(mask)
    // EINVAL: it has none of them.
    if result == -Int(EINVAL) { throw .unusableCPUs(ids) }
    if Kernel.failed(result) { throw .refused(errno: -result) }
    guard let given = Kernel.affinity() else { return before }
    let missing = ids.filter { !given.contains($0) }
    if missing.isEmpty { return before }
    _ = Kernel.setAffinity(before)
    throw .unusableCPUs(missing)
  }

  /// Runs the body on these CPUs, and lets the thread run where it could before, but for CPUs that were offline then.
  ///
  /// - Throws: ``NodeError`` as ``pin(pinnedCPUIDs:)``, then without running the body; and what the body throws, which
  ///   is why the type is not named.
  public static func withPinnedCPUIDs<Result: ~Copyable>(
    _ ids: [Int], _ body: () throws -> Result
  ) throws -> Result {
    let before = try narrow(to: ids)
    defer { _ = Kernel.setAffinity(before) }
    return try body()
  }
}
