// SPDX-License-Identifier: Apache-2.0
//
// What the candidates are compared on: threads that contend for one token, or a program of the user's. Value types.

import Report

package enum Workload: Hashable, Sendable {
  case contention(Contention)
  /// A program and its arguments: one operation is one run of it.
  case program([String])

  package struct Contention: Hashable, Sendable {
    /// Nanoseconds with the token.
    package var section: Int
    /// Mean nanoseconds without it, between two sections.
    package var think: Int
    package var threadsPerCPU: Double
    /// Which share of the sections takes the token shared.
    package var shared: Double

    package init(section: Int, think: Int, threadsPerCPU: Double, shared: Double) {
      self.section = section
      self.think = think
      self.threadsPerCPU = threadsPerCPU
      self.shared = shared
    }

    /// At least two: one thread alone contends for nothing.
    package func threads(cpus: Int) -> Int { max(2, Int((threadsPerCPU * Double(cpus)).rounded())) }
  }

  package var name: String {
    switch self {
    case .contention(let it):
      "section \(Text.duration(Double(it.section))), think \(Text.duration(Double(it.think))), "
        + "\(Text.number(it.threadsPerCPU)) \(it.threadsPerCPU == 1 ? "thread" : "threads") a CPU"
        + (it.shared > 0 ? ", \(Text.percent(it.shared)) shared" : "")
    case .program(let command): command.joined(separator: " ")
    }
  }
}

/// The declared workload: every combination of these, and from them two more that nothing is tuned on.
package struct WorkloadGrid: Sendable {
  package var sections: [Int]
  package var thinks: [Int]
  package var threadsPerCPU: [Double]
  package var shared: [Double]

  package init(sections: [Int], thinks: [Int], threadsPerCPU: [Double], shared: [Double]) {
    self.sections = sections
    self.thinks = thinks
    self.threadsPerCPU = threadsPerCPU
    self.shared = shared
  }

  package var workloads: [Workload.Contention] {
    var list: [Workload.Contention] = []
    for section in sections {
      for think in thinks {
        for threads in threadsPerCPU {
          for share in shared {
            list.append(.init(section: section, think: think, threadsPerCPU: threads, shared: share))
          }
        }
      }
    }
    return list
  }

  /// Another section and think time with a thread count that was tuned on, and a tuned one with another thread count.
  package func heldOut(cpus: Int) -> [Workload.Contention] {
    guard let section = sections.first, let think = thinks.first, let share = shared.first else { return [] }
    func threads(_ perCPU: Double) -> Int {
      Workload.Contention(section: section, think: think, threadsPerCPU: perCPU, shared: share).threads(cpus: cpus)
    }
    let tuned = Set(threadsPerCPU.map(threads))
    let untuned = [2, 1.5, 3, 6, 8, 12].first { !tuned.contains(threads($0)) } ?? 24
    let other = Workload.Contention(
      section: sections.last ?? section, think: think, threadsPerCPU: untuned, shared: share)
    let between = Workload.Contention(
      section: Self.untried(sections), think: Self.untried(thinks), threadsPerCPU: threadsPerCPU.last ?? 1,
      shared: Self.middle(shared))
    return [between, other]
  }

  /// A value that is in no list: half-way between the two in the middle, on a logarithmic scale; where these are next
  /// to each other, or there is one, 3 times the largest, and from 0 a hundred.
  private static func untried(_ values: [Int]) -> Int {
    let sorted = Set(values).sorted()
    guard let high = sorted.last else { return 0 }
    if sorted.count > 1 {
      let at = (sorted.count - 1) / 2
      let between = Int((Double(max(sorted[at], 1)) * Double(sorted[at + 1])).squareRoot())
      if !sorted.contains(between) { return between }
    }
    return high == 0 ? 100 : high * 3
  }

  private static func middle(_ values: [Double]) -> Double {
    guard let low = values.min(), let high = values.max() else { return 0 }
    return (low + high) / 2
  }
}
