// SPDX-License-Identifier: Apache-2.0
//
// The report as JSON: the machine, every cell with all its samples, the goals.

import Harness
import Report

struct Export: Encodable {
  struct Entry: Encodable {
    let subject: String
    /// Of each metric, a figure a round.
    let metrics: [String: [Double]]
    let disturbed: [Bool]
    let futexPerKop: Double?
    let failure: String?
  }

  struct CellEntry: Encodable {
    let name: String
    let threads: Int
    let section: Double
    let think: Double
    let shared: Int
    let hog: Bool
    let judged: Bool
    let subjects: [Entry]
  }

  struct GoalEntry: Encodable {
    let title: String
    let bound: String
    let figure: Double?
    let low: Double?
    let high: Double?
    let unit: String
    let verdict: String
    let note: String
  }

  struct ComparisonEntry: Encodable {
    let cell: String
    let ratio: Double
    let probability: Double
  }

  let machine: [String: String]
  let nanosecondsPerStep: Double
  let cells: [CellEntry]
  let means: [String: Double]
  let comparisons: [ComparisonEntry]
  let goals: [GoalEntry]

  init(_ report: Report, step: Double) {
    let samples = report.samples
    machine = Dictionary(uniqueKeysWithValues: MachineDescription.current().rows.map { ($0.label, $0.value) })
    nanosecondsPerStep = step
    cells = report.cells.filter { samples.rounds[$0] != nil }.map { cell in
      CellEntry(
        name: cell.name, threads: cell.threads, section: cell.section, think: cell.thinkTime, shared: cell.shared,
        hog: cell.hog, judged: TokenCells.judged.contains(cell),
        subjects: samples.subjects.indices.filter { samples.subjects[$0].parts.contains(cell.part) }.map {
          Export.entry(report, cell, $0)
        })
    }
    var means: [String: Double] = [:]
    for (subject, mean) in zip(samples.subjects, report.judge.means) { means[subject.name] = mean }
    self.means = means
    comparisons = report.judge.comparisons().map {
      ComparisonEntry(cell: $0.cell.name, ratio: $0.ratio, probability: $0.probability)
    }
    goals = report.judge.judgements().map {
      GoalEntry(
        title: $0.goal.title, bound: $0.goal.bound.text($0.unit), figure: $0.figure?.middle,
        low: $0.figure?.interval.lowerBound, high: $0.figure?.interval.upperBound, unit: $0.unit,
        verdict: $0.verdict.rawValue, note: $0.note)
    }
  }

  private static func entry(_ report: Report, _ cell: TokenCell, _ subject: Int) -> Entry {
    let outcomes = (report.samples.rounds[cell] ?? []).map { $0[subject] }
    var metrics: [String: [Double]] = [:]
    for name in outcomes.first?.metrics.keys.sorted() ?? [] { metrics[name] = outcomes.compactMap { $0.metrics[name] } }
    return Entry(
      subject: report.samples.subjects[subject].name, metrics: metrics, disturbed: outcomes.map(\.disturbed),
      futexPerKop: report.futexes[cell]?[subject], failure: report.samples.failure(cell, subject))
  }
}
