// SPDX-License-Identifier: Apache-2.0
//
// Cells that sleep most of the time: in a round all of them run on all subjects side by side, as many as memory allows,
// and what foreign load disturbed is taken again together.

import Harness

extension Session {
  private struct Run {
    let cell: Int
    let subject: Int
  }

  /// One round. Where cells differ only in the candidate's variables, the other subjects run once. A cell's subjects
  /// stand next to each other in the order, beginning with another one each round, so that they share a batch where not
  /// all fit into one.
  mutating func runSleeping(_ cells: [Cell], round: Int) {
    var outcomes = cells.map { _ in subjects.map { _ in Outcome.absent } }
    let twin = { (cell: Int) in cells.firstIndex { $0.kind == cells[cell].kind } ?? cell }
    var waiting: [Run] = []
    for cell in cells.indices {
      let members = members(cells[cell])
      for place in members.indices {
        let subject = members[(place + round) % members.count]
        let failure = unusable[subject] ?? samples.failure(cells[cell], subject)
        outcomes[cell][subject] = Outcome(failure: failure)
        if failure == nil, subjects[subject].isJudgedLibrary || twin(cell) == cell {
          waiting.append(Run(cell: cell, subject: subject))
        }
      }
    }
    let session = self
    let all = waiting.count
    while !waiting.isEmpty && !interrupted {
      let batch = Array(waiting.prefix(Session.sleepersAtOnce()))
      waiting.removeFirst(batch.count)
      // All rounds once come before any twice.
      let left = Double(waiting.count + (plan.sleepingRounds - round - 1) * all) / Double(batch.count)
      let taken = takes.takeTogether(
        isTimeLeft: { now, cost in now + cost * (1 + left) < session.sleepingLimit },
        { session.runTogether(batch, cells, round, &$0) })
      for (run, outcome) in zip(batch, taken) { outcomes[run.cell][run.subject] = outcome }
    }
    guard !interrupted else { return }
    for cell in cells.indices {
      for subject in subjects.indices where !subjects[subject].isJudgedLibrary {
        outcomes[cell][subject] = outcomes[twin(cell)][subject]
      }
      samples.add(outcomes[cell], of: cells[cell])
    }
  }

  /// Seconds after which no more of these rounds begins: the others must have their time too.
  var sleepingLimit: Double { plan.limit / 3 }

  private func runTogether(_ batch: [Run], _ cells: [Cell], _ round: Int, _ takes: inout Takes) -> [Outcome] {
    // Started one after the other, all before the first is waited for.
    let started = batch.map { run -> (child: Child?, problem: String?) in
      do throws(Problem) {
        return (try launch(cells[run.cell], run.subject, round), nil)
      } catch {
        return (nil, error.description)
      }
    }
    return started.map { child, problem in
      guard let child else { return Outcome(failure: problem) }
      var outcome = takes.outcome(child.wait(limit: 180))
      let points = outcome.metrics.filter { $0.key.hasPrefix("mib@") }.values
      if !points.isEmpty { outcome.metrics["mean_mib"] = points.reduce(0, +) / Double(points.count) }
      return outcome
    }
  }

  /// At 400 MiB each, half of what is free; at most 32.
  private static func sleepersAtOnce() -> Int {
    let line = readText("/proc/meminfo").split(separator: "\n").first { $0.hasPrefix("MemAvailable:") } ?? ""
    return min(max((Int(line.filter(\.isNumber)) ?? 0) / (2 * 400 << 10), 1), 32)
  }
}
