// SPDX-License-Identifier: Apache-2.0
//
// What each row must reach: the one place for the bounds. All metrics are better when lower.

import Harness
import Report

typealias Goal = BenchmarkGoal

enum Goals {
  static let pair = Goal.ratio(0.95)
  static let batch = Goal.ratio(1.0)
  static let producerConsumer = Goal.ratio(0.5)
  static let threaded = Goal.ratio(1.0)
  static let groups = Goal.ratio(1.0)
  static let large = Goal.ratio(1.0)
  static let liveSet = Goal.ratio(1.0)
  static let usableSize = Goal.absoluteOrRatio(3.1, 1.0)
  static let cleared = Goal.ratio(1.0)
  /// From 4 KiB up the second way to reach it is open, below only the first.
  static func chase(size: Int) -> Goal { size >= 4096 ? .absoluteOrRatioTo(3.7, "mimalloc", 0.6) : .absolute(3.7) }
  /// KiB a thread over a bare thread; and after its exit, where nothing means less than a page in eight threads.
  static let threadLive = Goal.absolute(1.0)
  static let threadAfter = Goal.absolute(0.5)
  /// MiB over the start (16 MB).
  static let silence = Goal.absolute(15.26)
  static let startMemory = Goal.overGlibc(512)
  static let startTime = Goal.overGlibc(1.0)
  static let tail = Goal.ratio(1.05)

  /// Geometric means over a stanza: its name, the bound on the ratio to the best peer.
  static let stanzas: [(stanza: String, bound: Double)] = [("threads", 0.9)]
  /// The geometric mean of the peak resident memory over the workloads, relative to glibc.
  static let peakMemory = 1.0
}

extension Goal {
  func text(_ unit: String) -> String {
    switch self {
    case .ratio(let bound): "≤ \(number(bound))x best"
    case .absoluteOrRatio(let value, let bound): "≤ \(number(value)) or \(number(bound))x"
    case .absoluteOrRatioTo(let value, let peer, let bound): "≤ \(number(value)) or \(number(bound))x \(peer)"
    case .overGlibc(let value): "≤ glibc + \(number(value)) \(unit)"
    case .absolute(let value): "≤ \(number(value)) \(unit)"
    case .none: ""
    }
  }
}
