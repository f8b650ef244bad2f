// SPDX-License-Identifier: Apache-2.0
//
// The results of the benchmark as one page: no script, nothing from the network, figures as SVG, and every sample in a
// table.
// Well-formed XML. What loses comes first, in every group.

import Anax

package struct BenchmarkPage {
  package let results: BenchmarkResults

  package init(_ results: BenchmarkResults) { self.results = results }

  package var html: String {
    Markup.page(
      title: "Anax benchmark, \(results.date)",
      [header, Markup.section("Where it loses", losses), overview, Markup.section("Anax against itself", control)]
        + results.groups.map { BenchmarkGroupSection(results, $0).markup }
        + [
          Markup.section("Machine and subjects", machine), Markup.section("How this was measured", method),
        ])
  }

  // MARK: - The start

  private var rows: [BenchmarkRow] { results.rows }

  private var header: String {
    let rows = rows
    let control =
      results.control == nil
      ? "Whether two runs of the same library stay within that was not measured in this run (--control does)."
      : "What two runs of the same library differ by stands below."
    var parts = [
      Markup.paragraph("Anax benchmark · \(results.date)", "eyebrow"),
      Markup.text("h1", [:], rows.isEmpty ? "Nothing was compared" : BenchmarkRow.sentence(rows)),
      Markup.paragraph(
        """
        Each row is compared with the peer that is best in it: a different one from row to row. A row is better or worse where \
        the 95% interval of the ratio leaves no doubt and the difference is above \
        \(Text.percent(Standing.worthwhile)); else it is level. \(control)
        """),
    ]
    if results.isInterrupted {
      parts.append(Markup.paragraph("This run was interrupted: what was measured until then is here.", "warning"))
    }
    if let rounds = rows.map(\.record.count).max(), rounds < 3 {
      parts.append(
        Markup.paragraph("\(rounds == 1 ? "One round tells" : "Two rounds tell") next to nothing for sure.", "warning"))
    }
    let failed = results.failures
    if !failed.isEmpty {
      parts.append(
        Markup.element(
          "ul", ["class": "warning"], failed.map { Markup.text("li", [:], "Failed: \($0.text)") }.joined()))
    }
    for (reason, cases) in results.notRun {
      parts.append(Markup.paragraph("Not run, \(reason): \(cases.joined(separator: ", ")).", "warning"))
    }
    if let dirty = disturbance { parts.append(Markup.paragraph(dirty, "warning")) }
    parts.append(
      Markup.definitions([
        ("Processor", results.machine.fingerprint.processor),
        (
          "CPUs",
          "\(results.machine.fingerprint.cpus)"
            + (results.machine.fingerprint.hypervisor.map { ", on \($0)" } ?? ", bare metal")
        ),
        ("Measured for", Text.clock(results.duration)),
        ("Commit", results.commit ?? "unknown"),
      ]))
    return Markup.element(
      "header", ["class": results.isInterrupted || !failed.isEmpty ? "unfinished" : "chosen"],
      parts.joined(separator: "\n"))
  }

  /// nil where it is not worth a word.
  private var disturbance: String? {
    let runs = results.records.filter(\.isRow).map(\.count).reduce(0, +)
    let disturbed = results.records.filter(\.isRow).map(\.disturbed).reduce(0, +)
    guard runs > 0, Double(disturbed) > 0.1 * Double(runs) else { return nil }
    return
      "\(Text.percent(Double(disturbed) / Double(runs))) of the runs were disturbed by others on this machine; read along a row, not down a column."
  }

  private var losses: String {
    let worse = BenchmarkRow.lossesFirst(rows).filter { $0.standing == .worse }
    guard !worse.isEmpty else {
      return rows.isEmpty ? "" : Markup.paragraph("In no row of this run is the best peer better beyond doubt.")
    }
    return Markup.table(
      ["Row", "Ratio", "Anax", "Best peer", "Its figure", "95%", "Group"],
      worse.map { row in
        let best = row.peers.first { $0.subject == row.record.toBest?.peer }
        return [
          row.record.title, row.ratio, row.value(row.record), best?.subject ?? "–",
          best.map(row.value) ?? "–", row.interval, row.record.group,
        ]
      })
  }

  private var overview: String {
    let lines = results.groups.compactMap { group -> [String]? in
      let rows = BenchmarkRow.all(results, group: group).filter { $0.record.toBest != nil }
      guard !rows.isEmpty else { return nil }
      let counts = BenchmarkRow.counts(rows)
      let best = Statistics.geometricMean(rows.map { $0.factor(\.toBest) ?? .nan })
      let usual = rows.compactMap { $0.factor(\.toUsual) }
      let name = Set(rows.compactMap { $0.record.toUsual?.peer })
      return [
        group, Text.number(best) + "×", "\(rows.count)", "\(counts.better)", "\(counts.level)", "\(counts.worse)",
        usual.isEmpty
          ? "–" : "\(Text.number(Statistics.geometricMean(usual)))× \(name.sorted().joined(separator: ", "))",
      ]
    }
    guard !lines.isEmpty else { return "" }
    return Markup.section(
      "Groups",
      Markup.table(["Group", "To the best peer", "Rows", "Better", "Level", "Worse", "To the usual choice"], lines)
        + Markup.paragraph(
          """
          The ratios are geometric means over the rows of a group; below 1 is better whatever is measured. The best peer \
          of each row is a harder mark than any one of them.
          """))
  }

  private var control: String {
    guard let control = results.control else { return "" }
    let lines = results.rows.compactMap { row -> [String]? in
      guard let own = row.record.toControl else { return nil }
      let standing = own.ratio.high.isFinite ? Standing(own.ratio, row.record.direction).rawValue : "one round"
      return [
        row.record.title, Text.number(own.ratio.middle, digits: 4) + "×", BenchmarkRow.text(own.ratio), standing,
        row.record.group,
      ]
    }
    return Markup.paragraph(control.text)
      + Markup.details(
        "Its ratio to itself in every row",
        Markup.table(["Row", "Ratio", "95%", "Would be called", "Group"], lines))
  }

  // MARK: - The end

  private var machine: String {
    Markup.element(
      "div", ["class": "facts"],
      Markup.table(["Fact", "Of this machine"], results.machine.rows.map { [$0.label, $0.value] })
        + Markup.table(["Subject", "What it is"], results.subjects.map { [$0.name, $0.about] }))
  }

  private var method: String {
    let notes =
      results.notes.isEmpty
      ? "" : Markup.element("ul", [:], results.notes.map { Markup.text("li", [:], $0) }.joined())
    return Markup.paragraph("Made by: \(results.command). Seed \(results.seed).")
      + Markup.paragraph(
        """
        Every run of a case is a process of its own. In a round every case comes once, and in it every subject, another one first \
        each time; cases that sleep run side by side. Figures are medians over the rounds, with the lowest and the highest round. A \
        ratio is of two runs of the same round, and the best peer of a round is the one that is best in all others; shown is the \
        geometric mean of the rounds' ratios with Student's 95% interval of their logarithms. Intervals are not corrected for their \
        number: of a hundred rows without any difference about five leave out 1. A run that other programs or the hypervisor \
        disturbed is taken again, at most twice, then kept; ~ marks rows in which more than a fifth of all subjects' runs were.
        """) + notes
  }
}

extension BenchmarkResults {
  /// Writes `results.json`, `index.html` and, where anything was compared, `picture.svg` into a folder that is made
  /// where it is not there; the paths.
  @discardableResult
  public func write(to folder: String) throws(OutputError) -> [String] {
    try OutputFile.makeFolder(folder)
    var paths = [
      try OutputFile.write(json, "results.json", in: folder),
      try OutputFile.write(BenchmarkPage(self).html, "index.html", in: folder),
    ]
    if let picture = BenchmarkPicture(self).svg {
      paths.append(try OutputFile.write(picture, "picture.svg", in: folder))
    }
    return paths
  }
}
