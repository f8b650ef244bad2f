// SPDX-License-Identifier: Apache-2.0
//
// The command line of the benchmark.

import ArgumentParser
import CBench
import Glibc
import Harness
import Report

@main
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Compares Anax with what one would use instead, interleaved, row by row.",
    discussion: """
      malloc beside glibc as it is and the peers found on the machine (mimalloc, jemalloc, tcmalloc, tbbmalloc), all by \
      LD_PRELOAD; pages, zones and tokens beside their own peers; real programs. Says first how long it will take about, and \
      writes results.json and the page index.html. Ctrl-C ends the measurement and keeps what was measured: it then ends with 130. \
      Else it ends with 0, also where subjects failed or goals were missed, which table and page tell.

      --full is everything in at most about an hour on two processors: every row, seven rounds where they fit; all real \
      programs; the service that answers JSON, two rounds; locks in the cells of their goals and in the whole grid of \
      sections, thinks, threads, shares and a hog, the latter in two rounds of 20 ms; futex calls counted; and the control. \
      The goals of locks alone: --only tokens, some minutes. The grid alone: --only tokens/grid, or a slice of it, \
      --only 'tokens/grid/16 threads/hog'.
      """)

  @Flag(
    help: """
      Five short rounds of what is quick; at most about five minutes on two processors. So it is without --full, --rounds and --only.
      """)
  var quick = false

  @Flag(help: "All rows, the grid of locks and the control; at most about an hour on two processors.")
  var full = false

  @Option(help: "Rounds, 1 to 1000 (default: 5 with --quick, 7 with --full, else 9); some rows take fewer.")
  var rounds: Int?

  @Option(
    help: ArgumentHelp(
      """
      Only these, separated by commas: a GROUP, GROUP/PART of a title, stanza or case, where further slashes separate parts \
      that must all be there, or such a part alone. --list shows them.
      """, valueName: "group/case"))
  var only: String?

  @Option(help: "Thread counts of the threaded rows and curves, separated by commas, each 1 to 256.")
  var threads: String?

  @Option(help: "One more peer, NAME=PATH of a library to preload; may be repeated.")
  var peer: [String] = []

  @Option(help: "The library to be judged, NAME=PATH, or the NAME of a subject.")
  var candidate: String?

  @Option(help: "NAME=VALUE, a variable of the environment for the candidate; may be repeated.")
  var env: [String] = []

  @Option(
    help: ArgumentHelp(
      """
      NAME=VARIABLE=VALUE[,VARIABLE=VALUE …]: the candidates with these variables of the environment beside them, as \
      spin=ANAX_LWKT_TOKEN_SPIN=100; neither judged nor a peer; may be repeated.
      """, valueName: "variant"))
  var variant: [String] = []

  @Option(help: "Only these subjects, separated by commas (the candidates always stay).")
  var subjects: String?

  @Option(help: "Start of the random numbers.")
  var seed: UInt64 = 1

  @Option(help: ArgumentHelp("Where results.json and index.html go.", valueName: "folder"))
  var output = ".build/report"

  @Flag(help: "Measure the candidate twice under two names, to see what it differs by from itself; --full always does.")
  var control = false

  @Flag(help: "Show the lowest and highest round beside each median, however wide the table gets.")
  var spread = false

  @Flag(help: "List the rows and the subjects, and measure nothing.")
  var list = false

  func validate() throws {
    if quick && full { throw ValidationError("--quick and --full exclude each other") }
    if let rounds, !(1...1000).contains(rounds) { throw ValidationError("--rounds \(rounds): must be from 1 to 1000") }
    _ = try threadCounts()
    for entry in peer where !entry.contains("=") { throw ValidationError("--peer \(entry): must be NAME=PATH") }
    for entry in variant where entry.split(separator: "=").count < 3 {
      throw ValidationError("--variant \(entry): must be NAME=VARIABLE=VALUE[,VARIABLE=VALUE …]")
    }
    for entry in env where !entry.contains("=") { throw ValidationError("--env \(entry): must be NAME=VALUE") }
  }

  var isControlled: Bool { control || full }
  /// What is said of neither extent nor length is quick.
  private var isQuick: Bool { quick || !(full || rounds != nil || only != nil) }

  private func threadCounts() throws -> [Int]? {
    try threads.map { text in
      let counts = try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
        guard let count = Int(part), (1...256).contains(count) else {
          throw ValidationError("--threads \(text): '\(part)' must be from 1 to 256")
        }
        return count
      }
      return Set(counts).sorted()
    }
  }

  func run() throws {
    let rows = try chosenRows()
    let programs: Programs
    do throws(Problem) {
      programs = try Programs(tokens: rows.contains { $0.cell.group == "tokens" })
    } catch {
      throw ValidationError(error.description)
    }
    let (subjects, missing) = try Subjects(self).chosen(programs)
    var notes = missing.map { "not measured: \($0)" }
    if list {
      for note in notes { print(note) }
      for subject in subjects { print("subject  \(pad(subject.name, 11))\(subject.about)") }
      for row in rows where !row.isPoint || row.cell.isGrid {
        print("row  \(row.cell.group)/\(row.cell.name): \(row.title)  [\(row.metric)]")
      }
      return
    }
    do throws(OutputError) {
      // Before the measurement, so that it is not lost for want of a place.
      try OutputFile.makeFolder(output)
    } catch {
      throw ValidationError("--output \(error)")
    }
    // In a pipe too each line comes when it is true.
    bench_write_lines()
    print(MachineDescription.current().summary)
    let told = rows.flatMap { [$0] + Suite.aside($0) }
    var cells: [Cell] = []
    for row in rows where !cells.contains(row.cell) { cells.append(row.cell) }
    Child.blockInterrupt()
    // Before the measurement: once interrupted, no program is waited for.
    let commit = programs.commit
    let plan = plan()
    var session = Session(subjects: subjects, cells: cells, plan: plan, programs: programs)
    print("This takes about \(Plan.words(session.estimate)).")
    session.run()
    if plan.countsFutexes, !session.interrupted, !session.countedCells.isEmpty {
      let counter = FutexCounter.find()
      if let counter { session.countFutexes(counter) }
      notes.append(
        counter.map { "futex calls are counted by \($0.name), in runs of their own" }
          ?? "futex calls are not counted: neither perf nor strace can do it here")
    }
    for note in notes { print(note) }
    let goals = show(session.samples, rows, cells)
    let counts = session.samples.rounds.map { (isSleeping: $0.key.sleeping, rounds: $0.value.count) }
    let awake = counts.filter { !$0.isSleeping }.map(\.rounds).max() ?? 0
    let asleep = counts.filter(\.isSleeping).map(\.rounds).max()
    notes.append(
      "\(awake) rounds of \(plan.rounds(of: cells))"
        + (asleep.map { ", of cases that sleep \($0) of \(plan.sleepingRounds)" } ?? ""))
    let results = BenchmarkResults(
      session.samples, told, futexes: session.futexes, goals: goals,
      (
        CommandLine.arguments.dropFirst().reduce("bench") { "\($0) \($1)" }, commit, seed, plan.scale,
        session.elapsed
      ),
      interrupted: session.interrupted, notes: notes)
    print(results.judgement, terminator: "")
    print(
      "\(Table.count(awake, "round"))\(session.interrupted ? ", interrupted" : ""), seed \(seed), \(Int(session.elapsed)) s."
    )
    try write(results)
    if session.interrupted { throw ExitCode(130) }
  }

  private func plan() -> Plan {
    let (count, quick) = (rounds ?? (isQuick ? 5 : full ? 7 : 9), isQuick)
    return Plan(
      rounds: count, sleepingRounds: min(count, full ? 5 : 3), gridRounds: rounds ?? 2,
      scale: quick ? 0.5 : full ? 1 : 2,
      seconds: quick ? 0.05 : 0.1, gridSeconds: full ? 0.02 : 0.05, seed: seed,
      limit: quick ? 260 : full && rounds == nil ? 3600 : .infinity, countsFutexes: !quick)
  }

  private func write(_ results: BenchmarkResults) throws {
    do throws(OutputError) {
      for path in try results.write(to: output) { print("written: \(path)") }
    } catch {
      Console.error("bench: \(error)\n")
      throw ExitCode(1)
    }
  }

  /// A table for each family of subjects, then the goals over several cases, which are returned, and how many are met.
  private func show(_ samples: BenchSamples, _ rows: [Row], _ cells: [Cell]) -> [GoalOutcome] {
    var judged: [Judgement] = []
    var summaries: [Summary] = []
    for family in Family.allCases {
      // The candidate without its colors has a column where it is compared only.
      let mine = { (row: Row) in row.cell.family == family && !row.isAside && samples.rounds[row.cell] != nil }
      let candidate = samples.subjects.firstIndex { $0.isCandidate && $0.families.contains(family) }
      let judgements = rows.filter(mine).map { Judgement($0, samples, candidate: candidate) }
      guard !judgements.isEmpty else { continue }
      let means = family == .allocators ? allocatorSummaries(samples, judgements, cells, candidate) : []
      let columns = samples.subjects.indices.filter { samples.subjects[$0].families.contains(family) }
      let titles = judgements.map { $0.row.title.count + 3 }.max() ?? 0
      print(Table.fitting(samples.subjects, columns, candidate, titles, spread: spread).render(judgements, means))
      judged += judgements
      summaries += means
    }
    let goals = RowGoals.outcomes(samples) + TokenJudge(samples).outcomes
    print(Table.goals(goals), terminator: "")
    if !judged.isEmpty { print(Table.tally(judged, summaries, goals) + Table.legend(judged)) }
    return summaries.compactMap(\.outcome) + goals
  }

  private func allocatorSummaries(
    _ samples: BenchSamples, _ judgements: [Judgement], _ cells: [Cell], _ candidate: Int?
  ) -> [Summary] {
    var summaries: [Summary?] = [.times("time / best", judgements, bound: nil, candidate: candidate)]
    for (stanza, bound) in Goals.stanzas {
      let part = judgements.filter { $0.row.stanza == stanza }
      summaries.append(.times("time / best, \(stanza)", part, bound: bound, candidate: candidate))
    }
    let measured = cells.filter { samples.rounds[$0] != nil && $0.family == .allocators }
    summaries.append(.peakMemory(measured, samples, bound: Goals.peakMemory, candidate: candidate))
    return summaries.compactMap { $0 }
  }

  // MARK: - What is measured

  private func chosenRows() throws -> [Row] {
    let counts = try threadCounts()
    let patterns = only?.lowercased().split(separator: ",").map(String.init)
    var unused = Set(patterns ?? [])
    let tokenRounds = full ? TokenGoals.roundsAsked : TokenGoals.roundsUsual
    let rows = Suite.rows(threads: counts, rounds: tokenRounds).compactMap { row -> Row? in
      guard let patterns else { return full || (isQuick ? Suite.isQuick(row) : !row.fullOnly) ? row : nil }
      let matching = patterns.filter { row.matches($0, withGrid: full) }
      guard !matching.isEmpty else { return nil }
      unused.subtract(matching)
      // Whoever asks for a slice of the grid wants to see it.
      var row = row
      if row.cell.isGrid, !full { row.isAside = false }
      return row
    }
    // Half of what was asked for would look like all of it.
    for pattern in patterns ?? [] where unused.contains(pattern) {
      throw ValidationError("--only \(pattern): no row's group, title, stanza or case is that; --list shows them")
    }
    if rows.isEmpty { throw ValidationError("--only: names nothing; --list shows what there is") }
    return rows
  }
}

extension Row {
  /// A group, a group and parts of a case or title behind slashes, or a part of title, stanza or case. The grid of
  /// locks is so large that it must be named, and then has the judged cells in it too.
  func matches(_ pattern: String, withGrid: Bool) -> Bool {
    let names = ([title, stanza, cell.name] + (tile == nil ? [] : ["grid"])).map { $0.lowercased() }
    var parts = [Substring(pattern)]
    // A group of the report whose figures come from cases of others.
    if pattern == "peak" { return cell.footprint }
    if Cell.allGroups.contains(pattern) {
      guard cell.group == pattern else { return false }
      parts = []
    } else if let slash = pattern.firstIndex(of: "/"), Cell.allGroups.contains(String(pattern[..<slash])) {
      guard cell.group == pattern[..<slash] else { return false }
      parts = pattern[pattern.index(after: slash)...].split(separator: "/")
    }
    if cell.isGrid, !withGrid, !parts.contains("grid") { return false }
    return parts.allSatisfy { part in names.contains { $0.contains(part) } }
  }
}
