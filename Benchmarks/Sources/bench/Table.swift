// SPDX-License-Identifier: Apache-2.0
//
// The report on the terminal: one line a row, a column a subject; the best figure of a row carries a star. One table
// for the subjects that are compared with each other.

import Harness
import Report

struct Table {
  let subjects: [Subject]
  /// Indices of the subjects that have a column.
  let columns: [Int]
  let candidate: Int?
  /// Show the lowest and the highest round beside each median.
  let spread: Bool
  /// Of the column of titles.
  let titleWidth: Int

  private var subjectWidth: Int { spread ? 22 : 10 }

  func render(_ judgements: [Judgement], _ summaries: [Summary]) -> String {
    var text = heading()
    var stanza = ""
    for judgement in judgements {
      if judgement.row.stanza != stanza {
        stanza = judgement.row.stanza
        text += "\n"
      }
      text += line(judgement) + "\n"
    }
    if !summaries.isEmpty { text += "\ngeometric means\n" }
    for summary in summaries { text += line(summary) + "\n" }
    return text
  }

  private func heading() -> String {
    var line = pad("", titleWidth) + pad("unit", 5)
    for subject in columns { line += padLeft(subjects[subject].name, subjectWidth) }
    if candidate != nil { line += "  " + pad("ratio [95%]", 22) + pad("goal", 26) + "verdict" }
    return line + "\n"
  }

  private func line(_ judgement: Judgement) -> String {
    let row = judgement.row
    var line = pad((judgement.disturbed > 0.2 ? "~" : " ") + row.title, titleWidth) + pad(row.unit, 5)
    let lowest = columns.compactMap { judgement.figures[$0]?.median }.min()
    for subject in columns {
      line += padLeft(cell(judgement, subject, lowest), subjectWidth)
    }
    guard let candidate else { return line }
    var ratio = ""
    if let interval = judgement.ratio(candidate), judgement.best != nil {
      ratio =
        "\(number(interval.middle)) "
        + (interval.high.isFinite ? "[\(number(interval.low)) \(number(interval.high))]" : "[one round]")
    }
    return line + "  " + pad(ratio, 22) + pad(row.goal.text(row.unit), 26) + judgement.verdict.rawValue
  }

  private func cell(_ judgement: Judgement, _ subject: Int, _ lowest: Double?) -> String {
    guard let figure = judgement.figures[subject] else { return judgement.failures[subject] ?? "-" }
    let text = number(figure.median) + (figure.median == lowest ? "*" : " ")
    return spread ? "\(text) (\(number(figure.low))-\(number(figure.high)))" : text
  }

  private func line(_ summary: Summary) -> String {
    var line = pad(" \(summary.name), \(Table.count(summary.rows, "row"))", titleWidth + 5)
    for subject in columns { line += padLeft(summary.means[subject].map(number) ?? "-", subjectWidth - 1) + " " }
    guard candidate != nil else { return line }
    let interval =
      summary.interval.map { $0.high.isFinite ? "[\(number($0.low)) \(number($0.high))]" : "[one round]" } ?? ""
    let goal = summary.bound.map { "≤ \(number($0))" } ?? ""
    return line + "  " + pad(interval, 22) + pad(goal, 26) + summary.verdict.rawValue
  }

  /// A line for each goal over several cases.
  static func goals(_ goals: [GoalOutcome]) -> String {
    guard !goals.isEmpty else { return "" }
    let width = goals.map { $0.title.count }.max()! + 2
    var text =
      pad("goal", width) + padLeft("figure", 12) + "  " + pad("[95%]", 18) + pad("bound", 10) + pad("verdict", 16)
    text += "note\n"
    for goal in goals {
      text += pad(goal.title, width) + padLeft(goal.value, 12) + "  " + pad(goal.interval, 18) + pad(goal.bound, 10)
      text += pad(goal.verdict.rawValue, 16) + goal.note + "\n"
    }
    return text + "\n"
  }

  static func count(_ count: Int, _ word: String) -> String { "\(count) \(word)\(count == 1 ? "" : "s")" }

  /// How many goals are met.
  static func tally(_ judgements: [Judgement], _ summaries: [Summary], _ goals: [GoalOutcome]) -> String {
    let verdicts = judgements.map(\.verdict) + summaries.map(\.verdict) + goals.map(\.verdict)
    let parts = [Verdict.met, .perhapsMissed, .missed, .failed].map { verdict in
      "\(verdict.rawValue) \(verdicts.filter { $0 == verdict }.count)"
    }
    return "goals: " + parts.joined(separator: ", ") + "\n"
  }

  static func legend(_ judgements: [Judgement]) -> String {
    var text = "Medians over the rounds; * the lowest. Lower is better everywhere.\n"
    text += "ratio: to the best peer of the row by the other rounds, geometric mean, with Student's 95% interval.\n"
    text += "\(Verdict.legend)\n"
    let disturbed = judgements.filter { $0.disturbed > 0.2 }.count
    if disturbed > 0 {
      let rows = count(disturbed, "row")
      text += "~ other programs used the machine in over a fifth of the runs of that row (\(rows)).\n"
    }
    return text
  }

  /// With the spread of the rounds, where that is asked for or the terminal has room.
  static func fitting(_ subjects: [Subject], _ columns: [Int], _ candidate: Int?, _ titles: Int, spread: Bool) -> Table
  {
    let width = max(titles, 38)
    let wide = Table(
      subjects: subjects, columns: columns, candidate: candidate, spread: true, titleWidth: width)
    guard !spread, let room = Console.width(), wide.width() > room else { return wide }
    return Table(subjects: subjects, columns: columns, candidate: candidate, spread: false, titleWidth: width)
  }

  private func width() -> Int { titleWidth + 5 + columns.count * subjectWidth + (candidate == nil ? 0 : 62) }
}
