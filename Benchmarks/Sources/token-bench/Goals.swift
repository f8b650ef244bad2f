// SPDX-License-Identifier: Apache-2.0
//
// What the token must reach: the one place for the bounds.

import Harness
import Report

struct Goal: Sendable {
  enum Measure: Sendable {
    /// Acquire and release uncontended, in time, to the named peer's.
    case uncontended(to: String)
    /// Throughput over the judged cells, to the peer that is best in it; geometric means.
    case throughput
    /// Of each judged cell, throughput to that same peer: none may be significantly under the bound.
    case everyCell
    /// Processor time of an operation over the judged cells, to that same peer; geometric means.
    case processorTime
    /// Throughput of a cell, to the named peer's.
    case cell(TokenCell, to: String)
    /// Highest to lowest throughput of the rounds: the worst of the cells.
    case spread([TokenCell])
    /// A metric of the token alone, in a cell.
    case own(TokenCell, String, unit: String, scale: Double)
    /// Throughput over cells, to the named peer's; geometric means. `of`: of another subject than the candidate.
    case cells([TokenCell], to: String, of: String = Subject.candidate)
    /// Rounds of two tokens in opposite orders, without a deadlock.
    case rounds
  }

  enum Bound: Sendable {
    case atMost(Double)
    case atLeast(Double)
    case none
  }

  let title: String
  let measure: Measure
  let bound: Bound
}

enum Goals {
  /// A lock whose fastest round is more than so many times its slowest has two speeds. Undisturbed rounds of steady locks
  /// differ by less than two; a convoy costs a factor of five to fifty.
  static let twoSpeeds = 3.0

  static let all: [Goal] =
    [
      Goal(title: "uncontended, to Swift's Mutex", measure: .uncontended(to: "swift"), bound: .atMost(1.35)),
      Goal(title: "uncontended, to pthread normal", measure: .uncontended(to: "pthread"), bound: .atMost(0.7)),
      Goal(title: "judged cells, throughput to the best peer", measure: .throughput, bound: .atLeast(1.05)),
      Goal(title: "judged cells, each to that peer", measure: .everyCell, bound: .atLeast(0.85)),
      Goal(title: "judged cells, processor time to that peer", measure: .processorTime, bound: .atMost(1.0)),
      Goal(
        title: "8 threads, short, to Swift's Mutex", measure: .cell(TokenCells.short, to: "swift"), bound: .atLeast(10)),
      Goal(
        title: "8 threads, short: fastest/slowest round", measure: .spread(TokenCells.steady), bound: .atMost(twoSpeeds)
      ),
    ]
    + TokenCells.long.flatMap { cell in
      [
        Goal(
          title: "\(cell.name): p99.99", measure: .own(cell, "wait_p9999_ns", unit: "ms", scale: 1e-6),
          bound: .atMost(20)),
        Goal(
          title: "\(cell.name): longest", measure: .own(cell, "wait_max_ns", unit: "ms", scale: 1e-6), bound: .none),
        Goal(title: "\(cell.name): Jain", measure: .own(cell, "jain", unit: "", scale: 1), bound: .atLeast(0.9)),
      ]
    }
    + [2, 4].map {
      Goal(
        title: "99% shared, \($0) threads, to rwlock", measure: .cells(TokenCells.mostlyShared($0), to: "rwlock"),
        bound: .atLeast(1.2))
    }
    + [2, 4].map {
      Goal(
        title: "the same with readers per CPU, \($0) threads",
        measure: .cells(TokenCells.mostlyShared($0), to: "rwlock", of: "token-percpu"), bound: .atLeast(2))
    }
    + [2, 4].map {
      Goal(
        title: "two at once, \($0) threads, to scoped_lock", measure: .cells([TokenCells.two($0)], to: "scoped"),
        bound: .atLeast(0.5))
    }
    + [Goal(title: "two at once, no deadlock", measure: .rounds, bound: .none)]
}

extension Goal.Bound {
  func text(_ unit: String) -> String {
    let unit = unit.isEmpty ? "" : " \(unit)"
    switch self {
    case .atMost(let value): return "≤ \(number(value))\(unit)"
    case .atLeast(let value): return "≥ \(number(value))\(unit)"
    case .none: return ""
    }
  }

  func judge(_ values: [Double]) -> Verdict {
    switch self {
    case .atMost(let value): .judge(values, atMost: value)
    case .atLeast(let value): .judge(values, atLeast: value)
    case .none: .open
    }
  }
}
