// SPDX-License-Identifier: Apache-2.0
//
// What is said of a goal: met, met within noise, missed, failed, or nothing.
import Testing

@testable import Report

@Suite struct VerdictTests {
  @Test func figureIsJudgedByItsMedian() {
    #expect(Verdict.judge([9, 10, 30], atMost: 10) == .met)
    #expect(Verdict.judge([9, 11, 12, 12, 13], atMost: 10) == .metWithinNoise)
    #expect(Verdict.judge([11, 11, 12, 12, 13], atMost: 10) == .missed)
    #expect(Verdict.judge([11, 11, 12, 12, 13], atLeast: 12) == .met)
    #expect(Verdict.judge([11, 11, 12, 12, 13], atLeast: 14) == .missed)
  }

  @Test func ratioIsJudgedByItsInterval() {
    #expect(Verdict.judge(ratios: [0.9, 0.95, 1.1], atMost: 1) == .met)
    #expect(Verdict.judge(ratios: [0.9, 1.1, 1.2], atMost: 1) == .metWithinNoise)
    #expect(Verdict.judge(ratios: [1.1, 1.11, 1.12], atMost: 1) == .missed)
    // One round has no interval that could leave the bound out.
    #expect(Verdict.judge(ratios: [5], atMost: 1) == .metWithinNoise)
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
