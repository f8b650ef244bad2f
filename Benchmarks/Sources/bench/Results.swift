// SPDX-License-Identifier: Apache-2.0
//
// From samples to the records that the report is made of.

import Harness
import Report

extension BenchmarkResults {
  init(
    _ samples: BenchSamples, _ rows: [Row], _ facts: (command: String, commit: String?, seed: UInt64, duration: Double),
    interrupted: Bool, notes: [String]
  ) {
    var records: [BenchmarkRecord] = []
    var shown = Set<String>()
    for row in rows where samples.rounds[row.cell] != nil {
      // A point of a figure that is a row of the table as well is one record.
      guard shown.insert("\(row.cell.group)/\(row.cell.name)/\(row.metric)").inserted else { continue }
      records += BenchmarkResults.records(row, samples)
    }
    for cell in samples.rounds.keys.filter(\.footprint).sorted(by: { $0.name < $1.name }) {
      let row = Row(
        section: "memory", title: "peak memory of \(cell.group)/\(cell.name)", cell: cell, metric: "peak_kib",
        unit: "KiB", isAside: true)
      records += BenchmarkResults.records(row, samples).map { record in
        var record = record
        record.group = "memory"
        return record
      }
    }
    self.init(
      date: OutputFile.date(), command: facts.command, commit: facts.commit, seed: facts.seed,
      duration: facts.duration, isInterrupted: interrupted, machine: .current(),
      subjects: samples.subjects.map {
        .init(name: $0.name, about: $0.about, isCandidate: $0.isCandidate, isVariant: $0.isVariant)
      }, groups: Cell.allGroups.filter { group in records.contains { $0.group == group } }, notes: notes,
      records: records)
  }

  private static func records(_ row: Row, _ samples: BenchSamples) -> [BenchmarkRecord] {
    let values = samples.values(row.cell, row.metric)
    return samples.subjects.indices.compactMap { index in
      let failure = samples.failure(row.cell, index)
      guard failure != Session.absent else { return nil }
      // One figure of a run can be missing where the run itself went well.
      guard let list = values[index] else {
        guard failure != nil || !row.isAside else { return nil }
        return record(row, samples, index, [], failure ?? "not measured")
      }
      return record(row, samples, index, list, nil)
    }
  }

  private static func record(
    _ row: Row, _ samples: BenchSamples, _ index: Int, _ values: [Double], _ failure: String?
  ) -> BenchmarkRecord {
    BenchmarkRecord(
      group: row.cell.group, name: row.cell.name, title: row.title, subject: samples.subjects[index].name,
      metric: row.metric, unit: row.unit, direction: row.isNeutral ? .neither : .lower, samples: values,
      threads: row.cell.threads, isRow: !row.isAside && !row.isNeutral, place: row.place, failure: failure,
      disturbed: (samples.rounds[row.cell] ?? []).filter { $0[index].disturbed }.count)
  }
}
