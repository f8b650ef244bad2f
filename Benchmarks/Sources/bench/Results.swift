// SPDX-License-Identifier: Apache-2.0
//
// From samples to the records that the report is made of.

import Harness
import Report

extension BenchmarkResults {
  init(
    _ samples: BenchSamples, _ rows: [Row], futexes: [Cell: [Double?]], goals: [GoalOutcome],
    _ facts: (command: String, commit: String?, seed: UInt64, scale: Double, duration: Double),
    interrupted: Bool, notes: [String]
  ) {
    var records: [BenchmarkRecord] = []
    var shown = Set<String>()
    for row in rows where samples.rounds[row.cell] != nil {
      // A point of a figure that is a row of the table as well is one record.
      guard shown.insert("\(row.cell.group)/\(row.cell.name)/\(row.metric)").inserted else { continue }
      records += BenchmarkResults.records(row, samples)
    }
    for cell in samples.rounds.keys.sorted(by: { ($0.group, $0.name) < ($1.group, $1.name) }) {
      if cell.footprint {
        records += BenchmarkResults.measured(
          cell, "peak_kib", "KiB", title: "\(cell.group)/\(cell.name)", samples, group: "peak", direction: .lower)
      }
      // The grid has it of each operation.
      if cell.isGrid { continue }
      if let counts = futexes[cell] { records += BenchmarkResults.counted(cell, counts, samples) }
      records += BenchmarkResults.measured(
        cell, BenchmarkResults.processorTime, "ms", title: "processor time of \(cell.name)", samples,
        group: cell.group, direction: .neither)
    }
    self.init(
      date: OutputFile.date(), command: facts.command, commit: facts.commit, seed: facts.seed, scale: facts.scale,
      duration: facts.duration, isInterrupted: interrupted, machine: .current(),
      subjects: samples.subjects.map {
        .init(
          name: $0.name, about: $0.about, isCandidate: $0.isCandidate, isVariant: $0.isVariant,
          isControl: $0.isControl)
      }, groups: Cell.reportGroups.filter { group in records.contains { $0.group == group } }, notes: notes,
      goals: goals, records: records)
  }

  private static func records(_ row: Row, _ samples: BenchSamples) -> [BenchmarkRecord] {
    let values = samples.values(row.cell, row.metric)
    return samples.subjects.indices.compactMap { index in
      // A line of its own beside that of the same subject: whoever is not judged has but the one.
      if let place = row.place, !place.series.isEmpty, !samples.subjects[index].isJudgedLibrary { return nil }
      guard !samples.isAbsent(row.cell, index) else { return nil }
      let failure = samples.failure(row.cell, index)
      let notRun = samples.notRun(row.cell, index)
      // One figure of a run can be missing where the run itself went well.
      guard let list = values[index] else {
        guard failure != nil || notRun != nil || !row.isAside else { return nil }
        return record(row, samples, index, [], notRun == nil ? failure ?? "not measured" : nil, notRun)
      }
      return record(row, samples, index, list, nil, nil)
    }
  }

  private static func record(
    _ row: Row, _ samples: BenchSamples, _ index: Int, _ values: [Double], _ failure: String?, _ notRun: String?
  ) -> BenchmarkRecord {
    BenchmarkRecord(
      group: row.cell.group, name: row.cell.name, title: row.title, subject: samples.subjects[index].name,
      metric: row.metric, unit: row.unit, direction: row.isNeutral ? .neither : .lower, samples: values,
      threads: row.cell.threadCount, isRow: !row.isPoint && !row.isNeutral, place: row.place, tile: row.tile,
      failure: failure, notRun: notRun, disturbed: disturbed(row.cell, samples, index))
  }

  private static func disturbed(_ cell: Cell, _ samples: BenchSamples, _ index: Int) -> Int {
    (samples.rounds[cell] ?? []).filter { $0[index].disturbed }.count
  }

  /// One count a subject, of a run of its own.
  private static func counted(_ cell: Cell, _ counts: [Double?], _ samples: BenchSamples) -> [BenchmarkRecord] {
    samples.subjects.indices.compactMap { index in
      counts[index].map { count in
        BenchmarkRecord(
          group: cell.group, name: cell.name, title: "\(cell.name): futex calls", subject: samples.subjects[index].name,
          metric: "futex_per_kop", unit: "of 1000", direction: .neither, samples: [count], threads: cell.threadCount,
          isRow: false)
      }
    }
  }

  /// What every run tells beside what its case is about; of those that told it. Failures stand in the case's own rows.
  private static func measured(
    _ cell: Cell, _ metric: String, _ unit: String, title: String, _ samples: BenchSamples, group: String,
    direction: BenchmarkRecord.Direction
  ) -> [BenchmarkRecord] {
    let values = samples.values(cell, metric)
    return samples.subjects.indices.compactMap { index in
      values[index].map { list in
        BenchmarkRecord(
          group: group, name: cell.name, title: title, subject: samples.subjects[index].name, metric: metric,
          unit: unit, direction: direction, samples: list, threads: cell.threadCount, isRow: direction != .neither,
          disturbed: disturbed(cell, samples, index))
      }
    }
  }
}
