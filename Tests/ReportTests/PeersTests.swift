// SPDX-License-Identifier: Apache-2.0
//
// Who is compared with whom: the best peer of a case, and ratios that nobody's luck decides.
import Foundation
import Testing

@testable import Report

@Suite struct PeersTests {
  @Test func aSlowRoundWeighsNoMoreThanAnother() {
    // The first peer is faster in two rounds of three; the third round was slow for both.
    let best = Peers.best([[10, 10, 110], [11, 11, 100]], isPeer: [true, true], isLowerBetter: true)
    #expect(best == 0)
    #expect(Peers.best([[10, 10, 110], [11, 11, 100]], isPeer: [true, true], isLowerBetter: false) == 1)
    #expect(Peers.best([[1, 2], [1]], isPeer: [true, true], isLowerBetter: true) == nil)
    #expect(Peers.best([[1, 2]], isPeer: [false], isLowerBetter: true) == nil)
    #expect(Peers.ratios([1, 2], to: [2, 0]) == nil)
  }

  @Test func whoIsNoPeerHasNoSayInTheChoice() {
    // By medians of figures divided by the peers' mean the first is best; the candidate's wild rounds must not sway it.
    let peers: [[Double]] = [[10, 10, 12], [11, 11, 11]]
    for own: [Double] in [[1, 1, 1], [64, 1, 8], [1000, 1, 1e6]] {
      #expect(Peers.best(peers + [own], isPeer: [true, true, false], isLowerBetter: true) == 0)
    }
  }

  @Test func aRoundHasNoSayInWhomItIsComparedWith() throws {
    // The second is best in the first round only: that round is compared with the first, and so are the others, in
    // which it is best by itself as well.
    let values: [[Double]] = [[10, 10, 10, 10], [5, 11, 11, 11], [10, 10, 10, 10]]
    let isPeer = [true, true, false]
    #expect(Peers.opponents(values, isPeer: isPeer, isLowerBetter: true) == [0, 0, 0, 0])
    let ratios = try #require(Peers.ratiosToBest(values, isPeer: isPeer, isLowerBetter: true))
    #expect(ratios[2] == [1, 1, 1, 1] && ratios[1] == [0.5, 1.1, 1.1, 1.1])
    // With two rounds each is compared with whoever was best in the other.
    #expect(Peers.opponents([[1, 3], [2, 2]], isPeer: [true, true], isLowerBetter: true) == [1, 0])
    // One round has only itself.
    #expect(Peers.opponents([[2], [1]], isPeer: [true, true], isLowerBetter: true) == [1])
  }

  /// Six subjects that are alike, of which one is the candidate: chosen by the same rounds, the best of five noisy
  /// peers would look better than it.
  @Test func candidateLikeItsPeersIsLevelWithTheBest() throws {
    var random = Numbers(state: 7)
    var fair: [Double] = []
    var biased: [Double] = []
    for _ in 0..<400 {
      let values = (0..<6).map { _ in (0..<5).map { _ in exp(0.05 * random.normal()) } }
      let isPeer = (0..<6).map { $0 > 0 }
      let ratios = try #require(Peers.ratiosToBest(values, isPeer: isPeer, isLowerBetter: true)?[0])
      let best = try #require(Peers.best(values, isPeer: isPeer, isLowerBetter: true))
      fair.append(log(Statistics.geometricMean(ratios)))
      biased.append(log(Statistics.geometricMean(try #require(Peers.ratios(values[0], to: values[best])))))
    }
    let mean = { (values: [Double]) in values.reduce(0, +) / Double(values.count) }
    #expect(abs(mean(fair)) < 0.006, "\(mean(fair))")
    #expect(mean(biased) > 0.015, "\(mean(biased))")
  }

  /// Numbers that are the same everywhere.
  private struct Numbers {
    var state: UInt64

    mutating func uniform() -> Double {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return (Double(state >> 11) + 0.5) / Double(1 << 53)
    }

    mutating func normal() -> Double { (-2 * log(uniform())).squareRoot() * cos(2 * .pi * uniform()) }
  }
}
