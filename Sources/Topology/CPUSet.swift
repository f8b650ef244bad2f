// SPDX-License-Identifier: Apache-2.0
//
// A set of small ids, of CPUs or of nodes, in the kernel's list format ("0-3,8"). Ids may be sparse. A value type;
// equal sets compare equal however they were built.

/// A set of small ids, of CPUs or of nodes.
public struct CPUSet: Hashable, Sendable {
  /// Larger ids are refused: the kernel's own bound is 8192 CPUs and 1024 nodes.
  public static let highestID = 65535

  // No trailing zero word, so that == is by content.
  private var words: [UInt64] = []

  /// The empty set.
  public init() {}

  /// The set of these ids, each from 0 to ``highestID``.
  public init(_ ids: some Sequence<Int>) {
    for id in ids { insert(id) }
  }

  /// Reads the kernel's list format; blanks around it and an empty list are fine. `source` names the origin in errors.
  package init(parsing text: some StringProtocol, source: String = "CPU list") throws(TopologyError) {
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
      for id in low...high { insert(id) }
    }
  }

  private static func id(_ text: some StringProtocol) -> Int? {
    guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let id = Int(text), id <= highestID
    else { return nil }
    return id
  }

  /// Adds an id from 0 to ``highestID``.
  public mutating func insert(_ id: Int) {
    precondition(id >= 0 && id <= Self.highestID, "an id is between 0 and \(Self.highestID)")
    while words.count <= id / 64 { words.append(0) }
    words[id / 64] |= 1 << UInt64(id % 64)
  }

  /// Any number may be asked for.
  public func contains(_ id: Int) -> Bool {
    id >= 0 && id / 64 < words.count && words[id / 64] >> UInt64(id % 64) & 1 == 1
  }

  public var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }
  public var isEmpty: Bool { words.isEmpty }

  /// The ids in ascending order.
  public var ids: [Int] {
    var ids: [Int] = []
    for (index, word) in words.enumerated() {
      var rest = word
      while rest != 0 {
        ids.append(index * 64 + rest.trailingZeroBitCount)
        rest &= rest - 1
      }
    }
    return ids
  }

  public func union(_ other: CPUSet) -> CPUSet { combined(with: other) { $0 | $1 } }
  public func intersection(_ other: CPUSet) -> CPUSet { combined(with: other) { $0 & $1 } }
  public func subtracting(_ other: CPUSet) -> CPUSet { combined(with: other) { $0 & ~$1 } }

  private func combined(with other: CPUSet, _ operation: (UInt64, UInt64) -> UInt64) -> CPUSet {
    var result = CPUSet()
    for i in 0..<max(words.count, other.words.count) {
      result.words.append(
        operation(i < words.count ? words[i] : 0, i < other.words.count ? other.words[i] : 0))
    }
    while result.words.last == 0 { result.words.removeLast() }
    return result
  }
}

extension CPUSet: CustomStringConvertible {
  /// The kernel's list format; empty for the empty set.
  public var description: String {
    var parts: [String] = []
    var open: (low: Int, high: Int)?
    func close(_ range: (low: Int, high: Int)) {
      parts.append(range.low == range.high ? "\(range.low)" : "\(range.low)-\(range.high)")
    }
    for id in ids {
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
