// SPDX-License-Identifier: Apache-2.0
//
// The report as one page: no script, nothing from the network, figures as SVG, and every reading in a table. It is
// well-formed XML, so that a test can read it back.

import Anax
import Machine
import Report

package struct Page {
  package let report: TuningReport
  private var plan: Plan { report.plan }
  private var record: Record { report.record }

  package init(_ report: TuningReport) { self.report = report }

  package var html: String {
    let body = [
      verdict, Markup.section("Evidence", evidence), Markup.section("Machine", machine),
      Markup.section("Computed from the waits", computed),
      Markup.section("Workloads", workloads), Markup.section("How this was measured", method),
      Markup.section("Every reading", readings),
    ]
    return Markup.page(title: "Token tuning: \(report.verdict)", body)
  }

  // MARK: The verdict

  private var verdict: String {
    let kind =
      switch record.outcome {
      case .chosen: "chosen"
      case .keepDefault: "kept"
      case .unfinished: "unfinished"
      }
    var parts = [
      Markup.paragraph("Token tuning · \(report.date)", "eyebrow"), Markup.text("h1", [:], report.verdict),
      Markup.paragraph(report.reason),
    ]
    if let warning = report.warning { parts.append(Markup.paragraph(warning, "warning")) }
    if case .chosen(let index) = record.outcome {
      let variables = plan.candidates[index].values.compactMap { Tunables.entry("\($0.tunable.row.name)")?.variable }
      parts.append(
        Markup.text(
          "pre", [:],
          """
          ANAX_PROFILE=anax-profile.json PROGRAM
          \(zip(variables, plan.candidates[index].values).map { "\($0)=\($1.value)" }.joined(separator: " ")) PROGRAM
          """))
    }
    parts.append(
      Markup.definitions([
        ("Processor", report.machine.processor),
        ("CPUs", "\(report.machine.cpus)" + (report.machine.hypervisor.map { ", on \($0)" } ?? ", bare metal")),
        ("One pause", Text.duration(report.costs.pause.middle)),
        ("Cells", "\(record.samples.count) in \(Text.clock(record.duration))"),
      ]))
    return Markup.element("header", ["class": kind], parts.joined(separator: "\n"))
  }

  // MARK: Evidence

  private var evidence: String {
    var parts: [String] = []
    if let winner = record.winner { parts.append(plot(winner)) }
    let rows = report.finalists.map { row("\(plan.candidates[$0.candidate].name)", $0) }
    if rows.isEmpty {
      parts.append(Markup.paragraph("No candidate has come to the finals."))
    } else {
      parts.append(
        Markup.paragraph(
          "The finals, relative to the default of \(plan.candidates[0].name): geometric means over the workloads, with the "
            + "95% interval of the throughput."))
      parts.append(
        Markup.table(
          [
            "Candidate", "Throughput", "95%", "CPU / operation", "p99.9 of the wait", "Least fair", "Rounds",
            "Guard rails",
          ],
          rows))
      let broken = report.finalists.flatMap { finalist in
        finalist.violations(record.rails, plan.workloads).map { "\(plan.candidates[finalist.candidate].name): \($0)" }
      }
      if !broken.isEmpty {
        parts.append(Markup.paragraph("Guard rails broken in the finals:"))
        parts.append(Markup.element("ul", [:], broken.map { Markup.text("li", [:], $0) }.joined()))
      }
    }
    return parts.joined(separator: "\n")
  }

  private func row(_ name: String, _ comparison: Comparison) -> [String] {
    let interval = comparison.throughput
    return [
      name, Text.change(interval.middle),
      interval.high.isFinite ? "\(Text.change(interval.low)) to \(Text.change(interval.high))" : "–",
      Text.change(comparison.cpu.middle), comparison.tail.map { Text.change($0.middle) } ?? "–",
      comparison.parts.compactMap(\.fairness?.own).min().map { Text.fixed($0, places: 2) } ?? "–",
      "\(comparison.rounds)",
      comparison.violations(record.rails, plan.workloads).isEmpty ? "kept" : "broken",
    ]
  }

  /// The confirmation: all workloads together, each alone, and what was not tuned on.
  private func plot(_ candidate: Int) -> String {
    guard let own = Comparison(record.samples, stage: .confirmation, candidate: candidate, workloads: plan.objective)
    else { return "" }
    let name = plan.candidates[candidate].name
    var rows = [IntervalPlot.Row(label: "all that it was tuned on", interval: own.throughput, isSummary: true)]
    rows += own.parts.map { .init(label: plan.workloads[$0.workload].name, interval: $0.throughput) }
    let other = Comparison(record.samples, stage: .confirmation, candidate: candidate, workloads: plan.heldOut)
    rows += (other?.parts ?? []).map {
      .init(label: "not tuned on: " + plan.workloads[$0.workload].name, interval: $0.throughput)
    }
    return IntervalPlot(
      title:
        "Throughput of \(name) beside the default, \(own.rounds) fresh rounds, with 95% intervals; right is faster",
      rows: rows
    ).svg
  }

  // MARK: The machine, and what follows from it

  private var machine: String {
    Markup.element(
      "div", ["class": "facts"],
      Markup.table(["Fact", "Of this machine"], report.machineRows.map { [$0.label, $0.value] }))
  }

  private var computed: String {
    guard !report.optima.isEmpty else { return "" }
    return Markup.paragraph(
      """
      How long to wait before blocking if only the waiter's own time counted: the s that makes E[min(wait, s)] + (1 − F(s)) · C \
      least, with F the waits as measured under long spinning and C the cost of a block. It does not see what a waiter takes \
      from others, so it decides nothing.
      """)
      + Markup.table(
        ["Workload", "Best wait", "Cost an acquisition", "With the default", "Blocking at once", "C"],
        report.optima.sorted { $0.key < $1.key }.map { index, optimum in
          [
            plan.workloads[index].name, Text.duration(optimum.budget), Text.duration(optimum.cost),
            Text.duration(optimum.costOfDefault), Text.duration(optimum.costOfBlocking),
            Text.duration(optimum.blockCost),
          ]
        })
  }

  // MARK: Workloads

  private var workloads: String {
    let figures = plan.workloads.indices.map { ($0, report.summaries(of: $0)) }.filter { !$0.1.isEmpty }
    guard !figures.isEmpty else { return "" }
    return Markup.paragraph(
      """
      Each cell is a pair of tunables. The dashed one is the default, with its median; the other numbers are that median times \
      the ratio to the default in the same rounds, which the color tells too. The chosen pair has a solid frame.
      """) + HeatMap.legend(better: "better", worse: "worse", same: "same")
      + figures.map { workload, summaries in
        Markup.element(
          "article", [:],
          Markup.text("h3", [:], plan.workloads[workload].name)
            + Markup.element("div", ["class": "maps"], maps(workload, summaries)))
      }.joined(separator: "\n")
  }

  private func maps(_ workload: Int, _ summaries: [TuningReport.Summary]) -> String {
    let standard = summaries.first { $0.candidate == 0 }
    func map(
      _ title: String, _ text: (TuningReport.Summary) -> String?, _ better: (TuningReport.Summary) -> Double?
    ) -> String {
      let cells = summaries.compactMap { summary -> HeatMap.Entry? in
        guard let value = text(summary.scaled(to: standard)) else { return nil }
        let candidate = plan.candidates[summary.candidate]
        let ratio = better(summary)
        return HeatMap.Entry(
          candidate: candidate,
          cell: HeatMap.Cell(
            text: value, better: ratio,
            title: "\(candidate.name): \(value)"
              + (ratio.map { ", \(Text.number($0)) times as good as the default" } ?? "")
              + ", \(summary.runs) runs" + (summary.dirty > 0 ? ", \(summary.dirty) of them dirty" : ""),
            isDefault: summary.candidate == 0, isChosen: record.outcome == .chosen(summary.candidate)))
      }
      return cells.isEmpty ? "" : HeatMap(title: title, entries: cells).svg
    }
    func inverse(_ ratio: Double?) -> Double? { ratio.map { 1 / max($0, 1e-9) } }
    if case .program = plan.workloads[workload] {
      return map("Wall time, seconds", { Text.number(1 / $0.throughput) }, \.throughputRatio)
        + map("CPU time, seconds", { Text.number($0.cpu / 1e9) }, { inverse($0.cpuRatio) })
    }
    let scale = summaries.first.map { $0.throughput >= 1e6 ? 1e6 : 1e3 } ?? 1
    return map(
      "Throughput, \(scale == 1e6 ? "millions" : "thousands") a second", { Text.number($0.throughput / scale) },
      \.throughputRatio)
      + map("CPU per operation, ns", { Text.number($0.cpu) }, { inverse($0.cpuRatio) })
      + map("p99.9 of the wait, µs", { $0.tail.map { Text.number($0 / 1e3) } }, { inverse($0.tailRatio) })
  }

  // MARK: Method and readings

  private var method: String {
    let stages = zip(plan.stages, plan.candidateCounts).map { stage, count in
      let rounds = Set(record.samples.lazy.filter { $0.stage == stage.name }.map(\.round)).count
      return [
        stage.name.rawValue, "\(count)", "\(stage.workloads.count)", "\(rounds) of \(stage.rounds)",
        Text.duration(stage.seconds * 1e9),
      ]
    }
    let rails = record.rails
    return Markup.paragraph("Cells: \(report.measureText). Seed \(plan.seed). Made by: \(report.command)")
      + Markup.table(["Stage", "Candidates at most", "Workloads", "Rounds", "A cell"], stages)
      + Markup.paragraph(
        """
        In a round every workload comes once, in random order, and on it every candidate still in the race, in random order. \
        Ratios are of cells of the same round. A cell is dirty when the hypervisor took, or others used, so much processor \
        time that it shows; it is measured again twice at most, then kept and marked. Guard rails: CPU per operation at most \
        \(Text.change(1 + rails.cpuRise)), fairness (Jain) at least \(Text.number(rails.fairness)) or the default's, p99.9 of the \
        wait at most \(Text.change(1 + rails.tailRise)). A choice needs a gain above zero at 95%, of at least \
        \(Text.percent(Choice.worthwhile)), on runs that had no part in selecting it, and must hold where it was not tuned.
        """)
  }

  private var readings: String {
    let rows = record.samples.map { sample -> [String] in
      let reading = sample.reading
      return [
        plan.candidates[sample.candidate].name, plan.workloads[sample.workload].name, sample.stage.rawValue,
        "\(sample.round + 1)", Text.number(reading.throughput, digits: 4),
        Text.number(reading.cpuPerOperation, digits: 4),
        reading.waits.map { Text.number($0.p50) } ?? "–", reading.waits.map { Text.number($0.p99) } ?? "–",
        reading.waits.map { Text.number($0.p999) } ?? "–", reading.waits.map { Text.number($0.longest) } ?? "–",
        reading.fairness.map { Text.fixed($0, places: 3) } ?? "–",
        "\(reading.voluntarySwitches)", "\(reading.involuntarySwitches)", Text.number(reading.steal * 1e3),
        Text.number(reading.foreign * 1e3), reading.isDirty ? "dirty" : "", "\(reading.redone)",
      ]
    }
    let table = Markup.table(
      [
        "Candidate", "Workload", "Stage", "Round", "Operations / s", "CPU ns / op", "Wait p50 ns", "p99", "p99.9",
        "Longest",
        "Fairness", "Voluntary switches", "Involuntary", "Steal ms", "Foreign ms", "Dirty", "Redone",
      ], rows, classes: record.samples.map { $0.reading.isDirty ? "dirty" : "" })
    return Markup.details("\(record.samples.count) readings", table)
  }
}
