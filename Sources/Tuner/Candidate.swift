// SPDX-License-Identifier: Apache-2.0
//
// What is compared: ways to wait for a contended token. Value types; any thread.

/// A pair of the two tunables, or a named policy that a token can be given.
package enum Candidate: Hashable, Sendable {
  /// `lwkt.token_spin` in tries, `lwkt.token_delay` in nanoseconds; a delay of 0 is one pause.
  case tunables(tries: Int, delay: Int)
  case policy(String)

  package var name: String {
    switch self {
    case .tunables(let tries, let delay): "\(tries) × \(delay) ns"
    case .policy(let name): name
    }
  }

  package var isPolicy: Bool { if case .policy = self { true } else { false } }

  /// Nanoseconds of waiting before the thread blocks; nil where a policy has no fixed one.
  package func budget(pause: Double) -> Double? {
    guard case .tunables(let tries, let delay) = self else { return nil }
    return Double(tries) * (delay == 0 ? pause : Double(delay))
  }
}

/// The candidates of a sweep: a grid of tries and delays on logarithmic steps, the default, and the named policies.
package struct CandidateGrid: Sendable {
  package var tries: [Int]
  package var delays: [Int]
  package var standard: Candidate
  package var policies: [String]

  /// Waits that add up to more than this, in nanoseconds, are left out: no kernel takes so long to block and wake.
  package static let longest = 400_000

  package init(tries: [Int], delays: [Int], standard: Candidate, policies: [String]) {
    self.tries = tries
    self.delays = delays
    self.standard = standard
    self.policies = policies
  }

  /// The default first. With no tries a delay has no meaning, so that row is one candidate.
  package var candidates: [Candidate] {
    var list = [standard]
    for tries in tries {
      for delay in tries == 0 ? [0] : delays where tries * delay <= Self.longest {
        let candidate = Candidate.tunables(tries: tries, delay: delay)
        if candidate != standard { list.append(candidate) }
      }
    }
    return list + policies.map(Candidate.policy)
  }
}
