// SPDX-License-Identifier: Apache-2.0
//
// Goals over many cells: the one peer beside which they are judged, and the words for what came of it.
import Testing

@testable import Report

@Suite struct CellTimesTests {
  /// Subjects: the candidate, two peers, one that is none. Peer 1 is best on the whole, though peer 2 is in the second
  /// cell.
  private func times(candidate: [Double] = [50, 250, 60], rounds: Int = 5, noise: Double = 0.01) -> CellTimes {
    let cells: [[Double]] = [[100, 400, 1], [200, 100, 1], [100, 300, 1]].enumerated().map {
      [candidate[$0.offset]] + $0.element
    }
    return CellTimes(
      cells.enumerated().map { index, cell in
        cell.enumerated().map { subject, time in
          (0..<rounds).map { time * (1 + noise * Double(($0 * 3 + subject + index) % 5 - 2)) }
        }
      }, isPeer: [false, true, true, false])
  }

  @Test func onePeerIsBestOnTheWhole() throws {
    let times = times()
    #expect(times.best == 1)
    let ratios = try #require(times.toBest(0))
    // ∛(0.5 · 1.25 · 0.6)
    #expect(ratios.count == 5 && abs(Statistics.geometricMean(ratios) - 0.721) < 0.01)
    #expect(times.toBest(1).map { Statistics.geometricMean($0) } == 1)
  }

  @Test func whoLacksACellHasNoMean() {
    let times = CellTimes([[[1, 1], [2, 2], [3, 3]], [[1, 1], nil, [4, 4]]], isPeer: [false, true, true])
    #expect(times.means[1] == nil && times.best == 2 && times.toBest(1) == nil)
    #expect(CellTimes([], isPeer: [false, true]).best == nil)
    #expect(CellTimes([[[1], nil]], isPeer: [false, true]).eachCell(0, atLeast: 1) == nil)
    // Rounds that only some cells have are left out.
    #expect(CellTimes([[[1, 1, 1], [4, 4, 4]], [[1, 1], [1, 1]]], isPeer: [false, true]).means[1] == [2, 2])
  }

  @Test func eachCellIsJudgedWithHolm() throws {
    let sure = try #require(times().eachCell(0, atLeast: 0.85))
    #expect(sure.worst == 1 && sure.count == 3 && sure.below == 1 && sure.significant == 1)
    #expect(abs(sure.ratio.middle - 0.8) < 0.01 && sure.ratio.low < sure.ratio.middle && sure.verdict == .missed)
    // The same ratio, too noisy to be sure; then one within its bound.
    let noisy = try #require(times(noise: 0.2).eachCell(0, atLeast: 0.85))
    #expect(noisy.below == 1 && noisy.significant == 0 && noisy.verdict == .perhapsMissed)
    let met = try #require(times(candidate: [50, 220, 60]).eachCell(0, atLeast: 0.85))
    #expect(met.below == 0 && met.verdict == .met)
  }

  @Test func boundsJudgeEitherWay() {
    let ratios = [1.1, 1.12, 1.11, 1.09, 1.1]
    #expect(GoalBound.atLeast(1.05).judge(ratios: ratios) == .met)
    #expect(GoalBound.atLeast(1.2).judge(ratios: ratios) == .missed)
    #expect(GoalBound.atLeast(1.12).judge(ratios: [1.1, 1.3, 0.95]) == .perhapsMissed)
    #expect(GoalBound.atMost(1.05).judge(ratios: ratios) == .missed && GoalBound.none.judge(ratios: ratios) == .open)
    #expect(GoalBound.atLeast(0.9).judge([0.95, 0.99]) == .met && GoalBound.atLeast(0.9).judge([0.5, 0.5]) == .missed)
    #expect(GoalBound.atLeast(0.85).text("") == "≥ 0.85" && GoalBound.atMost(20).text("ms") == "≤ 20 ms")
    #expect(Sample.goals.map(\.interval) == ["[1.2 1.42]", "[one round]", ""])
    #expect(Sample.goals.map(\.value) == ["1.31", "17 ms", "–"])
  }
}
