// SPDX-License-Identifier: Apache-2.0
//
// Peers of one case: which is the best, and ratios to it. The peer that a round is compared with is chosen by the other
// rounds: chosen by the round itself, whoever was lucky in it would be the best, and the ratio would come out too high
// for the one that is judged. Pure functions of the samples.

public enum Peers {
  /// The best by the median, after every round is divided by its peers' geometric mean, so that a slow round weighs no
  /// more than another. `values`: of each subject, one a round; `round`: one that has no say. nil where there is no
  /// peer, where the rounds are not the same, or where none is left.
  public static func best(
    _ values: [[Double]], isPeer: [Bool], isLowerBetter: Bool, leaving round: Int? = nil
  ) -> Int? {
    guard let count = values.first?.count, values.allSatisfy({ $0.count == count }) else { return nil }
    let peers = values.indices.filter { isPeer[$0] }
    let rounds = (0..<count).filter { $0 != round }
    guard !peers.isEmpty, !rounds.isEmpty else { return nil }
    let means = rounds.map { round in Statistics.geometricMean(peers.map { values[$0][round] }) }
    let middles = peers.map { peer in
      Statistics.median(zip(rounds, means).map { values[peer][$0] / $1 })
    }
    let order = peers.indices
    return (isLowerBetter ? order.min { middles[$0] < middles[$1] } : order.max { middles[$0] < middles[$1] })
      .map { peers[$0] }
  }

  /// Whom each round is compared with: the best peer by all other rounds; of a single round by itself.
  static func opponents(_ values: [[Double]], isPeer: [Bool], isLowerBetter: Bool) -> [Int]? {
    guard let best = best(values, isPeer: isPeer, isLowerBetter: isLowerBetter), let count = values.first?.count else {
      return nil
    }
    return (0..<count).map { round in
      self.best(values, isPeer: isPeer, isLowerBetter: isLowerBetter, leaving: round) ?? best
    }
  }

  /// Each subject's ratios to the best peer, a round each; nil for whom a figure on either side is not above zero. As a
  /// whole nil where ``best(_:isPeer:isLowerBetter:leaving:)`` is.
  public static func ratiosToBest(_ values: [[Double]], isPeer: [Bool], isLowerBetter: Bool) -> [[Double]?]? {
    guard let opponents = opponents(values, isPeer: isPeer, isLowerBetter: isLowerBetter) else { return nil }
    let reference = opponents.enumerated().map { values[$0.element][$0.offset] }
    return values.map { ratios($0, to: reference) }
  }

  /// A ratio a round; nil where the two have not the same rounds, or a figure is not above zero.
  public static func ratios(_ own: [Double], to other: [Double]) -> [Double]? {
    guard own.count == other.count, !own.isEmpty, own.allSatisfy({ $0 > 0 }), other.allSatisfy({ $0 > 0 }) else {
      return nil
    }
    return zip(own, other).map { $0 / $1 }
  }
}
