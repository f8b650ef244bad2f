// SPDX-License-Identifier: Apache-2.0
//
// What a run of the benchmark left: the machine, who was compared, and the records. The page, the JSON and the
// comparison of two runs are made from this and nothing else. A value type.

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
    /// The candidate once more, for its ratio to itself: neither judged nor a peer.
    public var isControl: Bool

    public init(
      name: String, about: String, isCandidate: Bool = false, isVariant: Bool = false, isControl: Bool = false
    ) {
      (self.name, self.about) = (name, about)
      (self.isCandidate, self.isVariant, self.isControl) = (isCandidate, isVariant, isControl)
    }
  }

  /// As `2026-11-25 04:00 UTC`.
  public var date: String
  /// What was typed.
  public var command: String
  /// Of the measured source, where it is known.
  public var commit: String?
  public var seed: UInt64
  /// How much work a run does, relative to the workloads' own measure; nil where it was not written down.
  public var scale: Double?
  /// Seconds.
  public var duration: Double
  public var isInterrupted: Bool
  public var machine: MachineDescription
  public var subjects: [Subject]
  /// Groups in the order they are shown in.
  public var groups: [String]
  /// What was left out and why, a sentence each.
  public var notes: [String]
  /// Goals over many cases, and what came of them.
  public var goals: [GoalOutcome]
  public private(set) var records: [BenchmarkRecord]

  /// The metric of a run's processor time, which every case has beside what it is about.
  public static let processorTime = "cpu_ms"

  /// The usual choice of a case: the first of these that it has. What a Swift program would take comes before what a C
  /// program would.
  /// Pages have mmap beside the allocators.
  static let usual = ["mmap", "glibc", "malloc", "swift", "pthread"]

  public init(
    date: String, command: String, commit: String?, seed: UInt64, scale: Double? = nil, duration: Double,
    isInterrupted: Bool, machine: MachineDescription, subjects: [Subject], groups: [String], notes: [String],
    goals: [GoalOutcome] = [], records: [BenchmarkRecord]
  ) {
    (self.date, self.command, self.commit, self.seed, self.scale) = (date, command, commit, seed, scale)
    (self.duration, self.isInterrupted, self.machine, self.subjects) = (duration, isInterrupted, machine, subjects)
    (self.groups, self.notes, self.goals, self.records) = (groups, notes, goals, records)
    compare()
  }

  /// Finds the best peer of every case, and everyone's ratios to it, to the usual choice and to the control.
  private mutating func compare() {
    let cases = Dictionary(grouping: records.indices) { records[$0].key }
    let peers = peers
    let controls = Set(subjects.lazy.filter(\.isControl).map(\.name))
    for members in cases.values where records[members[0]].direction != .neither {
      let measured = members.filter { !records[$0].samples.isEmpty }
      let values = measured.map { records[$0].samples }
      let isPeer = measured.map { peers.contains(records[$0].subject) }
      let isLowerBetter = records[members[0]].direction == .lower
      let best = Peers.best(values, isPeer: isPeer, isLowerBetter: isLowerBetter).map { measured[$0] }
      let ratios = Peers.ratiosToBest(values, isPeer: isPeer, isLowerBetter: isLowerBetter)
      let usual = BenchmarkResults.usual.compactMap { name in measured.first { records[$0].subject == name } }.first
      let control = measured.first { controls.contains(records[$0].subject) }
      for (place, index) in measured.enumerated() {
        if let best, index != best, let list = ratios?[place] {
          records[index].toBest = PeerRatio(
            peer: records[best].subject, ratio: Statistics.interval(ofRatios: list))
        }
        records[index].toUsual = usual.flatMap { ratio(index, to: $0) }
        if candidates.contains(records[index].subject) {
          records[index].toControl = control.flatMap { ratio(index, to: $0) }
        }
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

  /// The names of those that a candidate is compared with.
  var peers: Set<String> {
    Set(subjects.lazy.filter { !$0.isCandidate && !$0.isVariant && !$0.isControl }.map(\.name))
  }
}
