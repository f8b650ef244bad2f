// SPDX-License-Identifier: Apache-2.0
// What is refused of a node or of CPUs, and why.

/// Why a thread was not bound to a node or to CPUs.
public enum NodeError: Error, Hashable, Sendable {
  /// The machine has no such node.
  case noSuchNode(Int)
  /// The node has no CPU that this process may run on.
  case noUsableCPU(node: Int)
  /// None of these CPUs exists, is online, and may be used by this process.
  case noUsableCPUs([Int])
  /// The kernel refused; in a sandbox, for instance.
  case refused(errno: Int)
}

extension NodeError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .noSuchNode(let node): "the machine has no node \(node)"
    case .noUsableCPU(let node): "node \(node) has no CPU that this process may run on"
    case .noUsableCPUs(let ids): "none of the CPUs \(ids) is online and open to this process"
    case .refused(let number): "the kernel refused (errno \(number))"
    }
  }
}
