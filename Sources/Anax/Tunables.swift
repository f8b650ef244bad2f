// SPDX-License-Identifier: Apache-2.0
// The tunables as the program sees them: the one table of Machine, read and set by name.

import Machine

/// What can be set: by environment variable when the process starts, and, where ``Entry/isLive``, by the running
/// program.
///
/// Any thread. Reading and setting a value is one load or store.
public enum Tunables {
  /// One row of the table.
  public struct Entry: Sendable, Hashable {
    /// Dotted, as `vm.page.decay`.
    public let name: String
    /// The environment variable, as `ANAX_VM_PAGE_DECAY`.
    public let variable: String
    /// As `bytes` or `ms`; empty for a choice or a letter.
    public let unit: String
    public let initial: Int
    public let range: ClosedRange<Int>
    /// Whether a running program may set it.
    public let isLive: Bool
    /// One sentence.
    public let effect: String

    init(_ tunable: Tunable) {
      let row = tunable.row
      name = "\(row.name)"
      variable = "ANAX_" + "\(row.name)".uppercased().split(separator: ".").joined(separator: "_")
      unit = "\(row.unit.symbol)"
      initial = Int(row.initial)
      range = Int(row.low)...Int(row.high)
      isLive = if case .live = row.change { true } else { false }
      effect = "\(row.effect)"
    }
  }

  /// The table.
  public static var all: [Entry] { (0..<UInt32(Tunable.count)).compactMap { Tunable(index: $0).map(Entry.init) } }

  /// The row of this name, or nil.
  public static func entry(_ name: String) -> Entry? { Tunable(name: name).map(Entry.init) }

  /// The value in force, in the row's unit. A letter counts from 1 (A); 0 is unset.
  ///
  /// - Throws: ``TunablesError/unknown(_:)``.
  public static func value(of name: String) throws(TunablesError) -> Int {
    Tunable.start()
    guard let tunable = Tunable(name: name) else { throw .unknown(name) }
    return Int(tunable.value)
  }

  /// Sets the value for the rest of the process. Nothing changes when it throws.
  ///
  /// - Throws: ``TunablesError``, whose text names the tunable, the value and the range.
  public static func set(_ name: String, to value: Int) throws(TunablesError) {
    Tunable.start()
    guard let tunable = Tunable(name: name) else { throw .unknown(name) }
    do throws(TunableError) {
      try tunable.choose(Int64(value))
    } catch {
      let entry = Entry(tunable)
      switch error {
      case .onlyAtStart: throw .onlyAtStart(entry)
      case .unknownName: throw .unknown(name)
      case .outOfRange, .notAValue: throw .outOfRange(entry, value)
      }
    }
  }
}

/// Why a tunable was not read or set.
public enum TunablesError: Error, Hashable, Sendable {
  /// No tunable has this name.
  case unknown(String)
  /// The value is outside the row's range.
  case outOfRange(Tunables.Entry, Int)
  /// The row is read once, when the process starts.
  case onlyAtStart(Tunables.Entry)
}

extension TunablesError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unknown(let name): "\(name) is not a tunable; `anax tunables` lists them"
    case .outOfRange(let entry, let value):
      """
      \(entry.name) = \(value) is refused: wants \(entry.range.lowerBound)...\(entry.range.upperBound)\
      \(entry.unit.isEmpty ? "" : " " + entry.unit)
      """
    case .onlyAtStart(let entry): "\(entry.name) is read when the process starts: set \(entry.variable) before"
    }
  }
}

extension Tunable {
  init?(name: String) {
    guard let found = name.withCString({ Tunable(name: $0) }) else { return nil }
    self = found
  }
}
