// SPDX-License-Identifier: Apache-2.0
//
// `anax exec`: becomes the program, with the library preloaded and the tunables in its environment. Since the process
// is replaced, exit code and signals are the program's own. What fails before that exits as `env` does: 125 for a
// failure of this command, 126 for a program that cannot be run, 127 for one that is not there; 64 for wrong usage.
import ArgumentParser
import Glibc
import Machine

struct ExecCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exec",
    abstract: "Run a program on Anax.",
    usage: """
      anax exec [--rung <rung>] [--set <name=value>] ... [--stats] [--format <format>] [--library <path>] \
      -- <program> [<args> ...]
      """,
    discussion: """
      The library is taken from --library, else from ANAX_LIBRARY, else from ../lib beside this command. Libraries \
      that LD_PRELOAD already names stay, behind it. The exit code is the program's; 125, 126 and 127 tell that it \
      could not be started.
      """)

  @Option(help: "Force a per-CPU mechanism: A, B, C or D. `anax topology` says which would be taken.")
  var rung: String?

  @Option(name: .customLong("set"), help: "Set a tunable, as vm.page.decay=0. `anax tunables` lists them.")
  var settings: [String] = []

  @Flag(help: "Print a summary when the program ends.")
  var stats = false

  @Option(help: "How the summary is printed, on standard error: text, or json, an object a line.")
  var format: OutputFormat?

  @Option(help: "The preloaded library, libanax.so.")
  var library: String?

  @Argument(parsing: .captureForPassthrough, help: "The program and its arguments.")
  var program: [String] = []

  func validate() throws {
    try answerHelp(in: program)
    if let first = program.first, first != "--", first.hasPrefix("-") {
      throw ValidationError("Unknown option '\(first)'.")
    }
    if command.isEmpty { throw ValidationError("Missing the program to run: anax exec [options] -- program [args]") }
    if format != nil, !stats { throw ValidationError("--format is the summary's: it goes with --stats.") }
    _ = try assignments()
  }

  private var command: [String] { Array(program.first == "--" ? program.dropFirst() : program[...]) }

  func run() throws {
    for (tunable, value) in try assignments() {
      setenv(tunable.variable, value, 1)
      // Else the older wish might win.
      if tunable.row.alias.utf8CodeUnitCount > 0 { unsetenv("\(tunable.row.alias)") }
    }
    do throws(LibraryError) {
      let library = try LibraryPath.find(asked: library)
      setenv("LD_PRELOAD", LibraryPath.preload(library, before: getenv("LD_PRELOAD").map { String(cString: $0) }), 1)
    } catch {
      Complaint.say("\(error)")
      throw ExitCode(125)
    }
    let command = self.command
    if let doubt = ProgramFile(named: command[0])?.preloadDoubt { Complaint.say("\(command[0]): \(doubt)") }

    var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
    execvp(command[0], &arguments)
    let code = errno
    Complaint.say("\(command[0]): \(String(cString: strerror(code)))")
    throw ExitCode(code == ENOENT ? 127 : 126)
  }

  /// What the options set; throws what is wrong with one of them.
  private func assignments() throws(ValidationError) -> [(tunable: Tunable, value: String)] {
    var assignments: [(tunable: Tunable, value: String)] = []
    var texts = settings + (rung.map { ["rung=\($0)"] } ?? [])
    if stats { texts.append(format == .json ? "stats=2" : "stats=1") }
    for assignment in texts {
      guard let sign = assignment.firstIndex(of: "=") else {
        throw ValidationError("--set \(assignment): wants NAME=VALUE.")
      }
      let name = String(assignment[..<sign])
      let value = String(assignment[assignment.index(after: sign)...])
      guard let tunable = Tunable(name: name) else {
        throw ValidationError("\(name) is not a tunable; `anax tunables` lists them.")
      }
      do throws(TunableError) {
        _ = try tunable.row.parse(value, count: value.utf8.count)
      } catch {
        let row = tunable.row
        throw ValidationError(
          "\(name)=\(value) is refused: wants \(row.range)\(row.unitText.isEmpty ? "" : " ")\(row.unitText).")
      }
      assignments.append((tunable, value))
    }
    return assignments
  }
}
