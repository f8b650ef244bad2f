// SPDX-License-Identifier: Apache-2.0
//
// `anax bench`: runs the benchmark that is built beside this command or in the checkout, compares two of its results,
// and draws the page of one again.
import ArgumentParser
import Glibc
import Report

struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure Anax beside what one would use instead, and read the results.",
    subcommands: [BenchRunCommand.self, BenchCompareCommand.self, BenchReportCommand.self],
    defaultSubcommand: BenchRunCommand.self)
}

struct BenchRunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run the benchmark.",
    usage: "anax bench [run] [<options of the benchmark> ...]",
    discussion: """
      Becomes the benchmark, with its options: --quick, --full, --only GROUP/CASE, --threads, --seed, --peer NAME=PATH, \
      --output FOLDER; `anax bench run -- --help` lists all. Without --full, --rounds or --only it is --quick. The exit code is the benchmark's; 125 tells \
      that it could not be started.
      """)

  @Argument(parsing: .captureForPassthrough, help: "Options of the benchmark.")
  var options: [String] = []

  func run() throws {
    let program: String
    do throws(RunnerError) {
      program = try BenchmarkRunner.find()
    } catch {
      Complaint.say("\(error)")
      throw ExitCode(125)
    }
    let options = options.first == "--" ? Array(options.dropFirst()) : options
    var arguments: [UnsafeMutablePointer<CChar>?] =
      ([program] + options).map { strdup($0) } + [nil]
    execv(program, &arguments)
    Complaint.say("\(program): \(String(cString: strerror(errno)))")
    throw ExitCode(125)
  }
}

struct BenchCompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Tell what changed significantly between two results.",
    discussion: """
      Figures are first divided by those of the peers that both results have, round by round: a machine that was slower is no \
      change. What is not alike in the two runs (machine, scale, seed, versions of peers) is said first. Ends with 1 when something \
      became worse or fails that did not, 2 when a file is no result, 3 when nothing could be compared.
      """)

  @Argument(help: ArgumentHelp("results.json of the earlier run.", valueName: "a.json"))
  var earlier: String

  @Argument(help: ArgumentHelp("results.json of the later run.", valueName: "b.json"))
  var later: String

  @Option(help: "Subjects to compare, with commas between them (default: Anax).")
  var subjects: String?

  func run() throws {
    let (before, after) = (try Results.read(earlier), try Results.read(later))
    let wanted = Set((subjects ?? "").split(separator: ",").map(String.init))
    let known = ResultsComparison.subjects(before, after)
    if let name = wanted.subtracting(known).min() {
      let names = known.sorted().joined(separator: ", ")
      throw ValidationError("--subjects \(name): neither run has it; there are \(names)")
    }
    let comparison = ResultsComparison(before, after, subjects: wanted)
    try Output.write(comparison.text)
    if comparison.isEmpty {
      Complaint.say("nothing could be compared")
      throw ExitCode(3)
    }
    if comparison.isWorse { throw ExitCode(1) }
  }
}

struct BenchReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report", abstract: "Draw the page of a result again.")

  @Argument(help: ArgumentHelp("results.json of a run.", valueName: "results.json"))
  var results: String

  @Option(help: ArgumentHelp("Where index.html and a copy of results.json go.", valueName: "folder"))
  var output: String

  func run() throws {
    let results = try Results.read(results)
    let paths: [String]
    do throws(OutputError) {
      paths = try results.write(to: output)
    } catch {
      Complaint.say("\(error)")
      throw ExitCode(1)
    }
    for path in paths { try Output.write(path + "\n") }
  }
}

private enum Results {
  static func read(_ path: String) throws(ExitCode) -> BenchmarkResults {
    do throws(ResultsError) {
      return try BenchmarkResults(path: path)
    } catch {
      Complaint.say("\(error)")
      throw ExitCode(2)
    }
  }
}

enum RunnerError: Error, CustomStringConvertible {
  case notFound(tried: [String])

  var description: String {
    switch self {
    case .notFound(let tried):
      "the benchmark is not built; `Scripts/bench` in a checkout builds and runs it, `swift build --package-path Benchmarks "
        + "-c release` only builds it. Tried: " + tried.joined(separator: ", ")
    }
  }
}

/// Where the benchmark's runner is.
enum BenchmarkRunner {
  static func find(executable: String? = LibraryPath.absolute("/proc/self/exe")) throws(RunnerError) -> String {
    let tried = candidates(executable)
    guard let path = tried.first(where: { access($0, X_OK) == 0 }) else { throw .notFound(tried: tried) }
    return path
  }

  /// In a checkout, from `.build/<triple>/<configuration>/anax` or the current folder: Benchmarks/.build/release/bench.
  static func candidates(_ executable: String?) -> [String] {
    let built = "Benchmarks/.build/release/bench"
    guard let executable else { return [built] }
    let parts = executable.split(separator: "/")
    func path(_ parts: ArraySlice<Substring>, _ name: String) -> String {
      "/" + (parts + [Substring(name)]).joined(separator: "/")
    }
    var list: [String] = []
    if let build = parts.lastIndex(where: { $0.hasPrefix(".build") }) { list.append(path(parts[..<build], built)) }
    return list + [built]
  }
}
