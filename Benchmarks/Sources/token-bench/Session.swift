// SPDX-License-Identifier: Apache-2.0
//
// The order of things: rounds over all cells, in each cell the subjects one after another, first another one each time;
// every run is a process of its own. Futex calls are counted after all rounds, in short runs of their own.

import Harness

struct Session {
  struct Plan {
    var rounds: Int
    /// Rounds of the cells that take two seconds a run.
    var longRounds: Int
    /// Seconds of a run.
    var seconds: Double
    var seed: UInt64
    /// Seconds after which no new round begins and nothing is taken again.
    var limit: Double
  }

  let subjects: [Subject]
  let cells: [TokenCell]
  let plan: Plan
  let workload: TokenWorkload

  private(set) var samples: TokenSamples
  /// Futex calls in a thousand operations, a number a subject.
  private(set) var futexes: [TokenCell: [Double?]] = [:]
  private var takes: Takes

  init(subjects: [Subject], cells: [TokenCell], plan: Plan, workload: TokenWorkload) {
    (self.subjects, self.cells, self.plan, self.workload) = (subjects, cells, plan, workload)
    samples = Samples(subjects: subjects)
    takes = Takes(limit: plan.limit)
  }

  var interrupted: Bool { takes.interrupted }
  var elapsed: Double { takes.elapsed }

  mutating func run() {
    for round in 0..<plan.rounds where !interrupted {
      if round > 0, takes.elapsed > plan.limit { break }
      for (index, cell) in cells.enumerated() where !interrupted && round < rounds(cell) {
        Console.progress("round \(round + 1) of \(plan.rounds), \(index + 1) of \(cells.count): \(cell.name)")
        runCell(cell, round: round, first: (round + index) % subjects.count)
      }
    }
    Console.progress("")
  }

  private func rounds(_ cell: TokenCell) -> Int {
    if case .two(let rounds) = cell.kind, rounds > 0 { return 1 }
    return cell.long ? plan.longRounds : plan.rounds
  }

  private mutating func runCell(_ cell: TokenCell, round: Int, first: Int) {
    var outcomes = [Outcome](repeating: Outcome(), count: subjects.count)
    let session = self
    for turn in subjects.indices {
      let subject = (first + turn) % subjects.count
      guard subjects[subject].parts.contains(cell.part) else {
        outcomes[subject].failure = Session.noPart
        continue
      }
      // Who failed once stays failed: no waiting for the same crash or the same hang again.
      if let failure = samples.failure(cell, subject) {
        outcomes[subject].failure = failure
        continue
      }
      outcomes[subject] = takes.take { session.measure(cell, subject, round, &$0) }
      if interrupted { return }
    }
    samples.add(outcomes, of: cell)
  }

  /// The failure of a subject that is not compared in a cell.
  static let noPart = "-"

  private func measure(_ cell: TokenCell, _ subject: Int, _ round: Int, _ takes: inout Takes) -> Outcome {
    do {
      let arguments = arguments(cell, subject, round, seconds: cell.long ? 2 : plan.seconds)
      return takes.outcome(try Child.start(workload.path, arguments, environment(subject)).wait(limit: limit(cell)))
    } catch {
      return Outcome(failure: error.description)
    }
  }

  private func environment(_ subject: Int) -> [String] { TokenWorkload.environment + subjects[subject].variables }

  /// Seconds after which a run is taken for hanging. A round of two locks costs some microseconds at worst.
  private func limit(_ cell: TokenCell) -> Double {
    if case .two(let rounds) = cell.kind { return plan.seconds + 30 + Double(rounds) * 2e-5 }
    return plan.seconds + 20
  }

  private func arguments(_ cell: TokenCell, _ subject: Int, _ round: Int, seconds: Double) -> [String] {
    workload.arguments(cell, subjects[subject].program, seed: plan.seed &+ UInt64(round), seconds: seconds)
  }

  // MARK: - Futex calls

  /// Counts the futex calls of the contended cells, each in one short run.
  mutating func countFutexes(_ counter: FutexCounter) {
    let contended = cells.filter { $0.kind == .contention && $0.threads > 1 && samples.rounds[$0] != nil }
    for (index, cell) in contended.enumerated() where !interrupted {
      Console.progress("futex calls, \(index + 1) of \(contended.count): \(cell.name)")
      var counts = [Double?](repeating: nil, count: subjects.count)
      for subject in subjects.indices where samples.failure(cell, subject) == nil && !interrupted {
        let run = counter.command(workload.path, arguments(cell, subject, 0, seconds: min(plan.seconds, 0.05)))
        guard let child = try? Child.start(run.path, run.arguments, environment(subject)) else { continue }
        let result = child.wait(limit: 20)
        let outcome = takes.outcome(result)
        guard let calls = counter.calls(result.errors), let operations = outcome.metrics["operations"] else { continue }
        counts[subject] = Double(calls) * 1000 / operations
      }
      futexes[cell] = counts
    }
    Console.progress("")
  }
}
