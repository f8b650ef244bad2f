// SPDX-License-Identifier: Apache-2.0
// Working on a node: a thread that is kept on it for a while, where memory lies, and the CPUs to pin threads to.
// Nothing is kept here: the kernel has a thread's CPUs and its memory policy.

import CAnax
import Glibc
import Heap
import Machine
import Pages
@_exported import Topology

extension Topology {
  /// The node's CPUs that this process may run on, ascending: what threads that shall stay there are pinned to.
  ///
  /// - Throws: ``NodeError/noSuchNode(_:)``, ``NodeError/noUsableCPU(node:)``.
  public func pinnedCPUIDs(onNode node: Int) throws(NodeError) -> [Int] {
    guard let entry = nodes.first(where: { $0.id == node }) else { throw .noSuchNode(node) }
    let ids = entry.cpus.intersection(allowed).ids
    if ids.isEmpty { throw .noUsableCPU(node: node) }
    return ids
  }
}

/// Runs the body on the node's CPUs, with memory from the node as long as it has any.
///
/// What the body allocates, from whatever allocator, is placed by where the thread runs and by its memory policy: this
/// sets both, and both are as before when the body ends. A thread that is pinned to some of the node's CPUs stays on
/// these; one that is pinned to none of them has all that the process may use. A node without CPUs has memory only: the
/// thread stays where it is, and what Anax gives has the home of the CPU it runs on, which has it again when it is
/// freed and hands it out to whoever asks next: to keep such memory apart, ask with ``Placement/node(_:)``. Pages that
/// were in memory before stay where they are. Threads that the body makes inherit both for good. The kernel does not
/// tell of CPUs that are offline: those that were so at the beginning are none of the thread's afterwards, though they
/// may have come back.
///
/// Where a sandbox denies memory policies, the body runs on the node's CPUs without one. Where the kernel refuses the
/// old policy, since its nodes are not the process's any more, the thread has the default one afterwards.
///
/// Reads the machine's description, unless it is given: about a third of a millisecond for each CPU. Then seven system
/// calls. A node numbered 64 or higher is ``NodeError/refused(errno:)`` with EINVAL: masks here are of 64 nodes.
///
/// - Throws: ``NodeError/noSuchNode(_:)``, ``NodeError/noUsableCPU(node:)`` where the node has CPUs and this process
///   may use none, ``NodeError/refused(errno:)``, then without running the body; and what the body throws, which is why
///   the type is not named.
public func withNode<Result: ~Copyable>(
  _ node: Int, of topology: Topology? = nil, _ body: () throws -> Result
) throws -> Result {
  let topology = topology ?? .current()
  guard let entry = topology.nodes.first(where: { $0.id == node }) else { throw NodeError.noSuchNode(node) }
  guard node < 64 else { throw NodeError.refused(errno: Int(EINVAL)) }
  let before = try entry.cpus.isEmpty ? nil : narrow(toNode: node, of: topology)
  defer { if let before { _ = Kernel.setAffinity(before) } }
  guard let policy = Kernel.threadPolicy() else { return try body() }
  // Only nodes that the process may use now are named to the kernel. One of them that has no memory gives way to the
  // next nearest.
  let allowed = Kernel.allowedNodes() ?? 0
  var agreement = Kernel.Agreement.notThese
  for other in topology.nearest(to: node) where other < 64 && allowed >> UInt64(other) & 1 == 1 {
    agreement = Kernel.setThreadPolicy(.init(.node, nodes: 1 << UInt64(other)))
    if agreement != .notThese { break }
  }
  defer { if agreement == .agreed { Kernel.restoreThreadPolicy(policy) } }
  return try body()
}

/// Pins the thread to the node's CPUs, or where it is pinned to some of them already to these. Returns the CPUs that it
/// could run on before. A CPU that went offline since the topology was read is left out.
private func narrow(toNode node: Int, of topology: Topology) throws(NodeError) -> CPUMask {
  guard let before = Kernel.affinity() else { throw .refused(errno: Int(ENOSYS)) }
  let ids = try topology.pinnedCPUIDs(onNode: node)
  let pinned = ids.filter { before.contains($0) }
  var mask = CPUMask()
  for id in pinned.isEmpty ? ids : pinned { mask.insert(id) }
  let result = Kernel.setAffinity(mask)
  if result == -Int(EINVAL) { throw .noUsableCPU(node: node) }
  if Kernel.failed(result) { throw .refused(errno: -result) }
  return before
}

extension Memory {
  /// The node that the page at the address lies on now, as the kernel says; nil where nothing of it is in memory, or
  /// the kernel does not say. Any memory of the process. One system call; any thread; safe in signal handlers.
  public static func node(of address: UnsafeRawPointer) -> Int? {
    var page = UInt64(UInt(bitPattern: address))
    var status: Int32 = -1
    return Kernel.nodes(ofPages: &page, count: 1, into: &status) && status >= 0 ? Int(status) : nil
  }

  /// The node whose CPUs use the address again when it is freed; nil where it is none of Anax's. Told by the address
  /// alone.
  public static func home(of address: UnsafeRawPointer) -> Int? {
    guard Engine.ensureStarted() else { return nil }
    let page = Region.page(of: UInt64(UInt(bitPattern: address)))
    return page < anax_state().pointee.heap_pages ? Region.node(ofPage: page) : nil
  }

  /// The addresses of each home's region, most of which are never opened; empty where there is no heap.
  public static var regions: [Range<UInt>] {
    (0..<nodes).map { home in
      let node = Pages.node(home).pointee
      return UInt(Region.address(ofPage: node.first_page))..<UInt(Region.address(ofPage: node.page_limit))
    }
  }

  /// Pages in memory of each node's region, by the node they lie on: `placement()[home][node]`.
  ///
  /// Off the diagonal are pages that a full node passed on, that a memory policy of the user's put elsewhere, or that
  /// another node's CPU touched first. Asks the kernel for each page, and it does not say where a page lies that it is
  /// moving just then: such a page is not counted. Any thread.
  ///
  /// - Returns: A row for each home, with a column for each node from 0 to the last that has a home or such pages, of
  ///   the kernel's first 64; empty where the kernel does not say.
  public static func placement() -> [[Int]] {
    var rows: [[Int]] = []
    for home in 0..<nodes {
      var pages = [UInt64](repeating: 0, count: 64)
      guard PageCensus.count(node: home, into: &pages, nodes: 64) else { return [] }
      rows.append(pages.map { Int($0) })
    }
    let columns = max(nodes, (rows.map { ($0.lastIndex { $0 > 0 } ?? 0) + 1 }.max() ?? 0))
    return rows.map { Array($0.prefix(columns)) }
  }
}
