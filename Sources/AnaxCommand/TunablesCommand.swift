// SPDX-License-Identifier: Apache-2.0
//
// `anax tunables`: the table, with the values that a process started from this environment would have.
import ArgumentParser
import Anax
import Machine

struct TunablesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tunables",
    abstract: "List what can be set: names, units, defaults, ranges and effects.",
    discussion: """
      A tunable is set by its environment variable (vm.page.decay by ANAX_VM_PAGE_DECAY), by `anax exec --set`, or, \
      where it is live, by the running program.
      """)

  @OptionGroup var output: FormatOption

  func run() throws {
    Tunable.start()
    switch output.format {
    case .json: try Output.write(JSON.array(Tunable.all.map(json)).text() + "\n")
    case .text:
      try Output.write(Tunable.all.map { text($0) + "\n" }.joined())
    }
  }

  private func text(_ tunable: Tunable) -> String {
    let row = tunable.row
    let unit = row.unitText.isEmpty ? "" : " \(row.unitText)"
    let changed = tunable.value == row.initial ? "" : ", now \(row.text(tunable.value))"
    return """
      \(row.name) = \(row.text(row.initial))\(unit)\(changed) (\(row.range)\(unit), \(row.change.word))
        \(tunable.variable)\(row.alias.utf8CodeUnitCount == 0 ? "" : " or \(row.alias)")
        \(row.effect)

      """
  }

  private func json(_ tunable: Tunable) -> JSON {
    let row = tunable.row
    func value(_ value: Int64) -> JSON {
      guard row.unit.isLetter else { return .integer(value) }
      return value == 0 ? .null : .string(row.text(value))
    }
    return .object([
      "name": .string("\(row.name)"),
      "variable": .string(tunable.variable),
      "alias": row.alias.utf8CodeUnitCount == 0 ? .null : .string("\(row.alias)"),
      "unit": .string(row.unitText),
      "default": value(row.initial),
      "value": value(tunable.value),
      "minimum": value(row.low),
      "maximum": value(row.high),
      "change": .string("\(row.change.word)"),
      "effect": .string("\(row.effect)"),
    ])
  }
}
