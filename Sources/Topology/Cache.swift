// SPDX-License-Identifier: Apache-2.0
//
// A CPU cache's geometry, and the page colors that follow from it: a page's color is which of a cache's sets its lines
// fall into, so a cache has as many colors as pages fit into one of its ways.

package struct Cache: Hashable, Sendable {
  package enum Kind: String, Sendable {
    case data = "Data"
    case instruction = "Instruction"
    case unified = "Unified"
  }

  package var level: Int
  package var kind: Kind
  /// Bytes.
  package var size: Int
  /// 0 where the machine does not say.
  package var ways: Int
  /// Bytes in a line; 0 where the machine does not say.
  package var line: Int
  /// 0 where the machine does not say.
  package var sets: Int
  /// The CPUs that share it.
  package var sharedBy: CPUSet

  package init(level: Int, kind: Kind, size: Int, ways: Int, line: Int, sets: Int, sharedBy: CPUSet) {
    self.level = level
    self.kind = kind
    self.size = size
    self.ways = ways
    self.line = line
    self.sets = sets
    self.sharedBy = sharedBy
  }

  /// Bytes of one way, or nil where the machine does not say enough.
  package var waySize: Int? {
    if sets > 0 && line > 0 { return sets * line }
    if ways > 0 && size > 0 { return size / ways }
    return nil
  }

  /// How many page colors it has; 1 where a way is no larger than a page or unknown.
  package func colors(pageSize: Int) -> Int {
    precondition(pageSize > 0, "a page has bytes")
    return max(1, (waySize ?? 0) / pageSize)
  }
}
