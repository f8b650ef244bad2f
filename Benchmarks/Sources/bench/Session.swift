// SPDX-License-Identifier: Apache-2.0
//
// The order of things: rounds over all cells, in each cell its subjects one after another, first another one each time;
// a run that foreign load disturbed is taken again, at most twice. Where the first run pays for what later ones find
// done (real programs, tails), it is thrown away. Session+Sleeping.swift has the cells that sleep.

import Glibc
import Harness
import Report

struct Session {
  let subjects: [Subject]
  let cells: [Cell]
  let plan: Plan
  let programs: Programs

  var samples: BenchSamples
  var takes: Takes
  let progress = ProgressLine()
  private let quota: QuotaGroup?
  /// Why there is no group with a quota.
  private let withoutQuota: String?
  /// Why a subject cannot be measured at all.
  var unusable: [String?]
  /// Seconds that are left: each cell as it took last, and what was not run yet as the plan has it.
  private var left = 0.0
  /// Seconds of a cell's last round, without its warm-up.
  private var took: [Cell: Double] = [:]
  /// Futex calls in a thousand operations, a number a subject.
  var futexes: [Cell: [Double?]] = [:]

  init(subjects: [Subject], cells: [Cell], plan: Plan, programs: Programs) {
    (self.subjects, self.plan, self.programs) = (subjects, plan, programs)
    samples = Samples(subjects: subjects)
    takes = Takes(limit: plan.limit)
    unusable = subjects.map { _ in nil }
    var group: QuotaGroup?
    var refusal: String?
    if cells.contains(where: { $0.condition == .quota }) {
      do throws(Problem) {
        group = try QuotaGroup()
      } catch {
        refusal = error.description
      }
    }
    (quota, withoutQuota) = (group, refusal)
    self.cells = cells
  }

  var interrupted: Bool { takes.interrupted }
  var elapsed: Double { takes.elapsed }

  mutating func run() {
    let awake = cells.filter { !$0.sleeping }
    let sleeping = cells.filter(\.sleeping)
    let sleepers = sleeping.map { members($0).count }.reduce(0, +)
    left =
      plan.asleep(sleepers)
      + awake.map { weight($0) * Double(plan.rounds($0) + ($0.isWarmedUp ? 1 : 0)) }.reduce(0, +)
    checkSubjects()
    checkLocks()
    for round in 0..<plan.sleepingRounds where !sleeping.isEmpty && !interrupted {
      if round > 0, elapsed > sleepingLimit { break }
      report("\(sleeping.count) cases that sleep, at once, round \(round + 1) of \(plan.sleepingRounds)", "")
      let begun = elapsed
      runSleeping(sleeping, round: round)
      // What the first round took, the others will.
      if round == 0 { left += (elapsed - begun) * Double(plan.sleepingRounds) - plan.asleep(sleepers) }
      left -= elapsed - begun
    }
    for round in 0..<plan.rounds(of: awake) where !interrupted {
      let members = awake.filter { round < plan.rounds($0) }
      if round > 0, elapsed + members.compactMap({ took[$0] }).reduce(0, +) > plan.limit { break }
      for (index, cell) in members.enumerated() where !interrupted {
        report("round \(round + 1) of \(plan.rounds(of: cells))", "\(cell.group)/\(cell.name)")
        let begun = elapsed
        runCell(cell, round: round, turn: round + index)
        account(cell, round, elapsed - begun)
      }
    }
    quota?.remove()
    progress.end()
  }

  /// Seconds that the whole takes about.
  var estimate: Double { plan.estimate(cells) { members($0).count } }

  /// What a cell takes in a round, about.
  private func weight(_ cell: Cell) -> Double { plan.cost(cell) * Double(members(cell).count) }

  /// What a round of a cell took is what its other rounds will.
  private mutating func account(_ cell: Cell, _ round: Int, _ seconds: Double) {
    let runs = round == 0 && cell.isWarmedUp ? 2.0 : 1
    let expected = took[cell] ?? weight(cell)
    took[cell] = seconds / runs
    left += Double(plan.rounds(cell) - round - 1) * (seconds / runs - expected) - runs * expected
  }

  private func report(_ stage: String, _ detail: String) {
    let left = min(max(left, 0), max(plan.limit - elapsed, 0))
    progress.report(stage, detail: detail, done: elapsed / max(elapsed + left, 1e-3), left: left)
  }

  /// Subjects that a cell compares.
  func members(_ cell: Cell) -> [Int] {
    subjects.indices.filter { index in
      guard subjects[index].families.contains(cell.family) else { return false }
      guard case .lock(let lock) = cell.kind else { return true }
      // Two runs of the same say nothing in a grid, and a run for rounds is a test of the token alone.
      if cell.isGrid, subjects[index].isControl { return false }
      if lock.isForRounds { return subjects[index].isCandidate && subjects[index].parts.contains(lock.part) }
      return subjects[index].parts.contains(lock.part)
    }
  }

  /// A library that the dynamic linker refuses is left out with a message: the program then runs on the C library. So
  /// is one on which a program does not start, or does not end.
  private mutating func checkSubjects() {
    for subject in subjects.indices where subjects[subject].path != nil {
      let variables = subjects[subject].variables(.allocators, [])
      guard let child = try? Child.start(programs.workload, ["--list"], variables) else { continue }
      let result = child.wait(limit: 10)
      if result.end == .interrupted { _ = takes.outcome(result) }
      guard !interrupted else { return }
      // Whoever cannot start a program that lists its cases would not run one.
      let isRefused = result.errors.contains("cannot be preloaded")
      guard isRefused || result.end != .exited(0) else { continue }
      let failure = isRefused ? "not loaded" : result.end.words
      unusable[subject] = failure
      let line = result.errors.split(separator: "\n").first.map { ": \($0)" } ?? ""
      Console.error("\(subjects[subject].name): \(failure)\(line)\n")
    }
  }

  /// A lock that excludes nobody must be seen to.
  private func checkLocks() {
    guard let tokens = programs.tokens else { return }
    let cell = TokenCell(threads: 4, section: 1000)
    guard
      let child = try? Child.start(
        tokens.path, tokens.arguments(cell, "none", seed: plan.seed, seconds: 0.1), TokenWorkload.environment),
      child.wait(limit: 20).end == .exited(0)
    else { return }
    Console.error("bench: a run without any lock went unnoticed; do not trust what excludes here\n")
  }

  private mutating func runCell(_ cell: Cell, round: Int, turn: Int) {
    var outcomes = subjects.map { _ in Outcome.absent }
    let session = self
    let members = members(cell)
    for place in members.indices {
      let subject = members[(place + turn) % members.count]
      // Who failed once stays failed: no waiting for the same crash or the same hang again.
      if let failure = unusable[subject] ?? samples.failure(cell, subject) {
        outcomes[subject] = Outcome(failure: failure)
        continue
      }
      if let reason = samples.notRun(cell, subject) {
        outcomes[subject] = Outcome(notRun: reason)
        continue
      }
      if let same = preloadedBefore(cell, subject, round) {
        outcomes[subject] = same
        continue
      }
      if round == 0 && cell.isWarmedUp {
        // Thrown away, but for what went wrong in it.
        let first = session.measure(cell, subject, round, &takes)
        if first.failure != nil || first.notRun != nil {
          outcomes[subject] = first
          continue
        }
      }
      outcomes[subject] = takes.take { session.measure(cell, subject, round, &$0) }
      if interrupted { return }
    }
    samples.add(outcomes, of: cell)
  }

  /// What a subject reached in this round in the service that it is preloaded into: with Anax linked in, the others
  /// have the same program as without.
  private func preloadedBefore(_ cell: Cell, _ subject: Int, _ round: Int) -> Outcome? {
    guard cell.kind == .load(Cell.linkedService), !subjects[subject].isJudgedLibrary else { return nil }
    let rounds = samples.rounds[Cell(kind: .load("http"))] ?? []
    return rounds.count > round ? rounds[round][subject] : nil
  }

  /// Whether the subject is in the program itself, and so nothing is preloaded.
  private func isLinked(_ cell: Cell, _ subject: Int) -> Bool {
    cell.kind == .load(Cell.linkedService) && subjects[subject].isJudgedLibrary
  }

  private func measure(_ cell: Cell, _ subject: Int, _ round: Int, _ takes: inout Takes) -> Outcome {
    if isLinked(cell, subject), subjects[subject].path != Subjects.builtLibrary() {
      return Outcome(notRun: "the service has this checkout's Anax linked in, and not \(subjects[subject].name)")
    }
    if cell.condition == .quota, quota == nil { return Outcome(notRun: "no quota: \(withoutQuota ?? "unknown")") }
    if cell.warmed { warmHost() }
    do throws(Problem) {
      if case .start(let work) = cell.kind {
        let command = work.map { [programs.workload, $0] } ?? ["/bin/true"]
        return try Startup.measure(command, variables(cell, subject), starts: 20, limit: plan.hangs(cell), &takes)
      }
      let hog = cell.condition == .hog ? try Hog() : nil
      defer { hog?.end() }
      let child = try launch(cell, subject, round)
      if cell.condition == .quota, let quota, let refusal = quota.refusal(child.process) {
        child.end()
        return Outcome(notRun: "no quota: \(refusal)")
      }
      let result = child.wait(limit: plan.hangs(cell))
      if case .load = cell.kind, result.end == .exited(77) {
        // The script's last words say what is missing.
        return Outcome(notRun: result.errors.split(separator: "\n").last.map(String.init) ?? "not installed")
      }
      var outcome = takes.outcome(result)
      // Locks are told as time of an operation, as all else is.
      if let rate = outcome.metrics["kops"], rate > 0 { outcome.metrics["ns"] = 1e6 / rate }
      return outcome
    } catch {
      return Outcome(failure: error.description)
    }
  }

  private func variables(_ cell: Cell, _ subject: Int) -> [String] {
    subjects[subject].variables(cell.family, subjects[subject].isJudgedLibrary ? cell.environment : [])
  }

  /// What `token-workload` calls a subject.
  func program(_ subject: Int) -> String { subjects[subject].isCopy ? "token" : subjects[subject].name }

  func lockVariables(_ subject: Int) -> [String] {
    TokenWorkload.environment + subjects[subject].environment
  }

  func launch(_ cell: Cell, _ subject: Int, _ round: Int) throws(Problem) -> Child {
    let seed = plan.seed &+ UInt64(round)
    let conditions = [
      "--threads", "\(cell.threads)", "--scale", "\(cell.sleeping ? 1 : plan.scale)", "--seed", "\(seed)",
    ]
    let child: Child
    switch cell.kind {
    case .start: throw Problem("not a program of the benchmark")
    case .workload(let work):
      child = try Child.start(programs.workload, [work] + conditions, variables(cell, subject))
    case .inside(let work):
      let source = subjects[subject].source(cell.family)
      child = try Child.start(programs.memoryWorkload, [work, source] + conditions, variables(cell, subject))
    case .service(let work):
      child = try Child.start(
        programs.swiftWorkload, [work, "--scale", "\(plan.scale)"], variables(cell, subject))
    case .lock(let lock):
      guard let tokens = programs.tokens else { throw Problem("token-workload is not there") }
      let arguments = tokens.arguments(lock, program(subject), seed: seed, seconds: plan.seconds(cell))
      child = try Child.start(tokens.path, arguments, lockVariables(subject))
    case .load(let script):
      // The script preloads the library into what it measures, and into nothing else.
      let library = [
        "ANAX_BENCH_LIBRARY=\(subjects[subject].path ?? "")", "ANAX_BENCH_LINKED=\(isLinked(cell, subject) ? 1 : 0)",
      ]
      child = try Child.start(
        "/bin/bash", ["\(programs.loads)/\(script).sh"],
        Subject.plain + ["HOME=/tmp", "TMPDIR=/tmp"] + library + subjects[subject].environment)
    }
    return child
  }

  /// Memory that the guest left idle may have gone back to the host; a run must not pay for that.
  private func warmHost() {
    _ = try? Child.start(programs.workload, ["warm"], Subject.plain).wait(limit: 30)
  }
}
