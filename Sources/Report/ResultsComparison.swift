// SPDX-License-Identifier: Apache-2.0
//
// Two runs of the benchmark, one after a change: what became significantly faster or slower. The machine may have been at
// another pace, so a subject's figures are first divided, round by round, by those of the peers that both runs have.

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
  /// Cases that only one of the runs has, or in which a run failed, a line each.
  public private(set) var unmatched: [String] = []
  /// What speaks against comparing the two, a line each.
  public private(set) var doubts: [String] = []

  /// `subjects`: those to compare; empty is the candidates.
  public init(_ earlier: BenchmarkResults, _ later: BenchmarkResults, subjects: Set<String> = []) {
    doubts = later.machine.fingerprint.differences(from: earlier.machine.fingerprint)
    if earlier.machine.libc != later.machine.libc {
      doubts.append("C library \(earlier.machine.libc), then \(later.machine.libc)")
    }
    for run in [earlier, later] where run.isInterrupted { doubts.append("the run of \(run.date) was interrupted") }
    let wanted = subjects.isEmpty ? earlier.candidates.union(later.candidates) : subjects
    let before = Normalized(earlier)
    let after = Normalized(later)
    for record in later.records where wanted.contains(record.subject) && record.direction != .neither {
      guard let old = before.record(like: record) else {
        unmatched.append("\(record.group)/\(record.name), \(record.metric): only in the later run")
        continue
      }
      guard record.failure == nil, old.failure == nil else {
        unmatched.append(
          "\(record.group)/\(record.name): \(old.failure ?? "well") before, \(record.failure ?? "well") after")
        continue
      }
      let peers = before.peers(of: record).intersection(after.peers(of: record))
      guard let left = before.logarithms(old, peers), let right = after.logarithms(record, peers) else { continue }
      guard let test = Significance.difference(left, right) else { continue }
      rows.append(
        Row(
          record: record,
          ratio: Interval(middle: exp(test.middle), low: exp(test.low), high: exp(test.high)),
          probability: test.probability, earlier: old.median, later: record.median))
    }
    for record in earlier.records where wanted.contains(record.subject) && record.direction != .neither {
      if after.record(like: record) == nil {
        unmatched.append("\(record.group)/\(record.name), \(record.metric): only in the earlier run")
      }
    }
    for index in Significance.holm(rows.map(\.probability)) { rows[index].isSignificant = true }
  }

  public var significant: [Row] {
    rows.filter { $0.isSignificant && $0.standing != .level }.sorted { $0.probability < $1.probability }
  }

  public var text: String {
    var lines = doubts.map { "not alike: \($0)" }
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
    if !unmatched.isEmpty { lines.append("\(unmatched.count) figures are not in both:") }
    lines += unmatched.prefix(20).map { "  " + $0 }
    if unmatched.count > 20 { lines.append("  and \(unmatched.count - 20) more") }
    return lines.joined(separator: "\n") + "\n"
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
    let peers = Set(results.subjects.lazy.filter { !$0.isCandidate && !$0.isVariant }.map(\.name))
    for record in results.records {
      records[Key(key: record.key, subject: record.subject)] = record
      if peers.contains(record.subject), record.failure == nil, record.samples.allSatisfy({ $0 > 0 }) {
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
