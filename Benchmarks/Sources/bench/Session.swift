// SPDX-License-Identifier: Apache-2.0
//
// The order of things: rounds over all cells, in each cell the subjects one after another, first another one each time;
// a run that foreign load disturbed is taken again, at most twice. Cells that sleep run on all subjects at once.

import Harness

struct Session {
  struct Plan {
    var rounds: Int
    /// Rounds of the cells that sleep.
    var sleepingRounds = 1
    var scale: Double
    var seed: UInt64
    /// Seconds after which no new round begins and nothing is taken again.
    var limit: Double
  }

  let subjects: [Subject]
  /// The subject that a cell's own variables are for.
  let candidate: Int?
  let cells: [Cell]
  let plan: Plan
  let workload: String

  private(set) var samples: BenchSamples
  private var takes: Takes
  /// Why a subject cannot be measured at all.
  private var unusable: [String?]

  init(subjects: [Subject], candidate: Int?, cells: [Cell], plan: Plan, workload: String) {
    (self.subjects, self.candidate, self.cells, self.plan) = (subjects, candidate, cells, plan)
    self.workload = workload
    samples = Samples(subjects: subjects)
    takes = Takes(limit: plan.limit)
    unusable = subjects.map { _ in nil }
  }

  var interrupted: Bool { takes.interrupted }

  mutating func run() {
    let awake = cells.filter { !$0.sleeping }
    let sleeping = cells.filter(\.sleeping)
    checkSubjects()
    for _ in 0..<plan.sleepingRounds where !sleeping.isEmpty && !interrupted {
      Console.progress("\(sleeping.count) sleeping cells at once")
      runSleeping(sleeping)
    }
    for round in 0..<plan.rounds where !interrupted {
      if round > 0, takes.elapsed > plan.limit { break }
      for (index, cell) in awake.enumerated() where !interrupted {
        Console.progress("round \(round + 1) of \(plan.rounds), \(index + 1) of \(awake.count): \(cell.name)")
        runCell(cell, round: round, first: (round + index) % subjects.count)
      }
    }
    Console.progress("")
  }

  /// A library that the dynamic linker refuses is left out with a message: the program then runs on the C library.
  private mutating func checkSubjects() {
    for subject in subjects.indices {
      guard let child = try? Child.start(workload, ["--list"], subjects[subject].variables([])) else { continue }
      let result = child.wait(limit: 20)
      if result.errors.contains("cannot be preloaded") { unusable[subject] = "not loaded" }
      if let message = unusable[subject] ?? (result.end == .exited(0) ? nil : "") {
        let line = result.errors.split(separator: "\n").first ?? ""
        Console.error("\(subjects[subject].name): \(message.isEmpty ? "\(result.end)" : message): \(line)\n")
      }
    }
  }

  private mutating func runCell(_ cell: Cell, round: Int, first: Int) {
    var outcomes = [Outcome](repeating: Outcome(), count: subjects.count)
    let session = self
    for turn in subjects.indices {
      let subject = (first + turn) % subjects.count
      // Who failed once stays failed: no waiting for the same crash or the same hang again.
      if let failure = unusable[subject] ?? samples.failure(cell, subject) {
        outcomes[subject].failure = failure
        continue
      }
      outcomes[subject] = takes.take { session.measure(cell, subject, round, &$0) }
      if interrupted { return }
    }
    samples.add(outcomes, of: cell)
  }

  private func measure(_ cell: Cell, _ subject: Int, _ round: Int, _ takes: inout Takes) -> Outcome {
    if cell.warmed { warmHost() }
    switch cell.kind {
    case .start:
      do {
        return Outcome(metrics: try Startup.measure(variables(cell, subject), starts: 20))
      } catch {
        return Outcome(failure: error.description)
      }
    case .workload:
      do {
        let child = try launch(cell, subject, round)
        return takes.outcome(child.wait(limit: 20 * max(plan.scale, 1)))
      } catch {
        return Outcome(failure: error.description)
      }
    }
  }

  /// Sleeping cells run side by side, as many as fit into half of the free memory. Where cells differ only in the
  /// candidate's variables, the other subjects run once.
  private mutating func runSleeping(_ cells: [Cell]) {
    var outcomes = cells.map { _ in subjects.indices.map { Outcome(failure: unusable[$0]) } }
    let twin = { (cell: Int) in cells.firstIndex { $0.kind == cells[cell].kind } ?? cell }
    var waiting: [(cell: Int, subject: Int)] = []
    for cell in cells.indices {
      for subject in subjects.indices where unusable[subject] == nil && (subject == candidate || twin(cell) == cell) {
        waiting.append((cell, subject))
      }
    }
    while !waiting.isEmpty && !interrupted {
      let group = waiting.prefix(Session.sleepersAtOnce())
      waiting.removeFirst(group.count)
      var running: [(cell: Int, subject: Int, child: Child)] = []
      for (cell, subject) in group {
        do {
          running.append((cell, subject, try launch(cells[cell], subject, 0)))
        } catch {
          outcomes[cell][subject].failure = error.description
        }
      }
      for (cell, subject, child) in running { outcomes[cell][subject] = takes.outcome(child.wait(limit: 180)) }
    }
    guard !interrupted else { return }
    for cell in cells.indices {
      for subject in subjects.indices where subject != candidate {
        outcomes[cell][subject] = outcomes[twin(cell)][subject]
      }
      samples.add(outcomes[cell], of: cells[cell])
    }
  }

  /// At 400 MiB each, half of what is free; at most 20.
  private static func sleepersAtOnce() -> Int {
    let line = readText("/proc/meminfo").split(separator: "\n").first { $0.hasPrefix("MemAvailable:") } ?? ""
    return min(max((Int(line.filter(\.isNumber)) ?? 0) / (2 * 400 << 10), 1), 20)
  }

  private func variables(_ cell: Cell, _ subject: Int) -> [String] {
    subjects[subject].variables(subject == candidate ? cell.environment : [])
  }

  private func launch(_ cell: Cell, _ subject: Int, _ round: Int) throws(Problem) -> Child {
    guard case .workload(let name) = cell.kind else { throw Problem("not a workload") }
    let arguments = [
      name, "--threads", "\(cell.threads)", "--scale", "\(cell.sleeping ? 1 : plan.scale)", "--seed",
      "\(plan.seed &+ UInt64(round))",
    ]
    return try Child.start(workload, arguments, variables(cell, subject))
  }

  /// Memory that the guest left idle may have gone back to the host; a run must not pay for that.
  private func warmHost() {
    _ = try? Child.start(workload, ["warm"], Subject.glibc.variables([])).wait(limit: 30)
  }
}
