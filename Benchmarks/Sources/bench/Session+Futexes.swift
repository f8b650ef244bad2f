// SPDX-License-Identifier: Apache-2.0
//
// Futex calls of the contended cells, each counted after all rounds in one short run of its own: counting slows a lock,
// so no time is taken from these runs.

import Harness
import Report

extension Session {
  var countedCells: [Cell] { cells.filter { $0.isCounted && samples.rounds[$0] != nil } }

  mutating func countFutexes(_ counter: FutexCounter) {
    guard let tokens = programs.tokens else { return }
    let counted = countedCells
    for (index, cell) in counted.enumerated() where !interrupted {
      guard case .lock(let lock) = cell.kind, elapsed < plan.limit else { break }
      progress.report(
        "futex calls", detail: cell.name, done: Double(index) / Double(counted.count), left: nil)
      var counts = [Double?](repeating: nil, count: subjects.count)
      for subject in members(cell)
      where samples.failure(cell, subject) == nil && !subjects[subject].isControl && !interrupted {
        let run = counter.command(
          tokens.path, tokens.arguments(lock, program(subject), seed: plan.seed, seconds: 0.03))
        guard let child = try? Child.start(run.path, run.arguments, lockVariables(subject)) else { continue }
        let result = child.wait(limit: 20)
        let outcome = takes.outcome(result)
        guard let calls = counter.calls(result.errors), let operations = outcome.metrics["operations"] else { continue }
        counts[subject] = Double(calls) * 1000 / operations
      }
      futexes[cell] = counts
    }
    progress.end()
  }
}
