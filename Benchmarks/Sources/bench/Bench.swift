// SPDX-License-Identifier: Apache-2.0
//
// The command line of the benchmark.

import ArgumentParser
import Glibc
import Harness

@main
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Compares a malloc with its peers, interleaved, row by row.",
    discussion: """
      Subjects are glibc as it is, the peers found on the machine (mimalloc, jemalloc, tcmalloc), and the candidate, all \
      by LD_PRELOAD. Ctrl-C ends the measurement and prints what was measured.
      """)

  @Flag(help: "Five short rounds; at most about five minutes on two processors.")
  var quick = false

  @Flag(help: "Twenty-five long rounds and the rows that take long.")
  var full = false

  @Option(help: "Rounds, 1 to 1000 (default: 5 with --quick, 25 with --full, else 9).")
  var rounds: Int?

  @Option(help: "Only the rows whose title, section or case contains one of these, separated by commas.")
  var only: String?

  @Option(help: "Thread counts of the threaded rows, separated by commas, each 1 to 256.")
  var threads = "1,2,4,16"

  @Option(help: "One more peer, NAME=PATH of a library to preload; may be repeated.")
  var peer: [String] = []

  @Option(help: "The library to be judged, NAME=PATH, or the NAME of a subject.")
  var candidate: String?

  @Option(help: "NAME=VALUE, a variable of the environment for the candidate; may be repeated.")
  var env: [String] = []

  @Option(help: "Only these subjects, separated by commas (the candidate is always one).")
  var subjects: String?

  @Option(help: "Start of the random numbers.")
  var seed: UInt64 = 1

  @Option(help: "Write all samples to this file as JSON.")
  var json: String?

  @Flag(help: "Show the lowest and highest round beside each median, however wide the table gets.")
  var spread = false

  @Flag(help: "List the rows and the subjects, and measure nothing.")
  var list = false

  func validate() throws {
    if quick && full { throw ValidationError("--quick and --full exclude each other") }
    if let rounds, !(1...1000).contains(rounds) { throw ValidationError("--rounds \(rounds): must be from 1 to 1000") }
    _ = try threadCounts()
    for entry in peer where !entry.contains("=") { throw ValidationError("--peer \(entry): must be NAME=PATH") }
    for entry in env where !entry.contains("=") { throw ValidationError("--env \(entry): must be NAME=VALUE") }
  }

  private func threadCounts() throws -> [Int] {
    try threads.split(separator: ",").map { part in
      guard let count = Int(part), (1...256).contains(count) else {
        throw ValidationError("--threads \(threads): '\(part)' must be from 1 to 256")
      }
      return count
    }
  }

  func run() throws {
    let (subjects, candidate, missing) = try chosenSubjects()
    let rows = try chosenRows()
    for package in missing {
      print("not measured: the peer of Debian's package \(package), which is not installed")
    }
    if list {
      for subject in subjects { print("subject  \(subject.name)  \(subject.path ?? "the C library's own")") }
      for row in rows { print("row  \(row.section): \(row.title)  [\(row.cell.name), \(row.metric)]") }
      return
    }
    print(Machine.line())
    if candidate == nil { print("no candidate: .build/lib/libanax.so is not there, and no --candidate was given") }
    var cells: [Cell] = []
    for row in rows where !cells.contains(row.cell) { cells.append(row.cell) }
    Child.blockInterrupt()
    var session = Session(
      subjects: subjects, candidate: candidate, cells: cells, plan: plan(), workload: try workloadPath())
    session.run()
    try report(session.samples, rows, cells, candidate, interrupted: session.interrupted)
    if session.interrupted { throw ExitCode(130) }
  }

  private func plan() -> Session.Plan {
    Session.Plan(
      rounds: rounds ?? (quick ? 5 : full ? 25 : 9), sleepingRounds: full ? 3 : 1, scale: quick ? 1 : full ? 3 : 2,
      seed: seed, limit: quick ? 270 : .infinity)
  }

  private func report(
    _ samples: BenchSamples, _ rows: [Row], _ cells: [Cell], _ candidate: Int?, interrupted: Bool
  ) throws {
    let judgements = rows.filter { samples.rounds[$0.cell] != nil }
      .map { Judgement($0, samples, candidate: candidate) }
    var summaries: [Summary?] = [
      .times("time / best", judgements, bound: nil, candidate: candidate)
    ]
    for (section, bound) in Goals.sections {
      let part = judgements.filter { $0.row.section == section }
      summaries.append(.times("time / best, \(section)", part, bound: bound, candidate: candidate))
    }
    let measured = cells.filter { samples.rounds[$0] != nil }
    summaries.append(.peakMemory(measured, samples, bound: Goals.peakMemory, candidate: candidate))
    let present = summaries.compactMap { $0 }
    var table = Table(subjects: samples.subjects, candidate: candidate, spread: true)
    if !spread, let width = Console.width(), table.width() > width {
      table = Table(subjects: samples.subjects, candidate: candidate, spread: false)
    }
    print(table.render(judgements, present))
    let counts = samples.rounds.values.map(\.count)
    print("\(counts.max() ?? 0) rounds\(interrupted ? ", interrupted" : ""), seed \(seed).")
    if let json {
      try JSONFile.write(
        Export(samples, judgements, present, candidate: candidate), to: json, option: "--json")
    }
  }

  // MARK: - What is measured

  private func chosenRows() throws -> [Row] {
    let patterns = only?.lowercased().split(separator: ",").map(String.init)
    let rows = Suite.rows(threads: try threadCounts()).filter { row in
      if let patterns {
        let names = [row.title, row.section, row.cell.name].map { $0.lowercased() }
        return patterns.contains { pattern in names.contains { $0.contains(pattern) } }
      }
      return !row.fullOnly || !quick
    }
    if rows.isEmpty { throw ValidationError("--only \(only ?? ""): no row's title, section or case contains that") }
    return rows
  }

  private func chosenSubjects() throws -> (subjects: [Subject], candidate: Int?, missing: [String]) {
    let installed = Subject.installed()
    var subjects = [Subject.glibc] + installed.found + (try peer.map(subject))
    var judged: String?
    if let candidate {
      if candidate.contains("=") { subjects.append(try subject(candidate)) }
      judged = String(candidate.prefix { $0 != "=" })
    } else if let path = Bench.builtLibrary() {
      subjects.append(Subject(name: "anax", path: path))
      judged = "anax"
    }
    if let wanted = self.subjects?.split(separator: ",").map(String.init) {
      for name in wanted where !subjects.contains(where: { $0.name == name }) {
        throw ValidationError("--subjects \(name): there is no such subject; --list shows them")
      }
      subjects = subjects.filter { wanted.contains($0.name) || $0.name == judged }
    }
    var names = Set<String>()
    for subject in subjects where !names.insert(subject.name).inserted {
      throw ValidationError("two subjects are named '\(subject.name)'")
    }
    guard let judged else { return (subjects, nil, installed.missing) }
    guard let index = subjects.firstIndex(where: { $0.name == judged }) else {
      throw ValidationError("--candidate \(judged): there is no such subject; give NAME=PATH")
    }
    subjects[index].environment = env
    return (subjects, index, installed.missing)
  }

  private func subject(_ entry: String) throws -> Subject {
    let name = String(entry.prefix { $0 != "=" })
    let path = String(entry.dropFirst(name.count + 1))
    guard !name.isEmpty, let full = realpath(path, nil) else {
      throw ValidationError("\(entry): '\(path)' is not there")
    }
    defer { free(full) }
    return Subject(name: name, path: String(cString: full))
  }

  /// The library as the repository builds it, seen from the current folder or from the nested package.
  private static func builtLibrary() -> String? {
    for path in [".build/lib/libanax.so", "../.build/lib/libanax.so"] {
      guard let full = realpath(path, nil) else { continue }
      defer { free(full) }
      return String(cString: full)
    }
    return nil
  }

  /// `workload`, which is built beside this program.
  private func workloadPath() throws -> String {
    do {
      return try Child.sibling("workload")
    } catch {
      throw ValidationError(error.description)
    }
  }
}
