// SPDX-License-Identifier: Apache-2.0
//
// The report on the terminal: one line a row, a column a subject; the best figure of a row carries a star.

import Harness

struct Table {
  let subjects: [Subject]
  let candidate: Int?
  /// Show the lowest and the highest round beside each median.
  let spread: Bool

  private var subjectWidth: Int { spread ? 22 : 10 }

  func render(_ judgements: [Judgement], _ summaries: [Summary]) -> String {
    var text = heading()
    var section = ""
    for judgement in judgements {
      if judgement.row.section != section {
        section = judgement.row.section
        text += "\n"
      }
      text += line(judgement) + "\n"
    }
    text += "\n" + pad("geometric means", 38)
    text += "\n"
    for summary in summaries { text += line(summary) + "\n" }
    if candidate != nil { text += "\n" + tally(judgements, summaries) }
    text += "\n" + legend(judgements)
    return text
  }

  private func heading() -> String {
    var line = pad("", 38) + pad("unit", 5)
    for subject in subjects { line += padLeft(subject.name, subjectWidth) }
    if candidate != nil { line += "  " + pad("ratio [95%]", 22) + pad("goal", 26) + "verdict" }
    return line + "\n"
  }

  private func line(_ judgement: Judgement) -> String {
    let row = judgement.row
    var line = pad((judgement.disturbed > 0.2 ? "~" : " ") + row.title, 38) + pad(row.unit, 5)
    let lowest = judgement.figures.compactMap { $0?.median }.min()
    for subject in subjects.indices {
      line += padLeft(cell(judgement, subject, lowest), subjectWidth)
    }
    guard let candidate else { return line }
    var ratio = ""
    if let (middle, interval) = judgement.ratio(candidate), judgement.best != nil {
      ratio = "\(number(middle)) [\(number(interval.lowerBound)) \(number(interval.upperBound))]"
    }
    return line + "  " + pad(ratio, 22) + pad(row.goal.text(row.unit), 26) + judgement.verdict.rawValue
  }

  private func cell(_ judgement: Judgement, _ subject: Int, _ lowest: Double?) -> String {
    guard let figure = judgement.figures[subject] else { return judgement.failures[subject] ?? "-" }
    let text = number(figure.median) + (figure.median == lowest ? "*" : " ")
    return spread ? "\(text) (\(number(figure.low))-\(number(figure.high)))" : text
  }

  private func line(_ summary: Summary) -> String {
    var line = pad(" \(summary.name), \(summary.rows) rows", 43)
    for mean in summary.means { line += padLeft(mean.map(number) ?? "-", subjectWidth - 1) + " " }
    guard candidate != nil else { return line }
    let interval = summary.interval.map { "[\(number($0.lowerBound)) \(number($0.upperBound))]" } ?? ""
    let goal = summary.bound.map { "≤ \(number($0))" } ?? ""
    return line + "  " + pad(interval, 22) + pad(goal, 26) + summary.verdict.rawValue
  }

  /// How many goals are met, and which are not.
  private func tally(_ judgements: [Judgement], _ summaries: [Summary]) -> String {
    let verdicts = judgements.map(\.verdict) + summaries.map(\.verdict)
    let parts = [Verdict.met, .metWithinNoise, .missed, .failed].map { verdict in
      "\(verdict.rawValue) \(verdicts.filter { $0 == verdict }.count)"
    }
    return "goals: " + parts.joined(separator: ", ") + "\n"
  }

  private func legend(_ judgements: [Judgement]) -> String {
    var text = "Medians over the rounds; * the lowest. Lower is better everywhere.\n"
    if candidate != nil {
      text += "ratio: to the best peer of the row, median of paired rounds, with its 95% bootstrap interval.\n"
    }
    let disturbed = judgements.filter { $0.disturbed > 0.2 }.count
    if disturbed > 0 {
      text += "~ other programs used the machine in over a fifth of the runs of that row (\(disturbed) rows).\n"
    }
    return text
  }

  func width() -> Int { 43 + subjects.count * subjectWidth + (candidate == nil ? 0 : 62) }
}
