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
    takeTogether { [body(&$0)] }[0]
  }

  /// The same of runs that go side by side, and are taken again together where `isTimeLeft` says so, of the seconds
  /// elapsed and of those that a take costs. A failure is kept, from whichever take.
  package mutating func takeTogether(
    isTimeLeft: (Double, Double) -> Bool = { _, _ in true }, _ body: (inout Takes) -> [Outcome]
  ) -> [Outcome] {
    var outcomes: [Outcome] = []
    for attempt in 0..<3 {
      let before = Load.now()
      let from = elapsed
      let taken = body(&self)
      let disturbed = Load.now().disturbs(since: before, wall: elapsed - from)
      let failed = outcomes.map { $0.failure == nil ? nil : $0 }
      outcomes = taken.indices.map { index in
        var outcome = failed.isEmpty ? taken[index] : failed[index] ?? taken[index]
        outcome.disturbed = disturbed
        return outcome
      }
      if interrupted { break }
      let mayRepeat =
        attempt < 2 && elapsed < limit && repeated < 5 + elapsed / 5 && isTimeLeft(elapsed, elapsed - from)
      if outcomes.allSatisfy({ $0.failure != nil }) || !disturbed || !mayRepeat { break }
      repeated += elapsed - from
    }
    return outcomes
  }

  private struct Line: Decodable { let metrics: [String: Double] }

  /// What a child's end and its line of JSON say.
  package mutating func outcome(_ result: Child.Result) -> Outcome {
    var outcome = Outcome()
    switch result.end {
    case .interrupted: interrupted = true
    case .exited(0):
      if let line = try? JSONDecoder().decode(Line.self, from: Data(result.output.utf8)) {
        outcome.metrics = line.metrics
        // Of the process and of what it waited for.
        outcome.metrics["cpu_ms"] = result.processorTime * 1e3
      } else {
        outcome.failure = "no result"
      }
    default: outcome.failure = result.end.words
    }
    if let failure = outcome.failure, let line = result.errors.split(separator: "\n").first {
      Console.clearLine()
      Console.error("\(failure): \(line)\n")
    }
    return outcome
  }
}
