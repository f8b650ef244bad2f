// SPDX-License-Identifier: Apache-2.0
//
// A set of small ids as bits in words. Of which kind of thing they are the ids, is part of its type: a set of CPUs is
// no set of nodes. A value type; whoever has one may change it. Invariant: no trailing word is zero, so that sets of
// equal content are equal, and all zero words cost nothing.

/// A set of CPUs, by the kernel's numbers.
public typealias CPUSet = IDSet<Topology.CPU>

/// A set of nodes, by the kernel's numbers.
public typealias NodeSet = IDSet<Topology.Node>

/// A set of the kernel's ids of one kind of thing: a ``CPUSet`` or a ``NodeSet``.
///
/// It is a sorted collection of `Int` too: a loop over it, or an array made of it, has the ids in ascending order. Ids
/// may be sparse.
///
/// ```swift
/// let cpus: CPUSet = [0, 1, 8]
/// let rest = cpus.subtracting(topology.allowed)
/// print(cpus, Array(cpus), rest.isEmpty)   // 0-1,8 [0, 1, 8] false
/// ```
///
/// A value takes 8 bytes for each 64 numbers up to its highest id. It is a value like any other: threads may read the
/// same one, and each changes its own.
public struct IDSet<Kind>: Hashable, Sendable {
  /// The highest id that there can be: 65535. The kernel's own bound is 8192 CPUs and 1024 nodes.
  public static var highestID: Int { 65535 }

  private var words: [UInt64] = []

  /// The empty set.
  public init() {}

  /// Reads the kernel's list format; blanks around it and an empty list are fine. `source` names the origin in errors.
  package init(parsing text: some StringProtocol, source: String = "list of ids") throws(TopologyError) {
    func malformed() -> TopologyError {
      .malformed(
        source: source, text: String(text.trimmed), expected: "a list such as 0-3,8 of ids up to \(Self.highestID)")
    }
    let list = text.trimmed
    if list.isEmpty { return }
    for part in list.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
      guard let low = Self.id(ends[0]), let high = ends.count == 2 ? Self.id(ends[1]) : low, low <= high
      else { throw malformed() }
      insert(low...high)
    }
  }

  /// Bytes that a list has at most: that of every second id has fewer.
  package static var longestText: Int { 256 << 10 }

  private mutating func insert(_ range: ClosedRange<Int>) {
    while words.count <= range.upperBound / 64 { words.append(0) }
    for word in range.lowerBound / 64...range.upperBound / 64 {
      let low = Swift.max(range.lowerBound - word * 64, 0)
      let high = Swift.min(range.upperBound - word * 64, 63)
      words[word] |= (UInt64.max >> UInt64(63 - (high - low))) << UInt64(low)
    }
  }

  private static func id(_ text: some StringProtocol) -> Int? {
    guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let id = Int(text), id <= highestID
    else { return nil }
    return id
  }
}

extension IDSet: SetAlgebra {
  /// Whether the id is in the set; any number may be asked for. O(1).
  public func contains(_ id: Int) -> Bool {
    id >= 0 && id / 64 < words.count && words[id / 64] >> UInt64(id % 64) & 1 == 1
  }

  /// Adds an id. O(1), but for the room that a new highest id needs.
  ///
  /// - Precondition: The id is from 0 to ``highestID``; this holds for the ids that a set is made of, too.
  /// - Returns: Whether it was not there before, and the id.
  @discardableResult
  public mutating func insert(_ id: Int) -> (inserted: Bool, memberAfterInsert: Int) {
    precondition(id >= 0 && id <= Self.highestID, "an id is between 0 and \(Self.highestID)")
    if contains(id) { return (false, id) }
    while words.count <= id / 64 { words.append(0) }
    words[id / 64] |= 1 << UInt64(id % 64)
    return (true, id)
  }

  /// Adds an id: ``insert(_:)``, as sets of Swift's have it under this name too.
  ///
  /// - Returns: The id, where it was there before.
  @discardableResult
  public mutating func update(with id: Int) -> Int? { insert(id).inserted ? nil : id }

  /// Takes an id out; any number may be named. O(1), but for the room that is given up with the highest id.
  ///
  /// - Returns: The id, where it was there.
  @discardableResult
  public mutating func remove(_ id: Int) -> Int? {
    guard contains(id) else { return nil }
    words[id / 64] &= ~(1 << UInt64(id % 64))
    trim()
    return id
  }

  /// The ids that are in either set. O(highest id).
  public func union(_ other: Self) -> Self { combined(with: other) { $0 | $1 } }

  /// The ids that are in both sets. O(highest id).
  public func intersection(_ other: Self) -> Self { combined(with: other) { $0 & $1 } }

  /// The ids that are in this set and not in the other. O(highest id).
  public func subtracting(_ other: Self) -> Self { combined(with: other) { $0 & ~$1 } }

  /// The ids that are in one of the sets only. O(highest id).
  public func symmetricDifference(_ other: Self) -> Self { combined(with: other) { $0 ^ $1 } }

  /// Adds the other set's ids. O(highest id).
  public mutating func formUnion(_ other: Self) { self = union(other) }

  /// Takes out what the other set does not have. O(highest id).
  public mutating func formIntersection(_ other: Self) { self = intersection(other) }

  /// Takes out what the other set has too, and adds what only it has. O(highest id).
  public mutating func formSymmetricDifference(_ other: Self) { self = symmetricDifference(other) }

  private func combined(with other: Self, _ operation: (UInt64, UInt64) -> UInt64) -> Self {
    var result = Self()
    result.words = (0..<Swift.max(words.count, other.words.count)).map {
      operation($0 < words.count ? words[$0] : 0, $0 < other.words.count ? other.words[$0] : 0)
    }
    result.trim()
    return result
  }

  private mutating func trim() { while words.last == 0 { words.removeLast() } }
}

extension IDSet: BidirectionalCollection {
  /// Where an id stands in a set. A change of the set makes its indices useless.
  public struct Index: Comparable, Hashable, Sendable {
    fileprivate let id: Int

    /// Whether the left one stands before the right one.
    public static func < (left: Index, right: Index) -> Bool { left.id < right.id }
  }

  /// How many ids there are. O(highest id).
  public var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

  /// The ids in ascending order.
  package var ids: [Int] { Array(self) }

  /// Whether there is no id. O(1).
  public var isEmpty: Bool { words.isEmpty }

  /// Where the lowest id stands. O(lowest id).
  public var startIndex: Index { index(from: 0) }

  /// Behind the highest id. O(1).
  public var endIndex: Index { Index(id: words.count * 64) }

  /// The id that stands there. O(1).
  public subscript(position: Index) -> Int {
    precondition(contains(position.id), "the index is none of this set's")
    return position.id
  }

  /// Where the next higher id stands. O(distance between them).
  public func index(after position: Index) -> Index { index(from: position.id + 1) }

  /// Where the next lower id stands. O(distance between them).
  public func index(before position: Index) -> Index {
    var id = position.id - 1
    while id >= 0 {
      let below = words[id / 64] << UInt64(63 - id % 64)
      if below != 0 { return Index(id: id - below.leadingZeroBitCount) }
      id = id / 64 * 64 - 1
    }
    preconditionFailure("there is no id before the first")
  }

  private func index(from start: Int) -> Index {
    var id = start
    while id < words.count * 64 {
      let above = words[id / 64] >> UInt64(id % 64)
      if above != 0 { return Index(id: id + above.trailingZeroBitCount) }
      id = (id / 64 + 1) * 64
    }
    return endIndex
  }
}

extension IDSet: CustomStringConvertible {
  /// The kernel's list format, as in "0-3,8"; empty for the empty set.
  public var description: String {
    var parts: [String] = []
    var open: (low: Int, high: Int)?
    func close(_ range: (low: Int, high: Int)) {
      parts.append(range.low == range.high ? "\(range.low)" : "\(range.low)-\(range.high)")
    }
    for id in self {
      if let range = open, range.high + 1 == id {
        open = (range.low, id)
      } else {
        if let range = open { close(range) }
        open = (id, id)
      }
    }
    if let range = open { close(range) }
    return parts.joined(separator: ",")
  }
}

extension StringProtocol {
  /// Without blanks and line ends around it.
  package var trimmed: SubSequence {
    var rest = self[...]
    while let last = rest.last, last.isWhitespace { rest.removeLast() }
    while let first = rest.first, first.isWhitespace { rest.removeFirst() }
    return rest
  }
}
