// SPDX-License-Identifier: Apache-2.0
//
// One run of one cell, taken again where foreign load disturbed it: at most twice, while the session's time allows, and
// while what was spent on such runs stays a small part of it. A child's output becomes an outcome here.

import CBench
import FoundationEssentials
import Glibc

package struct Takes {
  /// Seconds after which nothing is taken again.
  private let limit: Double
  private let started = bench_now()
  /// Seconds spent on runs that were taken again.
  private var repeated = 0.0
  /// SIGINT or SIGTERM came.
  package private(set) var interrupted = false

  package init(limit: Double) { self.limit = limit }

  package var elapsed: Double { Double(bench_now() - started) / 1e9 }

  /// Runs `body` until a run is undisturbed or no more may be taken. Ends at once where it was interrupted.
  package mutating func take(_ body: (inout Takes) -> Outcome) -> Outcome {
    var outcome = Outcome()
    for attempt in 0..<3 {
      let before = Load.now()
      let from = elapsed
      outcome = body(&self)
      let foreign = Load.now().foreign(since: before)
      outcome.disturbed = Load.disturbs(foreign, wall: elapsed - from)
      if interrupted { break }
      let mayRepeat = attempt < 2 && elapsed < limit && repeated < 5 + elapsed / 5
      if outcome.failure != nil || !outcome.disturbed || !mayRepeat { break }
      repeated += elapsed - from
    }
    return outcome
  }

  private struct Line: Decodable { let metrics: [String: Double] }

  /// What a child's end and its line of JSON say.
  package mutating func outcome(_ result: Child.Result) -> Outcome {
    var outcome = Outcome()
    (outcome.processorTime, outcome.wall) = (result.processorTime, result.wall)
    switch result.end {
    case .interrupted: interrupted = true
    case .timedOut: outcome.failure = "timed out"
    case .killed(let signal): outcome.failure = "signal \(signal)"
    case .exited(0):
      if let line = try? JSONDecoder().decode(Line.self, from: Data(result.output.utf8)) {
        outcome.metrics = line.metrics
      } else {
        outcome.failure = "no result"
      }
    case .exited(let code): outcome.failure = "exit \(code)"
    }
    if let failure = outcome.failure, let line = result.errors.split(separator: "\n").first {
      Console.progress("")
      Console.error("\(failure): \(line)\n")
    }
    return outcome
  }
}
