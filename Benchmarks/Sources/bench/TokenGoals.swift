// SPDX-License-Identifier: Apache-2.0
//
// What the token must reach: the one place for the bounds. TokenJudge.swift has how they are judged.

import Harness
import Report

struct TokenGoal: Sendable {
  enum Measure: Sendable {
    /// Throughput over the judged cells, to the peer that is best over them; geometric means.
    case throughput
    /// Of each judged cell, throughput to that same peer: none may be significantly under the bound.
    case everyCell
    /// Processor time of an operation over the judged cells, to that same peer; geometric means.
    case processorTime
    /// Time of an operation over cells, to the named peer's.
    case time([TokenCell], to: String)
    /// Throughput over cells, to the named peer's; geometric means. `of`: of another subject than the candidate.
    case rate([TokenCell], to: String, of: String? = nil)
    /// Highest to lowest throughput of the rounds: the worst of the cells.
    case spread([TokenCell])
    /// A metric of the token alone, in a cell.
    case own(TokenCell, String, unit: String, scale: Double)
    /// Rounds of two tokens in opposite orders, without a deadlock.
    case rounds
  }

  let title: String
  let measure: Measure
  let bound: GoalBound
}

enum TokenGoals {
  /// A lock whose fastest round is more than so many times its slowest has two speeds. Undisturbed rounds of steady
  /// locks differ by less than two; a convoy costs a factor of five to fifty.
  static let twoSpeeds = 3.0

  /// Of each judged cell.
  static let leastRatio = 0.85

  /// Rounds of two threads and two tokens in opposite orders: what the goal asks for, and what every run takes.
  static let roundsAsked = 100_000_000
  static let roundsUsual = 2_000_000

  static let all: [TokenGoal] =
    [
      TokenGoal(
        title: "uncontended, time to Swift's Mutex", measure: .time([TokenCell(kind: .pair)], to: "swift"),
        bound: .atMost(1.35)),
      TokenGoal(
        title: "uncontended, time to pthread normal", measure: .time([TokenCell(kind: .pair)], to: "pthread"),
        bound: .atMost(0.7)),
      TokenGoal(title: "judged cells, throughput to the best peer", measure: .throughput, bound: .atLeast(1.05)),
      TokenGoal(title: "judged cells, each to that peer", measure: .everyCell, bound: .atLeast(leastRatio)),
      TokenGoal(title: "judged cells, processor time to that peer", measure: .processorTime, bound: .atMost(1.0)),
      TokenGoal(
        title: "8 threads, short, to Swift's Mutex", measure: .rate([TokenCells.short], to: "swift"),
        bound: .atLeast(10)),
      TokenGoal(
        title: "8 threads, short: fastest/slowest round", measure: .spread(TokenCells.steady),
        bound: .atMost(twoSpeeds)),
    ] + long
    + [2, 4].map {
      TokenGoal(
        title: "99% shared, \($0) threads, to rwlock", measure: .rate(TokenCells.mostlyShared($0), to: "rwlock"),
        bound: .atLeast(1.2))
    }
    + [2, 4].map {
      TokenGoal(
        title: "the same with readers per CPU, \($0) threads",
        measure: .rate(TokenCells.mostlyShared($0), to: "rwlock", of: "token-percpu"), bound: .atLeast(2))
    }
    + [2, 4].map {
      TokenGoal(
        title: "two at once, \($0) threads, to scoped_lock", measure: .rate([TokenCells.two($0)], to: "scoped"),
        bound: .atLeast(0.5))
    }
    + [TokenGoal(title: "two at once, no deadlock", measure: .rounds, bound: .none)]

  private static let long = TokenCells.long.flatMap { cell in
    [
      TokenGoal(
        title: "\(cell.name): p99.99", measure: .own(cell, "wait_p9999_ns", unit: "ms", scale: 1e-6),
        bound: .atMost(20)),
      TokenGoal(
        title: "\(cell.name): longest", measure: .own(cell, "wait_max_ns", unit: "ms", scale: 1e-6), bound: .none),
      TokenGoal(
        title: "\(cell.name): Jain", measure: .own(cell, "jain", unit: "", scale: 1), bound: .atLeast(0.9)),
    ]
  }
}
