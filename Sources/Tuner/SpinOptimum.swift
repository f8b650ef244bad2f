// SPDX-License-Identifier: Apache-2.0
//
// How long to wait before blocking, computed from how long waits are: with F the distribution of waits and C what it
// costs to block and be woken, waiting s costs  E[min(wait, s)] + (1 − F(s)) · C  on average, and the best s makes that
// least.
// It knows nothing of what a waiter takes from others (threads beyond the CPUs), so it is shown beside the measurement
// and decides nothing.

package struct SpinOptimum: Hashable, Sendable {
  /// Nanoseconds to wait before blocking.
  package var budget: Double
  /// Mean nanoseconds a wait then costs.
  package var cost: Double
  /// The same without waiting at all, and with the default's budget.
  package var costOfBlocking: Double
  package var costOfDefault: Double
  /// C, in nanoseconds.
  package var blockCost: Double

  /// `waits`: nanoseconds and how often; 0 is an acquisition that did not wait. nil of none.
  package init?(waits: [(nanoseconds: Double, count: Int)], blockCost: Double, defaultBudget: Double) {
    let sorted = waits.filter { $0.count > 0 }.sorted { $0.nanoseconds < $1.nanoseconds }
    let total = Double(sorted.reduce(0) { $0 + $1.count })
    guard total > 0, blockCost >= 0 else { return nil }

    func cost(_ budget: Double) -> Double {
      sorted.reduce(0) { sum, wait in
        let share = Double(wait.count) / total
        return sum + share * (wait.nanoseconds <= budget ? wait.nanoseconds : budget + blockCost)
      }
    }
    // The cost only falls at a wait's own length: the best budget is one of these, or none.
    var best = (budget: 0.0, cost: cost(0))
    var below = 0.0
    var count = 0.0
    for wait in sorted {
      below += wait.nanoseconds * Double(wait.count)
      count += Double(wait.count)
      let here = (below + (total - count) * (wait.nanoseconds + blockCost)) / total
      if here < best.cost { best = (wait.nanoseconds, here) }
    }
    budget = best.budget
    self.cost = best.cost
    costOfBlocking = cost(0)
    costOfDefault = cost(defaultBudget)
    self.blockCost = blockCost
  }
}
