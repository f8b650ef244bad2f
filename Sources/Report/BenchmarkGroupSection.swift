// SPDX-License-Identifier: Apache-2.0
//
// One group of the report: bars of ratios, figures, and tables with every number.

struct BenchmarkGroupSection {
  let results: BenchmarkResults
  let group: String

  init(_ results: BenchmarkResults, _ group: String) { (self.results, self.group) = (results, group) }

  private var records: [BenchmarkRecord] { results.records.filter { $0.group == group } }

  var markup: String {
    let records = records
    guard !records.isEmpty else { return "" }
    let rows = BenchmarkRow.lossesFirst(BenchmarkRow.all(results, group: group))
    let figures = records.filter { $0.metric != BenchmarkResults.processorTime }
    let parts = [
      Self.explanations[group].map { Markup.paragraph($0) } ?? "",
      rows.isEmpty ? "" : Markup.paragraph(BenchmarkRow.sentence(rows)), failures, notRun, goals, bars(rows),
      incomparable(rows), drawn(records), tiles(records),
      table("All figures of this group", figures),
      table("Processor time of the runs of this group", records.filter { $0.metric == BenchmarkResults.processorTime }),
      samples(records),
    ]
    return Markup.section(Self.titles[group] ?? group, parts.filter { !$0.isEmpty }.joined(separator: "\n"))
  }

  private static let titles = [
    "malloc": "malloc: speed", "pages": "Pages and runs of pages", "zones": "Zones: items of one type",
    "tokens": "Tokens: locks", "memory": "Memory", "peak": "Peak memory", "color": "Color: where blocks lie",
    "tails": "Tails of malloc and free",
    "start": "Start of a program", "loads": "Real loads",
  ]

  /// What a reader must know to judge the figures.
  private static let explanations = [
    "malloc": """
    Time of one block's malloc and free, or of what a row names, in programs that do little else; real programs notice a part of \
    it.
    """,
    "pages": """
    Anax and the allocators, which are asked for aligned blocks, hand out pages again that are still mapped, and clear them only \
    when asked. mmap and libnuma give fresh pages: a system call for each run, and a page fault for each page that is touched. \
    The ratio to mmap, the usual choice, is the price of going to the kernel; the best peer is an allocator in most rows.
    """,
    "zones": "One item taken, initialised and given back. malloc is the C library's; the others call it below.",
    "tokens": """
    Time of one operation, of all threads together. A token is recursive and is let go where its thread blocks; the others do \
    less. Beside the time of an operation every case has what it took of the processors, Jain's index (1 where every thread had the \
    same share, 1/n where one had all), how long one operation in sixteen waited, and futex calls where they can be counted.
    """,
    "memory": """
    Resident memory as the kernel counts it page by page, less what the process had at its start; of threads, less what threads \
    without an allocator take. The helper thread, which gives memory back in a silent process, is off in the preloaded library \
    unless ANAX_HELPER=1 asks for it: rows say so, and the figure draws Anax both ways.
    """,
    "peak": """
    The most that was ever resident in a run of a case of another group, as the kernel keeps it (VmHWM): the program and its \
    own tables are in it, so the allocators differ by more than the ratio says.
    """,
    "color": """
    Time of one step from the first word of a block to that of another. Where all blocks start at the same offset in their pages, \
    they fight for a few sets of the cache.
    """,
    "tails": """
    Single calls timed by the cycle counter, whose own cost is in each of them. Above a few microseconds they show page faults and \
    the scheduler as much as the allocator.
    """,
    "start": "What a process pays before it does anything.",
    "loads": """
    Real programs, as the system installs them but for python, which is told to take every object from malloc; and small Swift \
    services that this package builds. Each has its allocator preloaded. Peak memory is of the whole program.
    """,
  ]

  // MARK: - Bars

  private var failures: String {
    let all = results.failures.filter { $0.record.group == group }
    guard !all.isEmpty else { return "" }
    return Markup.element("ul", ["class": "warning"], all.map { Markup.text("li", [:], $0.text) }.joined())
  }

  private var notRun: String {
    results.notRun.map { reason, cases in
      let own = cases.filter { $0.hasPrefix("\(group)/") }
      return own.isEmpty ? "" : Markup.paragraph("Not run, \(reason): \(own.joined(separator: ", ")).", "warning")
    }.joined()
  }

  /// A figure each for what is worse, level and better, all on one scale.
  private func bars(_ rows: [BenchmarkRow]) -> String {
    let bars = rows.compactMap { row -> (standing: Standing?, bar: IntervalPlot.Row)? in
      guard let best = row.record.toBest else { return nil }
      var bar = IntervalPlot.Row(
        label: (row.isDisturbed ? "~ " : "") + row.record.title, interval: best.ratio)
      bar.note = "\(row.value(row.record)) · \(Text.number(best.ratio.middle))× \(best.peer)"
      bar.standing = row.standing ?? .level
      bar.marks = Self.marks(row)
      return (row.standing, bar)
    }
    guard let reach = IntervalPlot.reach(bars.map(\.bar), isBars: true) else { return "" }
    let standings: [(Standing?, String)] = [
      (.worse, "Worse than the best peer"), (.level, "Level with the best peer"),
      (.better, "Better than the best peer"),
      (nil, "Measured in one round, which says nothing for sure"),
    ]
    let figures = standings.map { standing, title in
      let part = bars.filter { $0.standing == standing }.map(\.bar)
      return IntervalPlot(
        title: "\(title): \(part.count)", rows: part, scale: .factor(standard: "best peer"), isBars: true, reach: reach
      ).svg
    }
    return Markup.paragraph(
      """
      Bar: the ratio to the best peer of the row, \(meaning(rows)). Line on it: the 95% interval. Dots: the other peers' ratios to it. \
      A bar that is torn, and an arrow instead of a dot, go on beyond the scale. On the right Anax's median, and the ratio to whom.
      """)
      + Markup.element("div", ["class": "maps"], figures.filter { !$0.isEmpty }.joined(separator: "\n"))
  }

  /// The peers beside the best one, each by its ratio to the same figures as Anax's: pairs of the same round.
  static func marks(_ row: BenchmarkRow) -> [(ratio: Double, title: String)] {
    row.peers.compactMap { peer in
      peer.toBest.map { ($0.ratio.middle, "\(peer.subject): \(row.value(peer))") }
    }
  }

  private func meaning(_ rows: [BenchmarkRow]) -> String {
    let directions = Set(rows.filter { $0.record.toBest != nil }.map(\.record.direction))
    if directions == [.higher] { return "right is better" }
    return directions == [.lower] ? "left is better" : "blue is better"
  }

  /// Rows that have no ratio, since something in them is zero or nobody is beside them.
  private func incomparable(_ rows: [BenchmarkRow]) -> String {
    let list = rows.filter { row in
      row.record.toBest == nil && !row.record.samples.isEmpty && row.record.direction != .neither
    }
    guard !list.isEmpty else { return "" }
    return Markup.paragraph("Without a ratio, which needs a peer and figures above zero:")
      + Markup.element(
        "ul", [:],
        list.map { row in
          let others = row.peers.map { "\($0.subject) \(row.value($0))" }.joined(separator: ", ")
          return Markup.text(
            "li", [:], "\(row.record.title): \(row.value(row.record))\(others.isEmpty ? "" : "; \(others)")")
        }.joined())
  }

  // MARK: - Tables

  /// Goals over many rows.
  private var goals: String {
    let goals = results.goals.filter { $0.group == group }
    guard !goals.isEmpty else { return "" }
    return Markup.table(
      ["Goal over several cases", "Figure", "95%", "Bound", "Verdict", "Note"],
      goals.map { goal in
        let interval = goal.figure.map { BenchmarkRow.text($0) } ?? "–"
        return [goal.title, goal.value, interval, goal.bound, goal.verdict.rawValue, goal.note]
      })
      + Markup.paragraph("Verdicts: \(Verdict.legend)")
  }

  /// More lines would make a page that no phone opens.
  static let mostLines = 3000

  private func folded(_ title: String, _ head: [String], _ lines: [[String]]) -> String {
    let left = lines.count - Self.mostLines
    return Markup.details(
      title,
      Markup.table(head, Array(lines.prefix(Self.mostLines)))
        + (left > 0 ? Markup.paragraph("\(left) more lines are in results.json alone.") : ""))
  }

  /// Every case a line, every subject a column.
  private func table(_ title: String, _ records: [BenchmarkRecord]) -> String {
    guard !records.isEmpty else { return "" }
    let names = results.subjects.map(\.name).filter { name in records.contains { $0.subject == name } }
    var order: [BenchmarkRecord.Key] = []
    var cases: [BenchmarkRecord.Key: [String: BenchmarkRecord]] = [:]
    for record in records {
      if cases[record.key] == nil { order.append(record.key) }
      cases[record.key, default: [:]][record.subject] = record
    }
    let candidates = results.candidates
    let lines = order.map { key -> [String] in
      let members = cases[key]!
      let first = members.values.first!
      let own = members.values.first { candidates.contains($0.subject) }
      let figures = names.map { name -> String in
        guard let record = members[name] else { return "" }
        if record.samples.isEmpty { return record.failure ?? record.notRun.map { "not run: \($0)" } ?? "–" }
        let spread =
          record.count == 1 ? "one round" : "\(Text.number(record.minimum))–\(Text.number(record.maximum))"
        return "\(Text.number(record.median)) (\(spread))"
      }
      let ratios = [own?.toBest, own?.toUsual].map { ratio -> String in
        ratio.map { "\(Text.number($0.ratio.middle))× \($0.peer), \(BenchmarkRow.text($0.ratio))" } ?? "–"
      }
      return [first.title, first.unit] + figures + ratios
    }
    return folded(
      "\(title), \(order.count): median (lowest–highest round)",
      ["Case", "Unit"] + names + ["To the best peer, 95%", "To the usual choice, 95%"], lines)
  }

  /// Every sample.
  private func samples(_ records: [BenchmarkRecord]) -> String {
    let lines = records.map { record in
      [
        "\(record.name), \(record.metric)", record.subject, record.unit, "\(record.threads)", "\(record.count)",
        "\(record.disturbed)",
        record.failure ?? record.notRun.map { "not run: \($0)" }
          ?? record.samples.map { Text.number($0, digits: 4) }.joined(separator: " "),
      ]
    }
    return folded(
      "Every sample of this group",
      ["Case, metric", "Subject", "Unit", "Threads", "n", "Disturbed", "Samples, a round each"], lines)
  }
}
