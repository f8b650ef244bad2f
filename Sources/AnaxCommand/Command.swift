// SPDX-License-Identifier: Apache-2.0
//
// The command's root: its verbs, and what they share. A verb is a file of its own.
import ArgumentParser
import Glibc
import Machine

@main
struct Command: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "anax",
    abstract: "Run programs on the Anax allocator, and see what it sees.",
    subcommands: [BenchCommand.self, ExecCommand.self, TopologyCommand.self, TuneCommand.self, TunablesCommand.self])
}

enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
  case text, json
}

struct FormatOption: ParsableArguments {
  @Option(help: "How to print.")
  var format: OutputFormat = .text
}

extension ParsableCommand {
  /// A verb that hands what follows on to a program gets a request for help there too, where no program was named
  /// before it.
  func answerHelp(in program: [String]) throws {
    if let first = program.first, first == "--help" || first == "-h" { throw CleanExit.helpRequest(self) }
  }
}

enum Output {
  /// All of the text on standard output, or a complaint and the exit code 1: a full disk is no success.
  static func write(_ text: String) throws(ExitCode) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(1, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      if count <= 0 {
        Complaint.say("standard output: \(String(cString: strerror(errno)))")
        throw ExitCode(1)
      }
      rest = rest.dropFirst(count)
    }
  }
}

enum Complaint {
  /// One line on standard error.
  static func say(_ text: String) {
    let line = "anax: \(text)\n"
    _ = line.withCString { write(2, $0, strlen($0)) }
  }
}

extension Tunable {
  static var all: [Tunable] { (0..<UInt32(count)).compactMap { Tunable(index: $0) } }

  /// The environment variable that sets it.
  var variable: String {
    "ANAX_" + String(decoding: "\(row.name)".utf8.map(TunableRow.capital), as: UTF8.self)
  }
}

extension TunableRow {
  /// A value as the table prints it; a letter's 0 is unset.
  func text(_ value: Int64) -> String {
    guard unit.isLetter else { return "\(value)" }
    return value == 0 ? "unset" : String(UnicodeScalar(UInt8(0x40 + value)))
  }

  var range: String { "\(text(low))...\(text(high))" }

  var unitText: String { "\(unit.symbol)" }
}
