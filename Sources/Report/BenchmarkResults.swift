// SPDX-License-Identifier: Apache-2.0
//
// What a run of the benchmark left: the machine, who was compared, and the records. The page, the JSON and the comparison of
// two runs are made from this and nothing else. A value type.

/// All figures of one run of the benchmark.
public struct BenchmarkResults: Sendable, Hashable {
  /// Who was compared.
  public struct Subject: Sendable, Hashable {
    public var name: String
    /// A version, a path, or what it is.
    public var about: String
    /// Judged against the others; of several the first of a case counts.
    public var isCandidate: Bool
    /// A candidate with other settings: neither judged nor a peer.
    public var isVariant: Bool

    public init(name: String, about: String, isCandidate: Bool = false, isVariant: Bool = false) {
      (self.name, self.about, self.isCandidate, self.isVariant) = (name, about, isCandidate, isVariant)
    }
  }

  /// As `2026-11-25 04:00 UTC`.
  public var date: String
  /// What was typed.
  public var command: String
  /// Of the measured source, where it is known.
  public var commit: String?
  public var seed: UInt64
  /// Seconds.
  public var duration: Double
  public var isInterrupted: Bool
  public var machine: MachineDescription
  public var subjects: [Subject]
  /// Groups in the order they are shown in.
  public var groups: [String]
  /// What was left out and why, a sentence each.
  public var notes: [String]
  public private(set) var records: [BenchmarkRecord]

  /// The usual choice, of which there is at most one in a case.
  static let usual = ["glibc", "mmap", "malloc", "pthread"]

  public init(
    date: String, command: String, commit: String?, seed: UInt64, duration: Double, isInterrupted: Bool,
    machine: MachineDescription, subjects: [Subject], groups: [String], notes: [String], records: [BenchmarkRecord]
  ) {
    (self.date, self.command, self.commit, self.seed) = (date, command, commit, seed)
    (self.duration, self.isInterrupted, self.machine, self.subjects) = (duration, isInterrupted, machine, subjects)
    (self.groups, self.notes, self.records) = (groups, notes, records)
    compare()
  }

  /// Finds the best peer of every case, and everyone's ratios to it and to the usual choice.
  private mutating func compare() {
    let cases = Dictionary(grouping: records.indices) { records[$0].key }
    let peers = Set(subjects.lazy.filter { !$0.isCandidate && !$0.isVariant }.map(\.name))
    for members in cases.values {
      let measured = members.filter { !records[$0].samples.isEmpty }
      let best = Peers.best(
        measured.map { records[$0].samples }, isPeer: measured.map { peers.contains(records[$0].subject) },
        isLowerBetter: records[members[0]].direction != .higher
      ).map { measured[$0] }
      let usual = measured.first { BenchmarkResults.usual.contains(records[$0].subject) }
      for index in measured where records[index].direction != .neither {
        records[index].toBest = best.flatMap { ratio(index, to: $0) }
        records[index].toUsual = usual.flatMap { ratio(index, to: $0) }
      }
    }
  }

  private func ratio(_ index: Int, to peer: Int) -> PeerRatio? {
    guard index != peer, let ratios = Peers.ratios(records[index].samples, to: records[peer].samples) else {
      return nil
    }
    return PeerRatio(peer: records[peer].subject, ratio: Statistics.interval(ofRatios: ratios))
  }

  /// The candidates' names.
  var candidates: Set<String> { Set(subjects.lazy.filter(\.isCandidate).map(\.name)) }
}

/// Peers of one case: which is the best, and paired ratios.
public enum Peers {
  /// The best by the median, after every round is divided by its geometric mean, so that a slow round weighs no more than
  /// another. `values`: of each subject, one a round. nil where there is no peer, or where the rounds are not the same.
  public static func best(_ values: [[Double]], isPeer: [Bool], isLowerBetter: Bool) -> Int? {
    guard let rounds = values.first?.count, values.allSatisfy({ $0.count == rounds }), rounds > 0 else { return nil }
    let means = (0..<rounds).map { round in Statistics.geometricMean(values.map { $0[round] }) }
    let middles = values.map { list in Statistics.median((0..<rounds).map { list[$0] / means[$0] }) }
    let peers = values.indices.filter { isPeer[$0] }
    return isLowerBetter
      ? peers.min { middles[$0] < middles[$1] } : peers.max { middles[$0] < middles[$1] }
  }

  /// A ratio a round; nil where the two have not the same rounds, or a figure is not above zero.
  public static func ratios(_ own: [Double], to other: [Double]) -> [Double]? {
    guard own.count == other.count, !own.isEmpty, own.allSatisfy({ $0 > 0 }), other.allSatisfy({ $0 > 0 }) else {
      return nil
    }
    return zip(own, other).map { $0 / $1 }
  }
}
