// SPDX-License-Identifier: Apache-2.0
//
// What is said of a goal: met, perhaps missed, missed, failed, or nothing.
import Testing

@testable import Report

@Suite struct VerdictTests {
  @Test func figureIsJudgedByItsMedian() {
    #expect(Verdict.judge([9, 10, 30], atMost: 10) == .met)
    #expect(Verdict.judge([9, 11, 12, 12, 13], atMost: 10) == .perhapsMissed)
    #expect(Verdict.judge([11, 11, 12, 12, 13], atMost: 10) == .missed)
    // Five values all above the bound, and yet their mean may be below it: 10.3 to 13.7 are 95% for 12 with a deviation
    // of 1.37.
    #expect(Verdict.judge([10.5, 11, 12, 12.5, 14], atMost: 10.4) == .perhapsMissed)
    #expect(Verdict.judge([11, 11, 12, 12, 13], atLeast: 12) == .met)
    #expect(Verdict.judge([11, 11, 12, 12, 13], atLeast: 14) == .missed)
  }

  @Test func ratioIsJudgedByItsInterval() {
    #expect(Verdict.judge(ratios: [0.9, 0.95, 1.1], atMost: 1) == .met)
    #expect(Verdict.judge(ratios: [0.9, 1.1, 1.2], atMost: 1) == .perhapsMissed)
    #expect(Verdict.judge(ratios: [1.1, 1.11, 1.12], atMost: 1) == .missed)
  }

  /// Neither of a loss nor of a gain.
  @Test func oneRoundIsNotJudged() {
    for value in [0.2, 5] {
      #expect(Verdict.judge(ratios: [value], atMost: 1) == .open && Verdict.judge(ratios: [value], atLeast: 1) == .open)
      #expect(Verdict.judge([value], atMost: 1) == .open && Verdict.judge([value], atLeast: 1) == .open)
    }
    #expect(verdict(.absoluteOrRatio(1, 1), [9], best: [0.5]) == .open)
    #expect(verdict(.overGlibc(1), [9], peers: ["glibc": [9]]) == .open)
  }

  /// Times of an operation: half of them is twice the speed.
  @Test func speedOfTwoRowsIsPairedByRound() throws {
    func speed(_ second: [Double]?, _ first: [Double]?) -> GoalOutcome {
      .speed(group: "pages", title: "two to one", bound: .atLeast(1.8), of: second, to: first, note: "2 to 1")
    }
    let twice = speed([5, 10, 20], [10, 20, 40])
    #expect(twice.verdict == .met && twice.bound == "≥ 1.8" && twice.note == "2 to 1")
    #expect(abs(try #require(twice.figure).middle - 2) < 1e-9)
    #expect(speed([10, 11, 12], [10, 11, 12.1]).verdict == .missed)
    #expect(speed([10, 10, 10], [12, 18, 22]).verdict == .perhapsMissed)
    #expect(speed([10], [12]).verdict == .open)
    for missing in [speed(nil, [1, 1]), speed([1, 1], nil), speed([1], [1, 1])] {
      #expect(missing.figure == nil && missing.verdict == .open && missing.note != "2 to 1")
    }
  }

  @Test func wordsSayOnWhichSideTheFigureIs() {
    #expect(Verdict.allCases.map(\.rawValue) == ["met", "perhaps missed", "MISSED", "FAILED", ""])
  }

  private func verdict(
    _ goal: BenchmarkGoal, _ own: [Double]?, best: [Double]? = nil, peers: [String: [Double]] = [:]
  ) -> Verdict { goal.verdict(own: own, toBest: best) { peers[$0] } }

  @Test func eachGoalAsksForWhatItSays() {
    let (slow, fast): ([Double], [Double]) = ([1.5, 1.51, 1.52], [0.5, 0.51, 0.52])
    #expect(verdict(.ratio(1), [9, 9, 9], best: fast) == .met)
    #expect(verdict(.ratio(1), [9, 9, 9], best: slow) == .missed)
    #expect(verdict(.ratio(1), [9, 9, 9]) == .open)
    #expect(verdict(.absolute(10), [9, 9, 9], best: slow) == .met)
    #expect(verdict(.absolute(8), [9, 9, 9], best: fast) == .missed)
    // Either of two is enough.
    #expect(verdict(.absoluteOrRatio(8, 1), [9, 9, 9], best: fast) == .met)
    #expect(verdict(.absoluteOrRatio(10, 1), [9, 9, 9], best: slow) == .met)
    #expect(verdict(.absoluteOrRatio(8, 1), [9, 9, 9], best: slow) == .missed)
    #expect(verdict(.absoluteOrRatioTo(8, "m", 0.6), [9, 9, 9], peers: ["m": [18, 18, 18]]) == .met)
    #expect(verdict(.absoluteOrRatioTo(8, "m", 0.6), [9, 9, 9], peers: ["m": [10, 10, 10]]) == .missed)
    #expect(verdict(.absoluteOrRatioTo(8, "m", 0.6), [9, 9, 9]) == .missed)
    #expect(verdict(.overGlibc(2), [9, 9, 9], peers: ["glibc": [8, 8, 8]]) == .met)
    #expect(verdict(.overGlibc(2), [9, 9, 9], peers: ["glibc": [5, 5, 5]]) == .missed)
    #expect(verdict(.overGlibc(2), [9, 9, 9]) == .open)
    #expect(verdict(.none, [9]) == .open)
    for goal: BenchmarkGoal in [.none, .ratio(1), .absolute(1)] { #expect(verdict(goal, nil) == .failed) }
  }
}
