// SPDX-License-Identifier: Apache-2.0
// What is refused of a node or of CPUs, and why.

/// Why a thread was not bound to a node or to CPUs.
public enum NodeError: Error, Hashable, Sendable {
  /// The machine has no such node.
  case noSuchNode(Int)
  /// The node has no CPU that this process may run on.
  case noUsableCPU(node: Int)
  /// These CPUs, of those asked for, do not exist, are offline, or may not be used by this process.
  case unusableCPUs([Int])
  /// No CPU was asked for.
  case noCPUs
  /// The kernel refused, in a sandbox for instance; EINVAL for a node whose number is 64 or
  /// higher.
  case refused(errno: Int)
}

extension NodeError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .noSuchNode(let node): "the machine has no node \(node)"
    case .noUsableCPU(let node): "node \(node) has no CPU that this process may run on"
    case .unusableCPUs(let ids):
      ids.count == 1
        ? "CPU \(ids[0]) does not exist, is offline, or is not open to this process"
        : "CPUs \(ids.map(String.init).joined(separator: ", ")) do not exist, are offline, or are not open to this process"
    case .noCPUs: "no CPU was named"
    case .refused(let number): "the kernel refused (errno \(number))"
    }
  }
}
