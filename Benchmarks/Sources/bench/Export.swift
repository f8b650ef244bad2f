// SPDX-License-Identifier: Apache-2.0
//
// The report as JSON: the machine, the subjects, every row with all its samples, the summaries.

import Harness

struct Export: Encodable {
  struct SubjectEntry: Encodable {
    let name: String
    let path: String?
    let environment: [String]
  }

  struct Entry: Encodable {
    let section: String
    let title: String
    let cell: String
    let metric: String
    let unit: String
    let goal: String
    let verdict: String
    let best: String?
    let samples: [String: [Double]]
    /// User and system seconds of each run.
    let processorSeconds: [String: [Double]]
    let failures: [String: String]
    let ratio: Double?
    let ratioLow: Double?
    let ratioHigh: Double?
    let disturbedShare: Double
  }

  struct SummaryEntry: Encodable {
    let name: String
    let rows: Int
    let means: [String: Double]
    let bound: Double?
    let low: Double?
    let high: Double?
    let verdict: String
  }

  let machine: [String: String]
  let subjects: [SubjectEntry]
  let rows: [Entry]
  let summaries: [SummaryEntry]

  init(_ samples: BenchSamples, _ judgements: [Judgement], _ summaries: [Summary], candidate: Int?) {
    let names = samples.subjects.map(\.name)
    machine = Machine.facts()
    subjects = samples.subjects.map { SubjectEntry(name: $0.name, path: $0.path, environment: $0.environment) }
    rows = judgements.map { judgement in
      let values = samples.values(judgement.row.cell, judgement.row.metric)
      let ratio = judgement.ratio(candidate)
      return Entry(
        section: judgement.row.section, title: judgement.row.title, cell: judgement.row.cell.name,
        metric: judgement.row.metric, unit: judgement.row.unit, goal: judgement.row.goal.text(judgement.row.unit),
        verdict: judgement.verdict.rawValue, best: judgement.best.map { names[$0] },
        samples: Export.named(names, values),
        processorSeconds: Export.named(names, samples.processorTimes(judgement.row.cell)),
        failures: Export.named(names, judgement.failures), ratio: ratio?.middle,
        ratioLow: ratio?.interval.lowerBound, ratioHigh: ratio?.interval.upperBound,
        disturbedShare: judgement.disturbed)
    }
    self.summaries = summaries.map {
      SummaryEntry(
        name: $0.name, rows: $0.rows, means: Export.named(names, $0.means), bound: $0.bound,
        low: $0.interval?.lowerBound, high: $0.interval?.upperBound, verdict: $0.verdict.rawValue)
    }
  }

  private static func named<Value>(_ names: [String], _ values: [Value?]) -> [String: Value] {
    var table: [String: Value] = [:]
    for (name, value) in zip(names, values) { table[name] = value }
    return table
  }
}
