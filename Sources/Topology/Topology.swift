// SPDX-License-Identifier: Apache-2.0
//
// The machine as a service sees it: nodes with their CPUs, memory and distances, which CPUs may run it, and the caches.
// A snapshot. It is always consistent: what the system says is checked, and a description that cannot be true is
// replaced by a single node with every CPU, with a warning that names the file.

/// The machine as this process finds it: nodes, CPUs, caches. A snapshot.
///
/// ``current()`` reads `/sys` and `/proc`; where these cannot be right it is a machine of one node with every CPU, and
/// ``warnings`` says which file is wrong. A value like any other: threads may read the same one. What is asked of it
/// asks the kernel nothing.
public struct Topology: Hashable, Sendable {
  /// What CPU ids are the ids of, in the type of a ``CPUSet``. It has no values.
  public enum CPU {}

  /// A node: memory, and the CPUs that are nearest to it.
  public struct Node: Hashable, Sendable {
    /// As the kernel numbers it.
    public var id: Int
    /// Online CPUs; empty for a memory-only node.
    public var cpus: CPUSet
    /// Bytes; nil where the system does not say.
    public var memory: UInt64?
    /// Relative cost of reaching each node, in the order of `Topology.nodes`; 10 is a node's own.
    public var distances: [Int]

    /// A node of a machine that is not this one, as for a test.
    public init(id: Int, cpus: CPUSet, memory: UInt64?, distances: [Int]) {
      self.id = id
      self.cpus = cpus
      self.memory = memory
      self.distances = distances
    }
  }

  /// In ascending order of id; ids may be sparse. Never empty.
  public var nodes: [Node]
  /// CPUs that may ever appear: per-CPU tables are sized by the highest of these.
  public var possible: CPUSet
  /// CPUs that run now.
  public var online: CPUSet
  /// Online CPUs that this process may run on: those that it might when it began, whatever its threads were pinned to
  /// since.
  public var allowed: CPUSet
  /// Nodes whose memory this process may use.
  public var allowedNodes: NodeSet
  /// Each cache once, however many CPUs share it; by level, then first CPU.
  public var caches: [Cache]
  /// What was wrong or missing: a sentence each, which names the file. Empty where nothing was.
  public var warnings: [String]

  /// A machine that is not this one, as for a test; it is taken as it is described.
  public init(
    nodes: [Node], possible: CPUSet, online: CPUSet, allowed: CPUSet, allowedNodes: NodeSet, caches: [Cache],
    warnings: [String]
  ) {
    self.nodes = nodes
    self.possible = possible
    self.online = online
    self.allowed = allowed
    self.allowedNodes = allowedNodes
    self.caches = caches
    self.warnings = warnings
  }

  /// The node of an online CPU; nil for all other numbers. O(nodes).
  public func node(ofCPU cpu: Int) -> Int? {
    nodes.first { $0.cpus.contains(cpu) }?.id
  }

  /// All nodes, nearest to `node` first, itself at the head; equals in ascending order of id. Empty for a node that
  /// there is not. O(nodes · log nodes).
  public func nearest(to node: Int) -> [Int] {
    guard let from = nodes.first(where: { $0.id == node }) else { return [] }
    return zip(nodes.map(\.id), from.distances)
      .sorted { ($0.0 == node ? -1 : $0.1, $0.0) < ($1.0 == node ? -1 : $1.1, $1.0) }
      .map(\.0)
  }

  /// The second-level cache that colors pages: the one with most colors, where CPUs differ; nil where no such cache is
  /// described. O(caches).
  ///
  /// - Precondition: `pageSize`, in bytes, is above 0.
  public func coloringCache(pageSize: Int) -> Cache? {
    caches.filter { $0.level == 2 && $0.kind != .instruction }
      .max { $0.colors(pageSize: pageSize) < $1.colors(pageSize: pageSize) }
  }

  /// How many page colors the machine has: those of ``coloringCache(pageSize:)``, or 1 where there is none. O(caches).
  ///
  /// - Precondition: `pageSize`, in bytes, is above 0.
  public func colors(pageSize: Int) -> Int {
    coloringCache(pageSize: pageSize)?.colors(pageSize: pageSize) ?? 1
  }
}
