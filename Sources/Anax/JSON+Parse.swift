// SPDX-License-Identifier: Apache-2.0
//
// Reads JSON as RFC 8259 has it, and nothing else: no comments, no trailing commas, no second value. Stricter than the
// standard where files get hurt: a name that comes twice in an object, text that is not UTF-8, a lone surrogate and
// nesting beyond `depthLimit` are errors. Without Foundation, which the library does not load for one small file.

/// What is wrong with a text, and where.
package struct JSONError: Error, Hashable, CustomStringConvertible {
  package var reason: String
  /// From 1; the column counts bytes.
  package var line: Int
  package var column: Int

  package var description: String { "line \(line), column \(column): \(reason)" }
}

extension JSON {
  package static let depthLimit = 32

  package init(parsing bytes: [UInt8]) throws(JSONError) {
    var reader = JSONReader(bytes: bytes)
    guard String(validating: bytes, as: UTF8.self) != nil else { throw reader.error("is not UTF-8 text") }
    self = try reader.document()
  }
}

private struct JSONReader {
  let bytes: [UInt8]
  var position = 0

  /// 0 at the end, which no rule accepts.
  private var next: UInt8 { position < bytes.count ? bytes[position] : 0 }

  func error(_ reason: String) -> JSONError {
    let before = bytes[..<min(position, bytes.count)]
    let line = before.lazy.filter { $0 == 0x0A }.count
    let start = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    return JSONError(reason: reason, line: line + 1, column: before.count - start + 1)
  }

  /// What is there instead of what was wanted.
  private func unexpected(_ wanted: String) -> JSONError {
    if position >= bytes.count { return error("ends where \(wanted) is wanted") }
    let shown = next >= 0x20 && next < 0x7F ? "'\(UnicodeScalar(next))'" : "byte \(next)"
    return error("has \(shown) where \(wanted) is wanted")
  }

  mutating func document() throws(JSONError) -> JSON {
    let value = try value(depth: 0)
    blanks()
    if position < bytes.count { throw unexpected("the end") }
    return value
  }

  private mutating func blanks() {
    while next == 0x20 || next == 0x0A || next == 0x0D || next == 0x09 { position += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    if next != byte || position >= bytes.count { return false }
    position += 1
    return true
  }

  private mutating func value(depth: Int) throws(JSONError) -> JSON {
    blanks()
    switch next {
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      if depth == JSON.depthLimit { throw error("is nested deeper than \(JSON.depthLimit)") }
      return next == UInt8(ascii: "{") ? try object(depth: depth + 1) : try array(depth: depth + 1)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    case UInt8(ascii: "t"): return try word("true", .boolean(true))
    case UInt8(ascii: "f"): return try word("false", .boolean(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: throw unexpected("a value")
    }
  }

  private mutating func word(_ text: StaticString, _ value: JSON) throws(JSONError) -> JSON {
    for index in 0..<text.utf8CodeUnitCount where !take(text.utf8Start[index]) { throw unexpected("\(text)") }
    return value
  }

  private mutating func object(depth: Int) throws(JSONError) -> JSON {
    position += 1
    var members: JSON.Members = [:]
    blanks()
    if take(UInt8(ascii: "}")) { return .object(members) }
    while true {
      blanks()
      guard next == UInt8(ascii: "\"") else { throw unexpected("a member's name") }
      let start = position
      let key = try string()
      if members[key] != nil {
        position = start
        throw error("has the member \"\(key)\" twice")
      }
      blanks()
      guard take(UInt8(ascii: ":")) else { throw unexpected("':'") }
      members.append(key, try value(depth: depth))
      blanks()
      if take(UInt8(ascii: "}")) { return .object(members) }
      guard take(UInt8(ascii: ",")) else { throw unexpected("',' or '}'") }
    }
  }

  private mutating func array(depth: Int) throws(JSONError) -> JSON {
    position += 1
    var values: [JSON] = []
    blanks()
    if take(UInt8(ascii: "]")) { return .array(values) }
    while true {
      values.append(try value(depth: depth))
      blanks()
      if take(UInt8(ascii: "]")) { return .array(values) }
      guard take(UInt8(ascii: ",")) else { throw unexpected("',' or ']'") }
    }
  }

  private mutating func number() throws(JSONError) -> JSON {
    let start = position
    _ = take(UInt8(ascii: "-"))
    if !take(UInt8(ascii: "0")) { try digits() }
    var whole = true
    if take(UInt8(ascii: ".")) {
      whole = false
      try digits()
    }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      whole = false
      if !take(UInt8(ascii: "-")) { _ = take(UInt8(ascii: "+")) }
      try digits()
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if whole, let value = Int64(text) { return .integer(value) }
    guard let value = Double(text), value.isFinite else {
      position = start
      throw error("has a number beyond every range")
    }
    return .number(value)
  }

  private mutating func digits() throws(JSONError) {
    guard next >= 0x30, next <= 0x39 else { throw unexpected("a digit") }
    while next >= 0x30, next <= 0x39 { position += 1 }
  }

  // MARK: Strings

  private mutating func string() throws(JSONError) -> String {
    position += 1
    var text: [UInt8] = []
    while true {
      if position >= bytes.count { throw unexpected("'\"'") }
      switch next {
      case UInt8(ascii: "\""):
        position += 1
        return String(decoding: text, as: UTF8.self)
      case 0..<0x20: throw error("has an unescaped control character in a string")
      case UInt8(ascii: "\\"):
        position += 1
        text += try escape()
      default:
        text.append(next)
        position += 1
      }
    }
  }

  private mutating func escape() throws(JSONError) -> [UInt8] {
    let letter = next
    position += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [letter]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "u"):
      var code = try fourDigits()
      if code >= 0xD800, code < 0xDC00 {
        guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw error("has half of a surrogate pair") }
        let low = try fourDigits()
        guard low >= 0xDC00, low < 0xE000 else { throw error("has half of a surrogate pair") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = UnicodeScalar(code) else { throw error("has half of a surrogate pair") }
      return Array(String(scalar).utf8)
    default:
      position -= 1
      throw unexpected("an escape")
    }
  }

  private mutating func fourDigits() throws(JSONError) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard position < bytes.count, let digit = Character(UnicodeScalar(next)).hexDigitValue else {
        throw unexpected("a hexadecimal digit")
      }
      code = code << 4 | UInt32(digit)
      position += 1
    }
    return code
  }
}
