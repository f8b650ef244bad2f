// SPDX-License-Identifier: Apache-2.0
//
// The tunables' start: defaults first, then what the environment says. A bad value is refused in one line on standard
// error and the default stays; a name that looks like a tunable's and is none is told too. Runs inside the first malloc
// of a process, before constructors: no allocation, no lock, no getenv.
import CAnax

extension Tunable {
  /// Fills in every value, once for a process; later calls return at once. To be called before the first value is read.
  /// Two threads that race here read the same environment; each value is the first's to set, so that what a program has
  /// set meanwhile stays.
  @_noLocks @_noAllocation
  package static func start() {
    if anax_tunables_started() != 0 { return }
    start(environment: anax_tunable_environment())
  }

  /// As `start()`, from an environment of the caller's: a list of `NAME=VALUE` that a null pointer ends, or nil.
  @_noLocks @_noAllocation
  package static func start(environment: UnsafePointer<UnsafePointer<CChar>?>?) {
    if let environment {
      var i = 0
      while let entry = environment[i] {
        read(entry)
        i += 1
      }
    }
    var index: UInt32 = 0
    while let tunable = Tunable(index: index) {
      anax_tunable_begin(index, tunable.row.initial)
      index += 1
    }
    anax_tunables_mark_started(1)
  }

  @_noLocks @_noAllocation
  private static func read(_ entry: UnsafePointer<CChar>) {
    guard StaticString("ANAX_").begins(entry) else { return }
    var nameCount = 5
    while entry[nameCount] != 0x3D {
      if entry[nameCount] == 0 { return }
      nameCount += 1
    }
    let text = entry + nameCount + 1
    var textCount = 0
    while text[textCount] != 0 { textCount += 1 }

    guard let tunable = Tunable(variable: entry, count: nameCount) else {
      if StaticString("ANAX_VM_").begins(entry) || StaticString("ANAX_LWKT_").begins(entry) {
        var line = MessageLine()
        line.append(entry, count: nameCount)
        line.append(" is not a tunable and has no effect; `anax tunables` lists them")
        line.write()
      }
      return
    }
    let row = tunable.row
    do throws(TunableError) {
      anax_tunable_begin(tunable.index, try row.parse(text, count: textCount))
    } catch {
      var line = MessageLine()
      line.append(entry, count: nameCount)
      line.append("=")
      line.append(text, count: textCount)
      line.append(" is refused: ")
      line.append(expectedBy: row)
      line.append("; using ")
      line.append(value: row.initial, of: row)
      line.write()
    }
  }

  /// The tunable that the environment variable `variable[0..<count]` sets.
  @_noLocks @_noAllocation
  package init?(variable: UnsafePointer<CChar>, count: Int) {
    var index: UInt32 = 0
    while let tunable = Tunable(index: index) {
      if tunable.row.isSet(by: variable, count: count) {
        self = tunable
        return
      }
      index += 1
    }
    return nil
  }
}

extension TunableRow {
  @_noLocks @_noAllocation
  fileprivate func isSet(by variable: UnsafePointer<CChar>, count: Int) -> Bool {
    if alias.utf8CodeUnitCount == count, alias.begins(variable) { return true }
    let bytes = name.utf8Start
    guard count == 5 + name.utf8CodeUnitCount, StaticString("ANAX_").begins(variable) else { return false }
    var i = 5
    while i < count {
      if UInt8(bitPattern: variable[i]) != Self.capital(bytes[i - 5]) { return false }
      i += 1
    }
    return true
  }

  /// The byte of an environment variable's name that stands for this byte of a tunable's.
  @_noLocks @_noAllocation
  package static func capital(_ byte: UInt8) -> UInt8 {
    if byte == 0x2E { return 0x5F }
    return byte >= 0x61 && byte <= 0x7A ? byte - 0x20 : byte
  }
}

extension StaticString {
  /// Whether the C string at `other` begins with this.
  @_noLocks @_noAllocation
  fileprivate func begins(_ other: UnsafePointer<CChar>) -> Bool {
    let bytes = utf8Start
    var i = 0
    while i < utf8CodeUnitCount {
      if UInt8(bitPattern: other[i]) != bytes[i] { return false }
      i += 1
    }
    return true
  }
}

extension MessageLine {
  /// The values a row takes: `wants 0...3600000 ms`.
  @_noLocks @_noAllocation
  package mutating func append(expectedBy row: TunableRow) {
    append("wants ")
    append(value: row.low, of: row, withUnit: false)
    append("...")
    append(value: row.high, of: row)
  }

  @_noLocks @_noAllocation
  package mutating func append(value: Int64, of row: TunableRow, withUnit: Bool = true) {
    if row.unit.isLetter {
      if value == 0 {
        append("the best that this machine has")
      } else {
        append(byte: UInt8(truncatingIfNeeded: 0x40 + value))
      }
      return
    }
    append(value)
    if withUnit, row.unit.symbol.utf8CodeUnitCount > 0 {
      append(" ")
      append(row.unit.symbol)
    }
  }
}
