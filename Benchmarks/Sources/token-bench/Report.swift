// SPDX-License-Identifier: Apache-2.0
//
// The report on the terminal: a block for each cell with a line for each subject, then the judged cells beside the best
// peer, then the goals.

import Harness
import Report

struct Report {
  let samples: TokenSamples
  let cells: [TokenCell]
  let futexes: [TokenCell: [Double?]]
  let judge: Judge

  func render() -> String {
    var text = ""
    for cell in cells where samples.rounds[cell] != nil { text += block(cell) + "\n" }
    text += means() + comparisons() + goals() + legend()
    return text
  }

  // MARK: - Cells

  private struct Column {
    let title: String
    let width: Int
    let metric: String
    var scale = 1.0
    /// The lowest and the highest round beside the median.
    var spread = false
  }

  private static let contention: [Column] =
    [
      Column(title: "kop/s (lowest-highest)", width: 27, metric: "kops", spread: true),
      Column(title: "cpu ns/op", width: 11, metric: "cpu_ns"),
    ] + waits("wait", "")
    + [
      Column(title: "Jain", width: 7, metric: "jain"),
      Column(title: "vol/kop", width: 9, metric: "voluntary_per_kop"),
      Column(title: "invol/kop", width: 10, metric: "involuntary_per_kop"),
    ]

  private static func waits(_ metric: String, _ prefix: String) -> [Column] {
    [
      Column(title: "\(prefix)p50 us", width: 9 + prefix.count, metric: "\(metric)_p50_ns", scale: 1e-3),
      Column(title: "p99", width: 8, metric: "\(metric)_p99_ns", scale: 1e-3),
      Column(title: "p99.9", width: 8, metric: "\(metric)_p999_ns", scale: 1e-3),
      Column(title: "p99.99", width: 8, metric: "\(metric)_p9999_ns", scale: 1e-3),
      Column(title: "longest", width: 9, metric: "\(metric)_max_ns", scale: 1e-3),
    ]
  }

  private static let pair = [
    Column(title: "ns (lowest-highest)", width: 24, metric: "ns", spread: true),
    Column(title: "shared ns", width: 24, metric: "shared_ns", spread: true),
  ]

  private func columns(_ cell: TokenCell) -> [Column] {
    if cell.kind == .pair { return Report.pair }
    return Report.contention + (cell.shared > 0 ? Report.waits("shared_wait", "shared ") : [])
  }

  private func block(_ cell: TokenCell) -> String {
    let columns = columns(cell)
    let disturbed = samples.disturbed(cell) > 0.2 ? "~ " : ""
    var text = pad(disturbed + cell.name, 0) + "\n" + pad("", 10)
    for column in columns { text += padLeft(column.title, column.width) }
    let counted = futexes[cell]
    if counted != nil { text += padLeft("futex/kop", 11) }
    text += "\n"
    for (index, subject) in samples.subjects.enumerated() where subject.parts.contains(cell.part) {
      text += "  " + pad(subject.name, 8)
      if let failure = samples.failure(cell, index) {
        text += padLeft(failure, columns[0].width) + "\n"
        continue
      }
      for column in columns {
        text += padLeft(figure(samples.values(cell, column.metric)[index], column), column.width)
      }
      if let counted { text += padLeft(counted[index].map(number) ?? "n/a", 11) }
      text += "\n"
    }
    return text
  }

  private func figure(_ values: [Double]?, _ column: Column) -> String {
    guard let values, let low = values.min(), let high = values.max() else { return "-" }
    let text = number(Statistics.median(values) * column.scale)
    guard column.spread else { return text }
    return "\(text) (\(number(low * column.scale))-\(number(high * column.scale)))"
  }

  // MARK: - What is judged

  private func means() -> String {
    let measured = judge.means.enumerated().compactMap { index, mean in mean.map { (samples.subjects[index].name, $0) }
    }
    guard !measured.isEmpty else { return "" }
    let list = measured.sorted { $0.1 > $1.1 }.map { "\($0.0) \(number($0.1))" }.joined(separator: ", ")
    return "geometric means of throughput over the judged cells, kop/s: \(list)\n"
  }

  /// The cells in which the candidate is behind.
  private func comparisons() -> String {
    let behind = judge.comparisons().filter { $0.ratio < 1 }
    guard let best = judge.best, !behind.isEmpty else { return "" }
    var text = "\ncells in which \(samples.subjects[best].name) is ahead, \(Subject.candidate)'s throughput to its:\n"
    for comparison in behind {
      text += padLeft(number(comparison.ratio), 7) + "  " + comparison.cell.name + "\n"
    }
    return text
  }

  private func goals() -> String {
    let judgements = judge.judgements()
    guard !judgements.isEmpty else { return "" }
    var text = "\n" + pad("goal", 62) + padLeft("figure", 9) + "  " + pad("[95%]", 18) + pad("bound", 11)
    text += pad("verdict", 12) + "note\n"
    for judgement in judgements {
      let interval = judgement.figure.map { "[\(number($0.interval.lowerBound)) \(number($0.interval.upperBound))]" }
      text += pad(judgement.goal.title, 62) + padLeft(judgement.figure.map { number($0.middle) } ?? "-", 9) + "  "
      text += pad(interval ?? "", 18) + pad(judgement.goal.bound.text(judgement.unit), 11)
      text += pad(judgement.verdict.rawValue, 12) + judgement.note + "\n"
    }
    let parts = [Verdict.met, .metWithinNoise, .missed, .failed].map { verdict in
      "\(verdict.rawValue) \(judgements.filter { $0.verdict == verdict }.count)"
    }
    return text + "goals: " + parts.joined(separator: ", ") + "\n"
  }

  private func legend() -> String {
    var text =
      "\nMedians over the rounds. Waits of one operation in 16, in the cells of 2 s of each; vol, invol, futex:\n"
    text += "switches and futex calls in a thousand operations. cpu: user and system time of the process.\n"
    let disturbed = cells.filter { samples.disturbed($0) > 0.2 }.count
    if disturbed > 0 {
      text += "~ other programs used the machine in over a fifth of the runs of that cell (\(disturbed) cells).\n"
    }
    return text
  }
}
