// SPDX-License-Identifier: Apache-2.0
//
// The command line of the locks' benchmark.

import ArgumentParser
import Glibc
import Harness
import Report

@main
struct TokenBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "token-bench",
    abstract: "Compares the token with other locks, interleaved, cell by cell.",
    discussion: """
      A cell is so many threads, so much work inside and outside of the section, and so on; every lock runs it in a \
      process of its own. Without options the cells that the goals need, in at most about five minutes on two \
      processors. Ctrl-C ends the measurement and prints what was measured.
      """)

  @Flag(help: "Three short rounds of the same cells; about two minutes.")
  var quick = false

  @Flag(help: "The cells of the goals in more and longer rounds, and the whole grid: a night.")
  var full = false

  @Flag(help: "A hundred million rounds of two tokens in opposite orders, instead of two million.")
  var long = false

  @Option(help: "Rounds, 1 to 1000 (default: 3 with --quick, 9 with --full, else 5).")
  var rounds: Int?

  @Option(help: "Milliseconds of a run, 1 to 60000 (default: 60 with --quick, 500 with --full, else 100).")
  var milliseconds: Int?

  @Option(help: "Only cells of these groups, or whose names contain one of these, separated by semicolons; see --list.")
  var only: String?

  @Option(help: "Only these numbers of threads, separated by commas, each 1 to 1024.")
  var threads: String?

  @Option(help: "Only these subjects, separated by commas.")
  var subjects: String?

  @Option(
    help: """
      NAME=VARIABLE=VALUE[,VARIABLE=VALUE …]: the token with these variables of the environment beside it, as \
      spin=ANAX_LWKT_TOKEN_SPIN=100; may be repeated.
      """)
  var variant: [String] = []

  @Option(help: "Start of the random numbers.")
  var seed: UInt64 = 1

  @Option(help: "Write all samples to this file as JSON.")
  var output: String?

  @Flag(help: "List the cells and the subjects, and measure nothing.")
  var list = false

  func validate() throws {
    if quick && full { throw ValidationError("--quick and --full exclude each other") }
    if let rounds, !(1...1000).contains(rounds) { throw ValidationError("--rounds \(rounds): must be from 1 to 1000") }
    if let milliseconds, !(1...60_000).contains(milliseconds) {
      throw ValidationError("--milliseconds \(milliseconds): must be from 1 to 60000")
    }
    _ = try threadCounts()
    for entry in variant where entry.split(separator: "=").count < 3 {
      throw ValidationError("--variant \(entry): must be NAME=VARIABLE=VALUE[,VARIABLE=VALUE …]")
    }
  }

  private func threadCounts() throws -> [Int]? {
    try threads?.split(separator: ",").map { part in
      guard let count = Int(part), (1...1024).contains(count) else {
        throw ValidationError("--threads \(threads ?? ""): '\(part)' must be from 1 to 1024")
      }
      return count
    }
  }

  func run() throws {
    let workload = try TokenWorkload()
    let (subjects, missing) = try chosenSubjects(workload)
    let cells = try chosenCells()
    for name in missing { print("not measured: \(name), which this benchmark was built without") }
    if list {
      for subject in subjects { print("subject  \(pad(subject.name, 9))\(subject.about)") }
      for cell in cells { print("cell     \(pad(cell.group, 12))\(cell.name)") }
      return
    }
    print(MachineDescription.current().summary)
    Child.blockInterrupt()
    checkMeasurement(workload)
    let plan = plan()
    var session = Session(subjects: subjects, cells: cells, plan: plan, workload: workload)
    session.run()
    let counter = session.interrupted ? nil : FutexCounter.find()
    if let counter { session.countFutexes(counter) }
    let report = Report(
      samples: session.samples, cells: cells, futexes: session.futexes, judge: Judge(session.samples))
    print(report.render())
    let reason = session.interrupted ? "not counted" : "n/a, neither perf nor strace can count here"
    print("futex calls: \(counter.map { "counted by \($0.name)" } ?? reason).")
    let counts = session.samples.rounds.values.map(\.count)
    let end = session.interrupted ? ", interrupted" : ""
    print(
      "\(counts.max() ?? 0) rounds of \(Int(plan.seconds * 1000)) ms\(end), seed \(seed), \(Int(session.elapsed)) s;")
    print("a step of work is \(number(workload.step)) ns.")
    if let output { try JSONFile.write(Export(report, step: workload.step), to: output, option: "--output") }
    if session.interrupted { throw ExitCode(130) }
  }

  private func plan() -> Session.Plan {
    Session.Plan(
      rounds: rounds ?? (quick ? 3 : full ? 9 : 5), longRounds: min(rounds ?? 9, quick ? 1 : full ? 9 : 3),
      seconds: Double(milliseconds ?? (quick ? 60 : full ? 500 : 100)) / 1000, seed: seed,
      limit: full ? .infinity : quick ? 110 : 260)
  }

  /// A lock that excludes nobody must be seen to.
  private func checkMeasurement(_ workload: TokenWorkload) {
    let arguments = ["none", "contention", "--threads", "4", "--section", "1000", "--step", "1", "--seconds", "0.1"]
    guard let child = try? Child.start(workload.path, arguments, TokenWorkload.environment) else { return }
    if child.wait(limit: 20).end == .exited(0) {
      Console.error("token-bench: a run without any lock went unnoticed; do not trust what excludes here\n")
    }
  }

  // MARK: - What is measured

  private func chosenCells() throws -> [TokenCell] {
    var cells = TokenCells.goals(rounds: long ? 100_000_000 : 2_000_000)
    if full { cells += TokenCells.grid.filter { !cells.contains($0) } }
    if let counts = try threadCounts() { cells = cells.filter { counts.contains($0.threads) } }
    if let patterns = only?.split(separator: ";").map(String.init) {
      cells = cells.filter { cell in patterns.contains { cell.group == $0 || cell.name.contains($0) } }
    }
    if cells.isEmpty { throw ValidationError("--only and --threads leave no cell; --list shows them") }
    return cells
  }

  private func chosenSubjects(_ workload: TokenWorkload) throws -> (subjects: [Subject], missing: [String]) {
    var (found, missing) = try Subject.all(workload)
    if let token = found.first(where: { $0.name == Subject.candidate }) { found += variants(of: token) }
    guard let wanted = subjects?.split(separator: ",").map(String.init) else { return (found, missing) }
    for name in wanted where !found.contains(where: { $0.name == name }) {
      throw ValidationError("--subjects \(name): there is no such subject; --list shows them")
    }
    return (found.filter { wanted.contains($0.name) }, missing.filter { wanted.contains($0) })
  }

  private func variants(of token: Subject) -> [Subject] {
    variant.map { entry in
      let name = entry.prefix { $0 != "=" }
      return token.variant(String(name), entry.dropFirst(name.count + 1).split(separator: ",").map(String.init))
    }
  }
}
