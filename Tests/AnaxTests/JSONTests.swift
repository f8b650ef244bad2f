// SPDX-License-Identifier: Apache-2.0
//
// The reader of JSON: what it takes, what it refuses and where, and that what is written comes back.
import Testing

@testable import Anax

@Suite struct JSONTests {
  private func parse(_ text: String) throws(JSONError) -> JSON { try JSON(parsing: Array(text.utf8)) }

  @Test func valuesOfEachKind() throws {
    #expect(try parse(" null ") == .null)
    #expect(try parse("[true,false]") == .array([.boolean(true), .boolean(false)]))
    #expect(try parse("-0") == .integer(0))
    #expect(try parse("9223372036854775807") == .integer(.max))
    #expect(try parse("-9223372036854775808") == .integer(.min))
    #expect(try parse("9223372036854775808") == .number(9223372036854775808))
    #expect(try parse("[1.5, -2e3, 1E-2]") == .array([.number(1.5), .number(-2000), .number(0.01)]))
    #expect(try parse("{ }") == .object([:]))
    #expect(try parse("[]\n") == .array([]))
    #expect(try parse(#"{"a" : {"b" : [ ]}}"#) == .object(["a": .object(["b": .array([])])]))
  }

  @Test func stringsWithEscapes() throws {
    let text = #"\"\\\/\b\f\n\r\tA\u00e9\ud83d\udc09é"#
    #expect(try parse("\"\(text)\"") == .string("\"\\/\u{8}\u{C}\n\r\tAé🐉é"))
  }

  @Test(arguments: [
    "", " ", "nul", "truE", "[1,]", "[,1]", "[1 2]", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "{\"a\":}", "01", "+1", "1.",
    ".5",
    "1e", "1e+", "--1", "-", "0x10", "NaN", "Infinity", "1e999", "\"", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"",
    "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"a\nb\"", "[1] 2", "//c\n1", "'a'", "{\"a\":1,\"a\":2}",
    "\u{FEFF}1",
    "[", "{", "[[]", "1\u{0}", "\u{0}",
  ]) func whatIsNotJSON(text: String) {
    #expect(throws: JSONError.self) { try parse(text) }
  }

  @Test func errorsSayWhere() throws {
    let error = #expect(throws: JSONError.self) { try parse("{\n  \"a\": 1,\n  \"b\" 2\n}") }
    #expect(error?.description == "line 3, column 7: has '2' where ':' is wanted")
    let cut = #expect(throws: JSONError.self) { try parse("{\"a\": [1, 2") }
    #expect(cut?.description == "line 1, column 12: ends where ',' or ']' is wanted")
  }

  @Test func whatIsNotUTF8() {
    for bytes: [UInt8] in [[0x22, 0xFF, 0x22], [0x22, 0xC3, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x80]] {
      #expect(throws: JSONError.self) { try JSON(parsing: bytes) }
    }
  }

  @Test func depthIsBounded() throws {
    let deep = JSON.depthLimit
    _ = try parse(String(repeating: "[", count: deep) + String(repeating: "]", count: deep))
    #expect(throws: JSONError.self) { try parse(String(repeating: "[", count: deep + 1)) }
    #expect(throws: JSONError.self) { try parse(String(repeating: "{\"a\":", count: 100_000)) }
  }

  @Test func whatIsWrittenComesBack() throws {
    let value: JSON = .object([
      "text": .string("a \"b\" \\ \n\t\u{1}\u{7F} é 🐉"),
      "numbers": .array([.integer(-5), .number(0.1), .number(1e-9)]),
      "nothing": .null, "nested": .object(["list": .array([.object([:]), .array([]), .boolean(true)])]),
    ])
    #expect(try parse(value.text()) == value)
    // What lies deeper than so many levels is on one line, and says the same.
    let line = value.text(levels: 0)
    #expect(try parse(line) == value && !line.contains("\n"))
    let nested = JSON.object(["a": .array([.object(["b": .integer(1)]), .object([:])])])
    #expect(nested.text(levels: 2) == "{\n  \"a\": [\n    {\"b\": 1},\n    {}\n  ]\n}")
  }

  /// Bytes changed at random: an error or a value, never a trap.
  @Test func junkIsSurvived() {
    let text = Array(JSON.object(["a": .array([.integer(1), .string("é\n"), .number(2.5)]), "b": .null]).text().utf8)
    var state: UInt64 = 1
    for _ in 0..<20_000 {
      var bytes = text
      for _ in 0..<3 {
        state = state &* 6_364_136_223_846_793_005 &+ 1
        bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 20)
      }
      _ = try? JSON(parsing: bytes)
    }
  }
}
