// SPDX-License-Identifier: Apache-2.0
//
// The article that documents the tunables against the table that defines them: one row each, word for word.
import Foundation
import Machine
import Testing

@Suite struct TuningArticleTests {
  static let article = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Sources/Anax/Anax.docc/Tuning.md")

  static func rows() throws -> [String] {
    try String(contentsOf: article, encoding: .utf8).split(separator: "\n").map(String.init)
      .filter { $0.hasPrefix("| `") }
  }

  /// A value as the article writes it: letters for rungs, bytes in the largest unit that divides them.
  static func text(_ value: Int64, of row: TunableRow) -> String {
    switch row.unit {
    case .letter: return value == 0 ? "unset" : String(UnicodeScalar(UInt8(0x40 + value)))
    case .bytes:
      for (shift, suffix) in [(40, "T"), (30, "G"), (20, "M"), (10, "K")]
      where value != 0 && value & ((1 << shift) - 1) == 0 {
        return "\(value >> shift)\(suffix)"
      }
      return "\(value)"
    default: return "\(value)"
    }
  }

  static func expected(_ tunable: Tunable) -> String {
    let row = tunable.row
    let unit =
      switch row.unit {
      case .choice: "choice"
      case .letter: "letter"
      default: "\(row.unit.symbol)"
      }
    var variables = "`ANAX_" + "\(row.name)".uppercased().replacing(".", with: "_") + "`"
    if row.alias.utf8CodeUnitCount > 0 { variables += " or `\(row.alias)`" }
    let range = "\(text(row.low, of: row))...\(text(row.high, of: row))"
    return "| `\(row.name)` | \(variables) | \(unit) | \(text(row.initial, of: row)) | \(range) | "
      + "\(row.change.word) | \(row.effect) |"
  }

  @Test(arguments: TunableTests.all) func articleHasTheRowOfEachTunable(_ tunable: Tunable) throws {
    #expect(try Self.rows().filter { $0 == Self.expected(tunable) }.count == 1, "wants: \(Self.expected(tunable))")
  }

  @Test func articleHasNoOtherRow() throws {
    #expect(try Self.rows().count == Tunable.count)
  }
}
