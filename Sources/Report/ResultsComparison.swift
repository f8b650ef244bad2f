// SPDX-License-Identifier: Apache-2.0
//
// Two runs of the benchmark, one after a change: what became significantly faster or slower. The machine may have been
// at another pace, so a subject's figures are first divided, round by round, by those of the peers that both runs have.
// Whatever is not judged is listed.

import Anax
import Glibc

public struct ResultsComparison: Sendable {
  /// One case and metric of one subject, in both runs.
  public struct Row: Sendable {
    public var record: BenchmarkRecord
    /// The later figure to the earlier, with its 95% interval.
    public var ratio: Interval
    /// How likely so large a difference is by chance where there is none.
    public var probability: Double
    public var earlier: Double
    public var later: Double
    public var isSignificant = false

    public var standing: Standing { Standing(ratio, record.direction) }
  }

  public private(set) var rows: [Row] = []
  /// What failed in the later run and did not in the earlier one, a line each.
  public private(set) var newFailures: [String] = []
  /// What cannot be judged: cases that only one of the runs has, that failed or were not run, or whose figures give no
  /// ratio or no interval; a line each, with the reason.
  public var unjudged: [String] { Unjudged.lines(left) }
  private var left: [Unjudged] = []
  /// What speaks against comparing the two, a line each.
  public private(set) var doubts: [String] = []

  /// The subjects of either run.
  public static func subjects(_ earlier: BenchmarkResults, _ later: BenchmarkResults) -> Set<String> {
    Set((earlier.subjects + later.subjects).map(\.name))
  }

  /// Whether there was nothing to judge: no figure that both have, and nothing that fails anew or no more.
  public var isEmpty: Bool { rows.isEmpty && newFailures.isEmpty && !isMended }
  private var isMended = false

  /// `subjects`: those to compare; empty is the candidates.
  public init(_ earlier: BenchmarkResults, _ later: BenchmarkResults, subjects: Set<String> = []) {
    doubts = Self.doubts(earlier, later)
    let wanted = subjects.isEmpty ? earlier.candidates.union(later.candidates) : subjects
    let before = Normalized(earlier)
    let after = Normalized(later)
    // Points over time are told by their mean, which is a figure of its own. Of a grid only failures are told: its
    // hundreds of short cells would take from Holm's correction what the rows need.
    func isCompared(_ record: BenchmarkRecord) -> Bool {
      wanted.contains(record.subject) && record.direction != .neither && record.place?.figure != .time
    }
    for record in later.records where isCompared(record) {
      let old = before.record(like: record)
      if let failure = record.failure, old?.failure == nil {
        // Once for all that a failed run would have told.
        let words = old == nil ? "not in the earlier run" : old?.notRun == nil ? "well before" : "not run before"
        let line = "\(record.group)/\(record.name), \(record.subject): \(failure), \(words)"
        if !newFailures.contains(line) { newFailures.append(line) }
      } else if record.isTileOnly {
        continue
      } else if let old, let row = Self.row(old, record, before, after) {
        rows.append(row)
      } else {
        if old?.failure != nil, !record.samples.isEmpty { isMended = true }
        left.append(Unjudged(old, record))
      }
    }
    for record in earlier.records
    where isCompared(record) && !record.isTileOnly && after.record(like: record) == nil {
      left.append(Unjudged(record, nil))
    }
    for index in Significance.holm(rows.map(\.probability)) { rows[index].isSignificant = true }
  }

  /// What is not alike in the two runs beside the candidates, whose change is the question.
  private static func doubts(_ earlier: BenchmarkResults, _ later: BenchmarkResults) -> [String] {
    var doubts = later.machine.fingerprint.differences(from: earlier.machine.fingerprint)
    func compare<Value: Equatable>(_ what: String, _ left: Value, _ right: Value, _ text: (Value) -> String) {
      if left != right { doubts.append("\(what) \(text(left)), then \(text(right))") }
    }
    compare("kernel", earlier.machine.fingerprint.kernel, later.machine.fingerprint.kernel) { $0 }
    compare("C library", earlier.machine.libc, later.machine.libc) { $0 }
    compare("huge pages", earlier.machine.hugePages, later.machine.hugePages) { $0 }
    compare("frequency governor", earlier.machine.governor, later.machine.governor) { $0 }
    compare("MiB of memory", earlier.machine.memory, later.machine.memory) { "\($0)" }
    compare("KiB of a page", earlier.machine.page, later.machine.page) { "\($0)" }
    compare("NUMA nodes", earlier.machine.nodes, later.machine.nodes) { "\($0)" }
    compare("scale", earlier.scale, later.scale) { $0.map { Text.number($0) } ?? "unknown" }
    compare("seed", earlier.seed, later.seed) { "\($0)" }
    compare("rounds", earlier.records.map(\.count).max() ?? 0, later.records.map(\.count).max() ?? 0) { "\($0)" }
    compare("variables of the candidate:", earlier.variables, later.variables) { $0.isEmpty ? "none" : $0 }
    let judged = earlier.candidates.union(later.candidates)
    // Peers of cases that both have: who is compared in other groups says nothing here.
    let groups = Set(earlier.records.map(\.group)).intersection(later.records.map(\.group))
    func peers(_ run: BenchmarkResults) -> [BenchmarkResults.Subject] {
      let present = Set(run.records.lazy.filter { groups.contains($0.group) }.map(\.subject))
      return run.subjects.filter {
        !judged.contains($0.name) && !$0.isControl && !$0.isVariant && present.contains($0.name)
      }
    }
    let (ours, theirs) = (peers(earlier), peers(later))
    for subject in ours {
      guard let other = theirs.first(where: { $0.name == subject.name }) else {
        doubts.append("the peer \(subject.name) is in the earlier run only")
        continue
      }
      compare("the peer \(subject.name):", subject.about, other.about) { $0 }
    }
    for subject in theirs where !ours.contains(where: { $0.name == subject.name }) {
      doubts.append("the peer \(subject.name) is in the later run only")
    }
    for run in [earlier, later] where run.isInterrupted { doubts.append("the run of \(run.date) was interrupted") }
    return doubts
  }

  /// nil where it cannot be judged.
  private static func row(
    _ old: BenchmarkRecord, _ record: BenchmarkRecord, _ before: Normalized, _ after: Normalized
  ) -> Row? {
    let peers = before.peers(of: record).intersection(after.peers(of: record))
    guard !old.samples.isEmpty, !record.samples.isEmpty, let left = before.logarithms(old, peers),
      let right = after.logarithms(record, peers), let test = Significance.difference(left, right)
    else { return nil }
    return Row(
      record: record,
      ratio: Interval(middle: exp(test.middle), low: exp(test.low), high: exp(test.high)),
      probability: test.probability, earlier: old.median, later: record.median)
  }

  /// Whether something became worse, or fails that did not.
  public var isWorse: Bool { !newFailures.isEmpty || significant.contains { $0.standing == .worse } }

  public var significant: [Row] {
    rows.filter { $0.isSignificant && $0.standing != .level }.sorted { $0.probability < $1.probability }
  }

  public var text: String {
    var lines = doubts.map { "not alike: \($0)" }
    lines += newFailures.map { "FAILS  \($0)" }
    let changed = significant
    for row in changed {
      let value = { BenchmarkRow.value($0, row.record.unit) }
      lines.append(
        "\(row.standing.rawValue)  \(row.record.group)/\(row.record.name), \(row.record.subject), \(row.record.metric): "
          + "\(value(row.earlier)) → \(value(row.later)), \(Text.number(row.ratio.middle))× "
          + "(95%: \(BenchmarkRow.text(row.ratio)))")
    }
    lines.append(
      "\(changed.count) of \(rows.count) figures changed significantly: \(changed.filter { $0.standing == .better }.count) "
        + "better, \(changed.filter { $0.standing == .worse }.count) worse (Holm's correction, 95% for all together)")
    let few = rows.isEmpty ? nil : rows.map(\.record.count).min()
    if let few, few < 5 { lines.append("\(few) rounds tell large changes only; --rounds 15 tells small ones") }
    if !newFailures.isEmpty {
      lines.append("\(newFailures.count) \(newFailures.count == 1 ? "case fails" : "cases fail") that did not")
    }
    if !left.isEmpty {
      lines.append("\(left.count) \(left.count == 1 ? "figure" : "figures") cannot be judged:")
    }
    lines += unjudged.map { "  " + $0 }
    return lines.joined(separator: "\n") + "\n"
  }
}

extension BenchmarkResults {
  /// What `--env` gave the candidate, as it was typed.
  fileprivate var variables: String {
    let words = command.split(separator: " ")
    return words.indices.compactMap { index -> Substring? in
      if words[index].hasPrefix("--env=") { return words[index].dropFirst("--env=".count) }
      return index > 0 && words[index - 1] == "--env" ? words[index] : nil
    }.joined(separator: " ")
  }
}

/// A figure that cannot be compared.
private struct Unjudged {
  let record: BenchmarkRecord
  let reason: String
  /// What the two runs have.
  var values = ""

  /// One of the two may be missing.
  init(_ old: BenchmarkRecord?, _ new: BenchmarkRecord?) {
    record = new ?? old!
    guard let old, let new else {
      reason = old == nil ? "only in the later run" : "only in the earlier run"
      return
    }
    func state(_ record: BenchmarkRecord) -> String {
      record.failure ?? record.notRun.map { "not run (\($0))" } ?? BenchmarkRow.value(record.median, record.unit)
    }
    let both = "\(state(old)) before, \(state(new)) after"
    if old.samples.isEmpty || new.samples.isEmpty {
      reason = both
    } else if !(old.samples + new.samples).allSatisfy({ $0 > 0 }) {
      (reason, values) = ("a figure that is not above zero has no ratio", both)
    } else {
      let once = [(old, "earlier"), (new, "later")].filter { $0.0.count < 2 }.map(\.1)
      (reason, values) = ("one round in the \(once.joined(separator: " and the ")) run", both)
    }
  }

  /// A line each, and one for all figures of a case that there is the same to say of, where they are many.
  static func lines(_ list: [Unjudged]) -> [String] {
    var order: [String] = []
    var cases: [String: [Unjudged]] = [:]
    for one in list {
      let key = "\(one.record.group)/\(one.record.name), \(one.record.subject): \(one.reason)"
      if cases[key] == nil { order.append(key) }
      cases[key, default: []].append(one)
    }
    return order.flatMap { key -> [String] in
      let members = cases[key]!
      if members.count > 3 { return ["\(key) (\(members.count) figures)"] }
      return members.map { one in
        "\(one.record.group)/\(one.record.name), \(one.record.subject), \(one.record.metric): \(one.reason)"
          + (one.values.isEmpty ? "" : "; \(one.values)")
      }
    }
  }
}

/// A run's figures, divided by those of peers.
private struct Normalized {
  private struct Key: Hashable {
    var key: BenchmarkRecord.Key
    var subject: String
  }

  private var records: [Key: BenchmarkRecord] = [:]
  private var subjects: [BenchmarkRecord.Key: Set<String>] = [:]

  init(_ results: BenchmarkResults) {
    let peers = results.peers
    for record in results.records {
      records[Key(key: record.key, subject: record.subject)] = record
      if peers.contains(record.subject), !record.samples.isEmpty, record.samples.allSatisfy({ $0 > 0 }) {
        subjects[record.key, default: []].insert(record.subject)
      }
    }
  }

  func record(like other: BenchmarkRecord) -> BenchmarkRecord? { records[Key(key: other.key, subject: other.subject)] }

  func peers(of record: BenchmarkRecord) -> Set<String> {
    (subjects[record.key] ?? []).subtracting([record.subject])
  }

  /// Of each round; nil where a figure is not above zero.
  func logarithms(_ record: BenchmarkRecord, _ peers: Set<String>) -> [Double]? {
    guard record.samples.allSatisfy({ $0 > 0 }) else { return nil }
    let others = peers.compactMap { records[Key(key: record.key, subject: $0)]?.samples }
      .filter { $0.count == record.count }
    return record.samples.indices.map { round in
      log(record.samples[round]) - (others.isEmpty ? 0 : log(Statistics.geometricMean(others.map { $0[round] })))
    }
  }
}
