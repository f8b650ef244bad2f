// SPDX-License-Identifier: Apache-2.0
// What the page layer refuses, and why. Plain values: throwing one allocates nothing.

import Machine
import Pages

/// Why pages were not given, or a run not held, wired or discarded.
public enum PageError: Error, Hashable, Sendable {
  /// The count of pages, which is outside 1...2147483647.
  case count(Int)
  /// The alignment in pages, which is no power of two from 1 to 2147483648.
  case alignment(Int)
  /// The node, which does not exist among 0..<nodes.
  case node(Int, nodes: Int)
  /// `vm.heap.limit`, in bytes, refuses a request of this class.
  case limitReached(limit: Int, RequestClass)
  /// The kernel has no memory or address space left for the process.
  case outOfMemory
  /// The kernel gave no address space at the start of the process: there are no pages.
  case noAddressSpace
  /// The run has 65535 holds.
  case tooManyHolds
  /// The run is wired 63 times.
  case tooManyWirings
  /// The run is not wired.
  case notWired
  /// The run is wired.
  case wired
  /// Another thread is discarding the run's contents now, or unlocking its pages.
  case discarding
  /// The kernel did not lock the pages in memory: ENOMEM or EPERM where RLIMIT_MEMLOCK does not allow it.
  case lockRefused(errno: Int)

  init(_ failure: PageFailure, _ requestClass: RequestClass) {
    switch failure {
    case .limit: self = .limitReached(limit: Int(Tunable.heapLimit.value), requestClass)
    case .memory, .notARun: self = .outOfMemory
    case .tooMany: self = .tooManyHolds
    case .wired: self = .wired
    case .discarding: self = .discarding
    case .kernel(let number): self = .lockRefused(errno: number)
    }
  }
}

extension PageError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .count(let count): "a run has 1...\(1 << 31 - 1) pages, not \(count)"
    case .alignment(let alignment): "a run's alignment is a power of two from 1 to \(1 << 31) pages, not \(alignment)"
    case .node(let node, let nodes): "node \(node) has no home here, among 0..<\(nodes)"
    case .limitReached(let limit, let requestClass):
      "vm.heap.limit = \(limit) bytes refuses a \(requestClass) request for pages"
    case .outOfMemory: "the kernel has no memory or address space left for these pages"
    case .noAddressSpace: "the kernel gave no address space for the heap"
    case .tooManyHolds: "a run of pages takes at most 65535 holds"
    case .tooManyWirings: "a run of pages can be wired at most 63 times"
    case .notWired: "the run of pages is not wired"
    case .wired: "the run of pages is wired"
    case .discarding: "another thread is discarding the contents of the run of pages, or unlocking them"
    case .lockRefused(let number): "the kernel did not lock the pages in memory (errno \(number)); see RLIMIT_MEMLOCK"
    }
  }
}
