// SPDX-License-Identifier: Apache-2.0
//
// What is compared: ways to wait for a contended token, as values of the tunables. Value types; any thread.

import Report
import Anax
import Machine

/// A spin policy, and how it is called where it has a name of its own.
package struct Candidate: Hashable, Sendable {
  package var policy: SpinPolicy
  /// Empty for a pair of tries and delay.
  package var label: String

  package init(_ policy: SpinPolicy, label: String = "") {
    self.policy = policy
    // Where the delay does not grow, what it may grow to is no difference.
    if policy.growth == .none { self.policy.longestDelay = policy.delay }
    self.label = label
  }

  package init(tries: Int, delay: Int) { self.init(.fixed(tries: tries, delay: delay)) }

  /// Whether its delay stays the same, so that tries and delay alone tell it.
  package var isPair: Bool { policy.growth == .none }

  package var name: String {
    let pair = "\(policy.tries) × " + (policy.delay == 0 ? "1 pause" : Text.duration(Double(policy.delay)))
    if !label.isEmpty { return label }
    switch policy.growth {
    case .none: return pair
    case .half: return "\(pair), growing by half to \(Text.duration(Double(policy.longestDelay)))"
    case .double: return "\(pair), doubling to \(Text.duration(Double(policy.longestDelay)))"
    }
  }

  /// The tunables that make it the process's policy.
  package var values: [(tunable: Tunable, value: Int)] {
    var values: [(Tunable, Int)] = [
      (.tokenSpin, policy.tries), (.tokenDelay, policy.delay), (.tokenBackoff, policy.growth.rawValue),
    ]
    if !isPair { values.append((.tokenDelayMax, policy.longestDelay)) }
    return values
  }

  /// Nanoseconds of waiting before the thread blocks.
  package func budget(pause: Double) -> Double {
    var delay = policy.delay == 0 ? pause : Double(policy.delay)
    if isPair { return Double(policy.tries) * delay }
    var sum = 0.0
    for _ in 0..<policy.tries {
      sum += delay
      delay = min(delay * (policy.growth == .half ? 1.5 : 2), max(delay, Double(policy.longestDelay)))
    }
    return sum
  }
}

/// The candidates of a sweep: a grid of tries and delays on logarithmic steps, the default, and policies whose delay
/// grows.
package struct CandidateGrid: Sendable {
  package var tries: [Int]
  package var delays: [Int]
  package var standard: Candidate
  package var policies: [Candidate]

  /// Waits that add up to more than this, in nanoseconds, are left out: no kernel takes so long to block and wake.
  package static let longest = 400_000

  package init(tries: [Int], delays: [Int], standard: Candidate, policies: [Candidate]) {
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
        let candidate = Candidate(tries: tries, delay: delay)
        if candidate.policy != standard.policy { list.append(candidate) }
      }
    }
    return list + policies
  }
}
