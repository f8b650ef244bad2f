// SPDX-License-Identifier: Apache-2.0
//
// Goals over two rows of the candidate: what more threads get done. Report has how they are judged; the samples' owner
// alone touches them.

import CBench
import Harness
import Report

struct RowGoal: Sendable {
  let title: String
  let first: Cell
  /// What is judged, beside the first.
  let second: Cell
  let bound: GoalBound
}

enum RowGoals {
  /// Threads that the goals compare: rows of the curve, whatever the machine.
  static let pageThreads = [1, 2, 4, 8, 16]

  /// Nobody who takes a page waits for another. On one CPU threads get no more done.
  static var all: [RowGoal] {
    guard bench_processors() > 1 else { return [] }
    return [
      RowGoal(
        title: "a page, touched: throughput of 2 threads to 1", first: page(1), second: page(2), bound: .atLeast(1.8))
    ]
      + pageThreads.dropFirst(2).map { threads in
        RowGoal(
          title: "a page, touched: throughput of \(threads) threads to 2", first: page(2), second: page(threads),
          bound: .atLeast(1))
      }
  }

  private static func page(_ threads: Int) -> Cell { Cell(kind: .inside("page"), family: .pages, threads: threads) }

  /// Of the goals both of whose rows were run.
  static func outcomes(_ samples: BenchSamples) -> [GoalOutcome] {
    all.compactMap { goal in
      let cells = [goal.first, goal.second]
      guard cells.allSatisfy({ samples.rounds[$0] != nil }),
        let candidate = samples.subjects.firstIndex(where: { $0.isCandidate && $0.families.contains(goal.first.family) }
        )
      else { return nil }
      let group = goal.first.group
      if let failure = cells.compactMap({ samples.failure($0, candidate) }).first {
        return GoalOutcome(
          group: group, title: goal.title, bound: goal.bound.text(""), verdict: .failed, note: failure)
      }
      return .speed(
        group: group, title: goal.title, bound: goal.bound, of: samples.values(goal.second, "ns")[candidate],
        to: samples.values(goal.first, "ns")[candidate], note: "\(goal.second.threads) to \(goal.first.threads)")
    }
  }
}
