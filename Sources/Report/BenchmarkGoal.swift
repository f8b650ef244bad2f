// SPDX-License-Identifier: Apache-2.0
//
// What a row must reach, and whether it does. All metrics are better when lower. Pure functions of the samples.

/// A bound of one row.
public enum BenchmarkGoal: Sendable {
  /// At most so many times the best peer of the row.
  case ratio(Double)
  /// At most so much, or at most so many times the best peer.
  case absoluteOrRatio(Double, Double)
  /// At most so much, or at most so many times the named peer.
  case absoluteOrRatioTo(Double, String, Double)
  /// At most so much more than glibc.
  case overGlibc(Double)
  /// At most so much.
  case absolute(Double)
  /// Reported without a bound.
  case none

  /// `own`: one a round, nil where it failed; `toBest`: the rounds' ratios to the best peer, nil without one; `peer`:
  /// the figures of the named one.
  public func verdict(own: [Double]?, toBest: [Double]?, peer: (String) -> [Double]?) -> Verdict {
    guard let own else { return .failed }
    func ratio(_ list: [Double]?, _ bound: Double) -> Verdict {
      list.map { Verdict.judge(ratios: $0, atMost: bound) } ?? .open
    }
    switch self {
    case .none: return .open
    case .ratio(let bound): return ratio(toBest, bound)
    case .absolute(let bound): return Verdict.judge(own, atMost: bound)
    case .absoluteOrRatio(let value, let bound):
      return Self.better(Verdict.judge(own, atMost: value), ratio(toBest, bound))
    case .absoluteOrRatioTo(let value, let name, let bound):
      return Self.better(
        Verdict.judge(own, atMost: value), ratio(peer(name).flatMap { Peers.ratios(own, to: $0) }, bound))
    case .overGlibc(let value):
      return peer("glibc").map { Verdict.judge(zip(own, $0).map { $0 - $1 }, atMost: value) } ?? .open
    }
  }

  private static func better(_ left: Verdict, _ right: Verdict) -> Verdict {
    for verdict in [Verdict.met, .perhapsMissed, .missed] where left == verdict || right == verdict { return verdict }
    return .open
  }
}
