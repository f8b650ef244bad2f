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

  /// Keeps the thread on these CPUs from now on; threads that it makes inherit them. One system call.
  ///
  /// - Throws: ``NodeError/noUsableCPUs(_:)``, ``NodeError/refused(errno:)``; then nothing has changed.
  public static func pin(pinnedCPUIDs ids: [Int]) throws(NodeError) {
    var mask = CPUMask()
    for id in ids where id >= 0 && id < 8192 { mask.insert(id) }
    try set(mask, ids)
  }

  /// Runs the body on these CPUs, and lets the thread run where it could before.
  ///
  /// - Throws: as ``pin(pinnedCPUIDs:)``, then without running the body; and what the body throws.
  public static func withPinnedCPUIDs<Result: ~Copyable>(
    _ ids: [Int], _ body: () throws -> Result
  ) throws -> Result {
    guard let before = Kernel.affinity() else { throw NodeError.refused(errno: Int(ENOSYS)) }
    try pin(pinnedCPUIDs: ids)
    defer { _ = Kernel.setAffinity(before) }
    return try body()
  }

  static func set(_ mask: CPUMask, _ ids: [Int]) throws(NodeError) {
    let result = Kernel.setAffinity(mask)
    if result == -Int(EINVAL) { throw .noUsableCPUs(ids) }
    if Kernel.failed(result) { throw .refused(errno: -result) }
  }
}
