// SPDX-License-Identifier: Apache-2.0
//
// A JSON value and its text. Members keep the order they were given in, so that output can be compared line by line.
// JSON+Parse.swift reads it back. A value type: any thread.

package indirect enum JSON: Hashable, Sendable {
  case null
  case boolean(Bool)
  case integer(Int64)
  case number(Double)
  case string(String)
  case array([JSON])
  case object(Members)

  /// An object's members, in order; a dictionary literal makes one.
  package struct Members: Hashable, Sendable, ExpressibleByDictionaryLiteral {
    package struct Member: Hashable, Sendable {
      package var key: String
      package var value: JSON
    }

    package var list: [Member] = []

    package init(dictionaryLiteral elements: (String, JSON)...) {
      list = elements.map { Member(key: $0.0, value: $0.1) }
    }

    package subscript(key: String) -> JSON? { list.first { $0.key == key }?.value }

    package mutating func append(_ key: String, _ value: JSON) { list.append(Member(key: key, value: value)) }
  }

  package static func optional<Value>(_ value: Value?, _ make: (Value) -> JSON) -> JSON { value.map(make) ?? .null }

  /// Indented by two blanks a level; arrays of plain values stay on one line, and so does all that lies deeper than so
  /// many `levels`.
  package func text(indent: String = "", levels: Int = .max) -> String {
    let inner = indent + "  "
    switch self {
    case .null: return "null"
    case .boolean(let value): return value ? "true" : "false"
    case .integer(let value): return "\(value)"
    case .number(let value): return value.isFinite ? "\(value)" : "null"
    case .string(let value): return Self.quoted(value)
    case .array(let values):
      if values.allSatisfy(\.isPlain) { return "[" + values.map { $0.text() }.joined(separator: ", ") + "]" }
      let texts = values.map { $0.text(indent: inner, levels: levels - 1) }
      if levels < 1 { return "[" + texts.joined(separator: ", ") + "]" }
      return "[\n" + texts.map { inner + $0 }.joined(separator: ",\n") + "\n\(indent)]"
    case .object(let members):
      if members.list.isEmpty { return "{}" }
      let texts = members.list.map { "\(Self.quoted($0.key)): \($0.value.text(indent: inner, levels: levels - 1))" }
      if levels < 1 { return "{" + texts.joined(separator: ", ") + "}" }
      return "{\n" + texts.map { inner + $0 }.joined(separator: ",\n") + "\n\(indent)}"
    }
  }

  private var isPlain: Bool {
    switch self {
    case .array, .object: false
    default: true
    }
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
