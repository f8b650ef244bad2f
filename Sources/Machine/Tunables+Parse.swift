// SPDX-License-Identifier: Apache-2.0
//
// What a tunable's value looks like as text, and how a value is written. Used by the environment's reader and by the
// command, so both take and refuse the same. Works on bytes: it runs before anything may allocate.

extension TunableRow {
  /// Reads `text[0..<count]`: a decimal number, `K`, `M`, `G` or `T` (powers of 1024) after it where the unit is bytes;
  /// or a letter where the row takes one.
  @_noLocks @_noAllocation
  package func parse(_ text: UnsafePointer<CChar>, count: Int) throws(TunableError) -> Int64 {
    let value = unit.isLetter ? try Self.letter(text, count) : try number(text, count)
    if value < low || value > high { throw .outOfRange }
    return value
  }

  @_noLocks @_noAllocation
  private static func letter(_ text: UnsafePointer<CChar>, _ count: Int) throws(TunableError) -> Int64 {
    guard count == 1 else { throw .notAValue }
    let capital = Int64(UInt8(bitPattern: text[0]) & 0xDF)
    guard capital >= 0x41, capital <= 0x5A else { throw .notAValue }
    return capital - 0x40
  }

  @_noLocks @_noAllocation
  private func number(_ text: UnsafePointer<CChar>, _ count: Int) throws(TunableError) -> Int64 {
    var i = 0
    let negative = count > 0 && text[0] == 0x2D
    if negative { i = 1 }
    let firstDigit = i
    var value: Int64 = 0
    var tooLarge = false
    while i < count, text[i] >= 0x30, text[i] <= 0x39 {
      let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tens.addingReportingOverflow(Int64(text[i]) - 0x30)
      tooLarge = tooLarge || overflow || carry
      value = sum
      i += 1
    }
    guard i > firstDigit else { throw .notAValue }
    if i < count, unit.isBytes {
      let shift: Int64
      switch UInt8(bitPattern: text[i]) & 0xDF {
      case 0x4B: shift = 10
      case 0x4D: shift = 20
      case 0x47: shift = 30
      case 0x54: shift = 40
      default: throw .notAValue
      }
      tooLarge = tooLarge || value > Int64.max >> shift
      value = value &<< shift
      i += 1
    }
    guard i == count else { throw .notAValue }
    if tooLarge { throw .outOfRange }
    return negative ? 0 - value : value
  }
}

extension TunableRow.Unit {
  // Not `==`: a debug build reaches it through a witness table, which the allocator's start may not.
  package var isLetter: Bool {
    @_noLocks @_noAllocation get { if case .letter = self { true } else { false } }
  }

  package var isBytes: Bool {
    @_noLocks @_noAllocation get { if case .bytes = self { true } else { false } }
  }

  /// As written after a number; empty where a number needs none.
  package var symbol: StaticString {
    @_noLocks @_noAllocation get {
      switch self {
      case .bytes: "bytes"
      case .items: "items"
      case .milliseconds: "ms"
      case .nanoseconds: "ns"
      case .percent: "%"
      case .tries: "tries"
      case .choice, .letter: ""
      }
    }
  }
}

extension TunableRow.Change {
  package var word: StaticString {
    @_noLocks @_noAllocation get {
      switch self {
      case .live: "live"
      case .atStart: "at start"
      }
    }
  }
}
