// SPDX-License-Identifier: Apache-2.0
//
// One row of the report: what the candidate reached in a case, beside what everyone else did.

struct BenchmarkRow {
  /// The candidate's.
  var record: BenchmarkRecord
  /// The others', in the order of the subjects.
  var peers: [BenchmarkRecord]

  /// The rows of a group, in the order they were measured in.
  static func all(_ results: BenchmarkResults, group: String) -> [BenchmarkRow] {
    let candidates = results.candidates
    let others = results.peers.union(candidates)
    var order: [BenchmarkRecord.Key] = []
    var cases: [BenchmarkRecord.Key: [BenchmarkRecord]] = [:]
    for record in results.records where record.group == group && record.isRow {
      if cases[record.key] == nil { order.append(record.key) }
      cases[record.key, default: []].append(record)
    }
    return order.compactMap { key in
      let members = cases[key]!
      guard let own = members.first(where: { candidates.contains($0.subject) }) else { return nil }
      return BenchmarkRow(
        record: own, peers: members.filter { $0.subject != own.subject && others.contains($0.subject) })
    }
  }

  /// nil where nothing can be said: without a peer, and of a single round.
  var standing: Standing? {
    record.toBest.flatMap { $0.ratio.high.isFinite ? Standing($0.ratio, record.direction) : nil }
  }

  /// How many times worse than the best peer; below 1 is better.
  var loss: Double { factor(\.toBest) ?? (record.failure == nil ? 0 : .infinity) }

  /// The ratio to a peer so that below 1 is better, whatever is measured.
  func factor(_ ratio: KeyPath<BenchmarkRecord, PeerRatio?>) -> Double? {
    record[keyPath: ratio].map { record.direction == .higher ? 1 / $0.ratio.middle : $0.ratio.middle }
  }

  /// The same of its interval.
  func interval(_ ratio: KeyPath<BenchmarkRecord, PeerRatio?>) -> Interval {
    guard let interval = record[keyPath: ratio]?.ratio else { return Interval(middle: .nan, low: 0, high: .infinity) }
    guard record.direction == .higher else { return interval }
    return Interval(middle: 1 / interval.middle, low: 1 / interval.high, high: 1 / interval.low)
  }

  var ratio: String { record.toBest.map { Text.number($0.ratio.middle) + "×" } ?? "–" }

  var interval: String { record.toBest.map { Self.text($0.ratio) } ?? "–" }

  static func text(_ interval: Interval) -> String {
    interval.high.isFinite ? "\(Text.number(interval.low)) to \(Text.number(interval.high))" : "one round"
  }

  /// Whether others disturbed more than a fifth of the runs of the row, the peers' included.
  var isDisturbed: Bool {
    let all = [record] + peers
    return all.map(\.disturbed).reduce(0, +) * 5 > all.map(\.count).reduce(0, +)
  }

  /// The median with its unit.
  func value(_ record: BenchmarkRecord) -> String {
    record.failure ?? record.notRun.map { _ in "not run" } ?? Self.value(record.median, record.unit)
  }

  static func value(_ value: Double, _ unit: String) -> String {
    switch unit {
    case "ns": Text.duration(value)
    case "us": Text.duration(value * 1e3)
    case "ms": Text.duration(value * 1e6)
    case "s": Text.duration(value * 1e9)
    default: "\(Text.number(value)) \(unit)"
    }
  }

  /// In one line, with everything that it is judged by.
  var line: String {
    let head = "\(record.group)/\(record.title)"
    if let failure = record.failure { return "\(head): \(failure)" }
    guard let best = record.toBest else { return "\(head): \(value(record))" }
    let peer = peers.first { $0.subject == best.peer }.map { " \(value($0))" } ?? ""
    return "\(head): \(value(record)), \(best.peer)\(peer), \(ratio) (95%: \(interval))"
  }

  // MARK: - Many rows

  static func counts(_ rows: [BenchmarkRow]) -> (better: Int, level: Int, worse: Int, failed: Int) {
    func count(_ standing: Standing) -> Int { rows.filter { $0.standing == standing }.count }
    return (count(.better), count(.level), count(.worse), rows.filter { $0.record.failure != nil }.count)
  }

  static func sentence(_ rows: [BenchmarkRow]) -> String {
    let counts = counts(rows)
    let compared = counts.better + counts.level + counts.worse
    let single = rows.filter { $0.standing == nil && $0.record.toBest != nil }.count
    let once = single > 0 ? " \(single) more \(single == 1 ? "was" : "were") measured in one round only." : ""
    let failed = counts.failed > 0 ? " \(counts.failed) failed." : ""
    let absent = rows.filter { $0.record.notRun != nil }.count
    let left = absent > 0 ? " \(absent) could not be run." : ""
    return "Better than the best peer in \(counts.better) of \(compared) rows, level in \(counts.level), worse in "
      + "\(counts.worse).\(once)\(failed)\(left)"
  }

  /// What fails first, then what loses, the most lost at the top.
  static func lossesFirst(_ rows: [BenchmarkRow]) -> [BenchmarkRow] {
    func rank(_ row: BenchmarkRow) -> Int {
      if row.record.failure != nil { return 0 }
      if row.record.notRun != nil { return 5 }
      switch row.standing {
      case .worse: return 1
      case .level: return 2
      case .better: return 3
      case nil: return 4
      }
    }
    return rows.sorted { (rank($0), -$0.loss) < (rank($1), -$1.loss) }
  }
}

extension BenchmarkResults {
  var rows: [BenchmarkRow] { groups.flatMap { BenchmarkRow.all(self, group: $0) } }

  /// What is judged, in words for a terminal: how many rows are better, level and worse, each that failed and each that
  /// is worse, the most lost first, and what the candidate differs by from itself.
  public var judgement: String {
    let rows = rows
    guard !rows.isEmpty else { return "" }
    var lines = [BenchmarkRow.sentence(rows)]
    let failed = failures.map { "  \($0.text)" }
    if !failed.isEmpty { lines += ["failed:"] + failed }
    let worse = BenchmarkRow.lossesFirst(rows).filter { $0.standing == .worse }
    if !worse.isEmpty { lines += ["worse than the best peer:"] + worse.map { "  \($0.line)" } }
    for (reason, cases) in notRun { lines.append("not run, \(reason): \(cases.joined(separator: ", "))") }
    if let control { lines.append(control.text) }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Every run that failed, whoever's and wherever it is shown: once a subject, case and failure, the candidates'
  /// first.
  var failures: [(record: BenchmarkRecord, text: String)] {
    let candidates = candidates
    var seen = Set<String>()
    let all = records.compactMap { record -> (record: BenchmarkRecord, text: String)? in
      guard let failure = record.failure, seen.insert("\(record.subject)/\(record.name)/\(failure)").inserted else {
        return nil
      }
      // A point of a figure says less than the case does.
      let title = record.isRow ? record.title : "\(record.group)/\(record.name)"
      return (record, "\(record.subject), \(title): \(failure)")
    }
    return all.filter { candidates.contains($0.record.subject) }
      + all.filter { !candidates.contains($0.record.subject) }
  }

  /// What was not run, by reason, in the order of the records.
  var notRun: [(reason: String, cases: [String])] {
    var list: [(reason: String, cases: [String])] = []
    for record in records {
      guard let reason = record.notRun else { continue }
      if !list.contains(where: { $0.reason == reason }) { list.append((reason, [])) }
      let index = list.firstIndex { $0.reason == reason }!
      let name = "\(record.group)/\(record.name)"
      if !list[index].cases.contains(name) { list[index].cases.append(name) }
    }
    return list
  }
}
