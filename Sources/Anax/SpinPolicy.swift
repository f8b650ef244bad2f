// SPDX-License-Identifier: Apache-2.0
// How waiters spin, as a value.

import Machine
import Tokens

/// How a thread that waits for a token spins before it sleeps: how often it tries, and how long it pauses between two
/// tries.
///
/// Set for the process by the tunables `lwkt.token_spin`, `lwkt.token_delay`, `lwkt.token_delay_max` and
/// `lwkt.token_backoff`, and for one token by ``Token/policy``. Nobody spins where it cannot help: with less than two
/// processors' worth of time (affinity, or the control group's quota). Beyond its first four tries a waiter is one of
/// at most eight that spin at a token, however many sleep there: a limit on sleepers instead cost a seventh of the
/// throughput of 16 threads on two processors.
public struct SpinPolicy: Hashable, Sendable {
  /// How the pause grows from try to try, up to ``longestDelay``.
  public enum Growth: Int, Hashable, Sendable, CaseIterable {
    case none = 0
    /// To one and a half times.
    case half = 1
    /// To the double.
    case double = 2
  }

  /// Tries, 0...1,000,000; 0 sleeps at once.
  public var tries: Int
  /// Nanoseconds between two tries, 0...1,000,000; 0 is one PAUSE, which takes 3 to 60 ns by processor.
  public var delay: Int
  /// Nanoseconds that the pause may grow to.
  public var longestDelay: Int
  public var growth: Growth

  /// What lies outside the ranges is cut to them.
  public init(tries: Int, delay: Int = 0, longestDelay: Int = 0, growth: Growth = .none) {
    let range = 0...1_000_000
    func cut(_ value: Int) -> Int { min(max(value, range.lowerBound), range.upperBound) }
    self.tries = cut(tries)
    self.delay = cut(delay)
    self.longestDelay = max(cut(longestDelay), self.delay)
    self.growth = growth
  }

  /// DragonFly BSD's defaults of October 2011: 5 tries, a PAUSE between two.
  public static var dragonfly2011: SpinPolicy { SpinPolicy(tries: 5) }

  /// In the manner of DragonFly BSD's of 2018: pauses that grow by half, from one PAUSE to the time of some 4096.
  public static var exponential2018: SpinPolicy {
    SpinPolicy(tries: 19, delay: 0, longestDelay: 120_000, growth: .half)
  }

  /// The same pause between all tries.
  public static func fixed(tries: Int, delay: Int = 0) -> SpinPolicy { SpinPolicy(tries: tries, delay: delay) }

  /// The defaults of the tunables.
  public static var standard: SpinPolicy {
    SpinPolicy(
      tries: Int(Tunable.tokenSpin.row.initial), delay: Int(Tunable.tokenDelay.row.initial),
      longestDelay: Int(Tunable.tokenDelayMax.row.initial),
      growth: Growth(rawValue: Int(Tunable.tokenBackoff.row.initial)) ?? .none)
  }

  /// What the tunables say now.
  public static var process: SpinPolicy {
    Tunable.start()
    return SpinPolicy(packed: PackedPolicy.process().word) ?? .standard
  }

  /// Cut to the ranges: the properties may have been set since.
  var packed: UInt64 {
    let policy = SpinPolicy(tries: tries, delay: delay, longestDelay: longestDelay, growth: growth)
    return PackedPolicy(
      tries: UInt64(policy.tries), delay: UInt64(policy.delay), longest: UInt64(policy.longestDelay),
      growth: UInt64(policy.growth.rawValue)
    ).word
  }

  /// nil for a word of 0.
  init?(packed word: UInt64) {
    if word == 0 { return nil }
    let policy = PackedPolicy(word: word)
    self.init(
      tries: Int(policy.tries), delay: Int(policy.delay), longestDelay: Int(policy.longest),
      growth: Growth(rawValue: Int(policy.growth)) ?? .none)
  }
}
