// SPDX-License-Identifier: Apache-2.0
//
// A CPU cache's geometry, and the page colors that follow from it: a page's color is which of a cache's sets its lines
// fall into, so a cache has as many colors as pages fit into one of its ways.

extension Topology {
  /// A CPU cache, and the page colors that follow from it: the groups of sets that a page's lines can fall into.
  public struct Cache: Hashable, Sendable {
    /// What it holds, as the kernel names it.
    public enum Kind: String, Sendable {
      /// Data alone.
      case data = "Data"
      /// Instructions alone.
      case instruction = "Instruction"
      /// Both.
      case unified = "Unified"
    }

    /// 1 is the nearest to the CPU.
    public var level: Int
    /// What it holds.
    public var kind: Kind
    /// Bytes; 0 where the machine does not say.
    public var size: Int
    /// How many lines a set has; 0 where the machine does not say.
    public var ways: Int
    /// Bytes in a line; 0 where the machine does not say.
    public var line: Int
    /// How many sets there are; 0 where the machine does not say.
    public var sets: Int
    /// The CPUs that share it.
    public var sharedBy: CPUSet

    /// A cache of a machine that is not this one, as for a test; it is taken as it is described.
    public init(level: Int, kind: Kind, size: Int, ways: Int, line: Int, sets: Int, sharedBy: CPUSet) {
      self.level = level
      self.kind = kind
      self.size = size
      self.ways = ways
      self.line = line
      self.sets = sets
      self.sharedBy = sharedBy
    }

    /// Bytes of one way, or nil where the machine does not say enough.
    public var waySize: Int? {
      if sets > 0 && line > 0 { return sets * line }
      if ways > 0 && size > 0 { return size / ways }
      return nil
    }

    /// How many page colors it has: pages in a way. 1 where a way is no larger than a page, or unknown.
    ///
    /// - Precondition: `pageSize`, in bytes, is above 0.
    public func colors(pageSize: Int) -> Int {
      precondition(pageSize > 0, "a page has bytes")
      return max(1, (waySize ?? 0) / pageSize)
    }
  }
}
