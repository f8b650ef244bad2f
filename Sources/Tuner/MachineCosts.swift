// SPDX-License-Identifier: Apache-2.0
//
// What waiting and blocking cost on this machine: a pause, a futex round trip between two threads on one CPU and on
// two, a switch of context. Each is taken many times; the median counts, and the spread is told. About two seconds.

import Report
import CAnax
import Glibc
import Machine
import Tokens

package struct MachineCosts: Hashable, Sendable {
  /// Nanoseconds: the median, and the 5th and 95th percentile.
  package struct Spread: Hashable, Sendable {
    package var middle: Double
    package var low: Double
    package var high: Double

    package init(_ values: [Double]) {
      let sorted = values.sorted()
      middle = Statistics.median(sorted)
      low = sorted.isEmpty ? .nan : sorted[sorted.count / 20]
      high = sorted.isEmpty ? .nan : sorted[sorted.count - 1 - sorted.count / 20]
    }
  }

  package var pause: Spread
  /// There and back again, both threads on one CPU.
  package var futexSameCPU: Spread?
  /// On two; nil where only one is allowed.
  package var futexOtherCPU: Spread?
  package var contextSwitch: Spread?
  /// Of the cycle counter, in kHz.
  package var counterFrequency: Double
  /// Reading the cycle counter twice, at the least.
  package var counterRead: Double

  package init(
    pause: Spread, futexSameCPU: Spread?, futexOtherCPU: Spread?, contextSwitch: Spread?, counterFrequency: Double,
    counterRead: Double
  ) {
    self.pause = pause
    self.futexSameCPU = futexSameCPU
    self.futexOtherCPU = futexOtherCPU
    self.contextSwitch = contextSwitch
    self.counterFrequency = counterFrequency
    self.counterRead = counterRead
  }

  /// What it costs to block and be woken: half a round trip, with an idle CPU waiting or with all of them busy.
  package func blockCost(threads: Int, cpus: Int) -> Double {
    let round = threads > cpus ? futexSameCPU : futexOtherCPU ?? futexSameCPU
    return (round?.middle ?? 10_000) / 2
  }

  /// `cpus`: ids of the CPUs allowed.
  package static func measure(cpus: [Int], clock: Clock) throws(CellFailure) -> MachineCosts {
    let first = cpus.first ?? 0
    let same = try roundTrips(first, first)
    let other = cpus.count > 1 ? try roundTrips(first, cpus[cpus.count / 2]) : []
    return MachineCosts(
      pause: pause(), futexSameCPU: same.isEmpty ? nil : Spread(same),
      futexOtherCPU: other.isEmpty ? nil : Spread(other), contextSwitch: try contextSwitch(on: first),
      counterFrequency: 1e6 / clock.nanosecondsPerTick,
      counterRead: Double(clock.overhead) * clock.nanosecondsPerTick)
  }

  /// As the tokens measure it for themselves, some hundred times.
  private static func pause() -> Spread {
    Spread((0..<300).map { _ in Double(Spin.measurePause()) / 1000 })
  }

  /// Nanoseconds of a round trip, in batches; empty where the threads could not be kept on their CPUs.
  private static func roundTrips(_ left: Int, _ right: Int) throws(CellFailure) -> [Double] {
    let batches = 20
    let rounds = 200
    let ping = SharedWord()
    let pong = SharedWord()
    let refused = SharedWord()
    let times = Results(batches)
    try Team(count: 2) { index in
      if !Team.pin(to: index == 0 ? left : right) { refused.value = 1 }
      // The first batch warms up.
      for batch in 0...batches {
        let start = Clock.nanoseconds
        for round in 1...rounds {
          let turn = UInt64(batch * rounds + round)
          if index == 0 {
            wake(ping, turn)
            wait(pong, turn)
          } else {
            wait(ping, turn)
            wake(pong, turn)
          }
        }
        if index == 0, batch > 0 { times.values[batch - 1] = Double(Clock.nanoseconds - start) / Double(rounds) }
      }
    }.join()
    return refused.value == 0 ? times.values : []
  }

  /// Written by one thread, read when it has ended.
  private final class Results: @unchecked Sendable {
    var values: [Double]
    init(_ count: Int) { values = [Double](repeating: 0, count: count) }
  }

  private static func wake(_ word: SharedWord, _ turn: UInt64) {
    word.value = turn
    Futex.wake(Futex.half(of: word.pointer), .exclusive, count: 1)
  }

  private static func wait(_ word: SharedWord, _ turn: UInt64) {
    while true {
      let seen = word.value
      if seen >= turn { return }
      _ = Futex.wait(Futex.half(of: word.pointer), UInt32(truncatingIfNeeded: seen), .exclusive, until: .max)
    }
  }

  /// Two threads on one CPU that only yield: each call is a switch.
  private static func contextSwitch(on cpu: Int) throws(CellFailure) -> Spread? {
    let batches = 20
    let rounds = 500
    let refused = SharedWord()
    let times = Results(batches)
    try Team(count: 2) { index in
      if !Team.pin(to: cpu) { refused.value = 1 }
      for batch in 0...batches {
        let start = Clock.nanoseconds
        for _ in 0..<rounds { sched_yield() }
        // Both threads' calls passed in this time.
        if index == 0, batch > 0 { times.values[batch - 1] = Double(Clock.nanoseconds - start) / Double(2 * rounds) }
      }
    }.join()
    return refused.value == 0 ? Spread(times.values) : nil
  }
}
