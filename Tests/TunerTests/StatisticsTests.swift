// SPDX-License-Identifier: Apache-2.0
//
// The arithmetic of the tuner: intervals, fairness, histograms, the computed optimum, and numbers as text.
import Testing

@testable import Report
@testable import Tuner

@Suite struct StatisticsTests {
  @Test func intervalIsStudentsOfTheLogarithms() {
    // Logarithms of base 2: 0, 1, 2; mean 1, standard deviation 1, so half the width is 4.303 / √3 doublings.
    let interval = Statistics.interval(ofRatios: [1, 2, 4])
    #expect(abs(interval.middle - 2) < 1e-9)
    #expect(abs(interval.high / interval.middle - 5.594) < 0.01)
    #expect(abs(interval.middle / interval.low - 5.594) < 0.01)
  }

  @Test func oneRatioHasNoInterval() {
    let interval = Statistics.interval(ofRatios: [1.5])
    #expect(interval.low == 0 && interval.high == .infinity)
    #expect(abs(interval.middle - 1.5) < 1e-9)
  }

  @Test func quantilesGoOnSmoothlyBeyondTheTable() {
    #expect(abs(Statistics.student(degrees: 31) - 2.040) < 0.001)
    #expect(abs(Statistics.student(degrees: 120) - 1.980) < 0.001)
    #expect(Statistics.student(degrees: 0) == .infinity)
  }

  /// Of intervals drawn around 1, one in twenty misses it.
  @Test func intervalHoldsTheTruthAsOftenAsItSays() {
    var random = SeededGenerator(seed: 7)
    let misses = (0..<4000).filter { _ in
      let interval = Statistics.interval(ofRatios: (0..<6).map { _ in random.noise(0.2) })
      return interval.low > 1 || interval.high < 1
    }.count
    #expect((140...260).contains(misses))
  }

  @Test func fairness() {
    #expect(Statistics.fairness([5, 5, 5, 5]) == 1)
    #expect(Statistics.fairness([8, 0, 0, 0]) == 0.25)
    #expect(Statistics.fairness([0, 0]) == nil)
    #expect(Statistics.fairness([]) == nil)
  }

  @Test func histogramIsRightToASixtieth() {
    for ticks: UInt64 in [1, 31, 32, 33, 999, 123_456, 88_000_000_000] {
      var histogram = WaitHistogram()
      histogram.add(ticks)
      histogram.add(ticks * 2 + 5)
      #expect(abs(histogram.percentile(0.5) / Double(ticks) - 1) < 1.0 / 60)
      #expect(histogram.total == 2 && histogram.largest == ticks * 2 + 5)
    }
  }

  @Test func histogramsMerge() {
    var left = WaitHistogram()
    var right = WaitHistogram()
    for ticks in 1...99 as ClosedRange<UInt64> { left.add(ticks) }
    right.add(5000)
    left.add(right)
    #expect(left.total == 100)
    #expect(left.percentile(0.99) < 101 && left.percentile(1) == 5000)
  }

  @Test func optimumWaitsForTheFirstModeAlone() throws {
    // Waits of 100 ns and of 1 ms: spinning for the first is cheap, for the second is not.
    let optimum = try #require(
      SpinOptimum(waits: [(100, 90), (1_000_000, 10)], blockCost: 5000, defaultBudget: 50))
    #expect(optimum.budget == 100)
    #expect(abs(optimum.cost - (90 + 0.1 * 5100)) < 1e-6)
    #expect(optimum.costOfBlocking == 5000)
    #expect(optimum.costOfDefault == 5050)
  }

  @Test func optimumBlocksAtOnceWhereABlockIsCheap() throws {
    let optimum = try #require(SpinOptimum(waits: [(0, 50), (9000, 50)], blockCost: 1000, defaultBudget: 100))
    #expect(optimum.budget == 0)
    #expect(optimum.cost == 500)
    #expect(SpinOptimum(waits: [], blockCost: 1, defaultBudget: 1) == nil)
  }

  /// Against every budget tried one by one.
  @Test(arguments: 1...20 as ClosedRange<UInt64>) func optimumIsTheLeast(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let waits = (0..<30).map { _ in
      (nanoseconds: Double(Int.random(in: 0...20_000, using: &random)), count: Int.random(in: 1...9, using: &random))
    }
    let block = Double(Int.random(in: 0...20_000, using: &random))
    let total = Double(waits.reduce(0) { $0 + $1.count })
    let optimum = try #require(SpinOptimum(waits: waits, blockCost: block, defaultBudget: 0))
    for budget in [0] + waits.map(\.nanoseconds) {
      let cost = waits.reduce(0) { sum, wait in
        sum + Double(wait.count) / total * (wait.nanoseconds <= budget ? wait.nanoseconds : budget + block)
      }
      #expect(optimum.cost <= cost + 1e-6)
    }
  }

  @Test func numbersAsText() {
    #expect(
      [0, 1, 12.345, 1234.5, 0.012345, -3.14159].map { Text.number($0) } == [
        "0", "1", "12.3", "1235", "0.0123", "−3.14",
      ])
    #expect([5, 1500, 2_345_678, 3e9].map { Text.duration($0) } == ["5 ns", "1.5 µs", "2.35 ms", "3 s"])
    #expect([1.204, 0.95, 1, 2].map { Text.change($0) } == ["+20 %", "−5.0 %", "+0.0 %", "+100 %"])
    #expect([59.2, 61].map { Text.clock($0) } == ["1 min 0 s", "1 min 1 s"])
    #expect(Text.number(.nan) == "–" && Text.change(.infinity).contains("inf"))
  }
}

@Suite struct ContendedWaitsTests {
  /// Where every acquisition waits, none is taken for free.
  @Test func waitsThatAllContendStayWaits() throws {
    var waits = WaitHistogram()
    for _ in 0..<1000 { waits.add(1500) }
    let optimum = try #require(
      SpinOptimum(waits: waits.contended(above: 90, nanosecondsPerTick: 1), blockCost: 7000, defaultBudget: 4000))
    #expect(abs(optimum.budget / 1500 - 1) < 0.02 && abs(optimum.cost / 1500 - 1) < 0.02)
    #expect(waits.contended(above: 2000, nanosecondsPerTick: 1).allSatisfy { $0.nanoseconds == 0 })
  }
}

extension SeededGenerator {
  /// A ratio around 1 whose logarithm is about normal.
  mutating func noise(_ deviation: Double) -> Double {
    let sum = (0..<12).reduce(-6.0) { sum, _ in sum + Double.random(in: 0..<1, using: &self) }
    return Statistics.geometricMean([1]) * exponential(sum * deviation)
  }

  private func exponential(_ value: Double) -> Double {
    var (term, sum) = (1.0, 1.0)
    for index in 1...30 {
      term *= value / Double(index)
      sum += term
    }
    return sum
  }
}
