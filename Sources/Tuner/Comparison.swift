// SPDX-License-Identifier: Apache-2.0
//
// One candidate beside the default: paired ratios of cells of the same round and workload, and what the guard rails
// say.
// Value types.

import Report

/// What a gain may not cost.
package struct GuardRails: Hashable, Sendable {
  /// How far processor time per operation may rise; 0.1 is 10%.
  package var cpuRise: Double
  /// Jain's index below which a candidate is refused, unless the default is no fairer.
  package var fairness: Double
  /// How far p99.9 of the wait may rise; 1 doubles it.
  package var tailRise: Double

  package init(cpuRise: Double = 0.1, fairness: Double = 0.9, tailRise: Double = 1) {
    self.cpuRise = cpuRise
    self.fairness = fairness
    self.tailRise = tailRise
  }
}

extension GuardRails {
  /// For the first stages, whose few rounds say little: what breaks these breaks the others as well.
  var lenient: GuardRails {
    GuardRails(cpuRise: cpuRise + 0.2, fairness: max(0, fairness - 0.1), tailRise: tailRise * 2 + 1)
  }
}

package struct Comparison: Hashable, Sendable {
  /// On one workload.
  package struct Part: Hashable, Sendable {
    package var workload: Int
    package var throughput: Interval
    package var cpu: Interval
    /// nil for a program.
    package var tail: Interval?
    package var fairness: Fairness?
    /// The candidate's, relative to the default's in the same round.
    package var fairnessRatio: Interval?
  }

  /// Medians of Jain's index: the candidate's and the default's.
  package struct Fairness: Hashable, Sendable {
    package var own: Double
    package var standard: Double
  }

  package var candidate: Int
  package var rounds: Int
  /// Over all workloads compared: the rounds' geometric means, relative to the default's; above 1 is better.
  package var throughput: Interval
  /// The same for processor time per operation and for p99.9 of the wait; below 1 is better.
  package var cpu: Interval
  package var tail: Interval?
  package var parts: [Part]

  /// nil where no round has all of the cells.
  package init?(_ samples: [Sample], stage: Stage.Name, candidate: Int, workloads: [Int]) {
    var cells: [[Int]: Reading] = [:]
    for sample in samples where sample.stage == stage && (sample.candidate == candidate || sample.candidate == 0) {
      cells[[sample.round, sample.workload, sample.candidate]] = sample.reading
    }
    let all = Set(cells.keys.map { $0[0] }).sorted()
    let complete = all.filter { round in
      workloads.allSatisfy { cells[[round, $0, candidate]] != nil && cells[[round, $0, 0]] != nil }
    }
    guard !complete.isEmpty, !workloads.isEmpty else { return nil }

    func ratios(_ workload: Int, _ metric: (Reading) -> Double?) -> [Double]? {
      let list = complete.compactMap { round -> Double? in
        guard let own = metric(cells[[round, workload, candidate]]!),
          let standard = metric(cells[[round, workload, 0]]!)
        else { return nil }
        return max(own, 1e-9) / max(standard, 1e-9)
      }
      return list.count == complete.count ? list : nil
    }
    func overall(_ metric: (Reading) -> Double?) -> Interval? {
      let lists = workloads.compactMap { ratios($0, metric) }
      guard !lists.isEmpty else { return nil }
      return Statistics.interval(
        ofRatios: complete.indices.map { round in Statistics.geometricMean(lists.map { $0[round] }) })
    }
    self.candidate = candidate
    rounds = complete.count
    throughput = overall(\.throughput)!
    cpu = overall(\.cpuPerOperation)!
    tail = overall(\.waits?.p999)
    parts = workloads.map { workload in
      func fairness(_ who: Int) -> Double? {
        let list = complete.compactMap { cells[[$0, workload, who]]!.fairness }
        return list.isEmpty ? nil : Statistics.median(list)
      }
      let own = fairness(candidate)
      let standard = fairness(0)
      return Part(
        workload: workload,
        throughput: Statistics.interval(ofRatios: ratios(workload, \.throughput)!),
        cpu: Statistics.interval(ofRatios: ratios(workload, \.cpuPerOperation)!),
        tail: ratios(workload, \.waits?.p999).map { Statistics.interval(ofRatios: $0) },
        fairness: own.flatMap { own in standard.map { Fairness(own: own, standard: $0) } },
        fairnessRatio: ratios(workload, \.fairness).map { Statistics.interval(ofRatios: $0) })
    }
  }

  /// What the guard rails refuse, each in words; empty where nothing. Over all workloads the middle counts, on a single
  /// one only what is sure at 95%: of many workloads some exceed any bound by chance. `onlySure`: so over all, too.
  package func violations(_ rails: GuardRails, _ workloads: [Workload], onlySure: Bool = false) -> [String] {
    var list: [String] = []
    if (onlySure ? cpu.low : cpu.middle) > 1 + rails.cpuRise {
      list.append("CPU per operation \(Text.change(cpu.middle)), allowed \(Text.change(1 + rails.cpuRise))")
    }
    if let tail, (onlySure ? tail.low : tail.middle) > 1 + rails.tailRise {
      list.append("p99.9 of the wait \(Text.change(tail.middle)), allowed \(Text.change(1 + rails.tailRise))")
    }
    for part in parts {
      let name = workloads[part.workload].name
      if part.cpu.low > 1 + rails.cpuRise {
        list.append("CPU per operation \(Text.change(part.cpu.middle)) with \(name)")
      }
      if let tail = part.tail, tail.low > 1 + rails.tailRise {
        list.append("p99.9 of the wait \(Text.change(tail.middle)) with \(name)")
      }
      // Where threads outnumber CPUs, the fairness of two runs of the same differs by some hundredths: less fair than
      // the default is what is so at 95%, or by far.
      if let fairness = part.fairness, fairness.own < rails.fairness, fairness.own < fairness.standard - 0.01,
        fairness.own < fairness.standard - 0.1 || part.fairnessRatio.map({ $0.high < 1 }) ?? true
      {
        list.append(
          "fairness \(Text.fixed(fairness.own, places: 2)), wanted \(Text.number(rails.fairness)), with \(name)")
      }
    }
    return list
  }
}
