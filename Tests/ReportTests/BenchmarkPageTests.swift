// SPDX-License-Identifier: Apache-2.0
//
// The page of the benchmark: well-formed, self-contained, losing rows first, every sample there.
import Foundation
import PageReading
import Testing

@testable import Report

@Suite struct BenchmarkPageTests {
  @Test(arguments: [false, true]) func pageIsWellFormedAndWhole(interrupted: Bool) throws {
    let results = Sample.results(interrupted: interrupted)
    let page = BenchmarkPage(results).html
    let elements = try PageElements(page)
    #expect(elements.foreign(in: page).isEmpty)
    // Bars of three standings, and of one; curves, time, distribution, map; map of ratios.
    #expect(elements.counts["svg"] == 3 + 1 + 4 + 1)
    #expect(elements.text.contains("A \"fast\" <processor> & more\u{FFFD}"))
    #expect(page.contains("prefers-color-scheme:dark") && page.contains("width=device-width"))
    #expect(elements.text.contains("This run was interrupted") == interrupted)
    for record in results.records where !record.samples.isEmpty {
      let samples = record.samples.map { Text.number($0, digits: 4) }.joined(separator: " ")
      #expect(page.contains(">\(samples)<"), "\(record.name) \(record.subject)")
    }
  }

  @Test func pictureStandsAlone() throws {
    let picture = try #require(BenchmarkPicture(Sample.results()).svg)
    let elements = try PageElements(picture)
    #expect(elements.foreign(in: picture).isEmpty && picture.hasPrefix("<svg"))
    #expect(elements.counts["style"] == 1)
    // A bar for each group that has a usual choice to compare with.
    let groups = Sample.results().groups.filter { group in
      BenchmarkRow.all(Sample.results(), group: group).contains { $0.record.toUsual != nil }
    }
    #expect(!groups.isEmpty)
    for group in groups { #expect(elements.text.contains("\(group), ")) }
  }

  @Test func rowsThatLoseComeFirst() throws {
    let rows = BenchmarkRow.lossesFirst(BenchmarkRow.all(Sample.results(), group: "malloc"))
    #expect(rows.map(\.record.name) == ["tree", "pair-64", "pair-16", "handover x4 (quota)"])
    #expect(rows.map(\.standing) == [.worse, .level, .better, nil])
    let page = BenchmarkPage(Sample.results()).html
    #expect(page.contains("Better than the best peer in 2 of 4 rows, level in 1, worse in 1."))
    #expect(page.contains("1.5×"))
  }

  @Test func failureOfTheCandidateIsOnTop() {
    var results = Sample.results()
    let crash = BenchmarkRecord(
      group: "malloc", name: "crash", title: "a crash", subject: "anax", metric: "ns", unit: "ns", samples: [],
      failure: "signal 6")
    results = BenchmarkResults(
      date: results.date, command: results.command, commit: nil, seed: 1, duration: 1, isInterrupted: false,
      machine: results.machine, subjects: results.subjects, groups: results.groups, notes: [],
      records: results.records + [crash])
    #expect(BenchmarkRow.lossesFirst(BenchmarkRow.all(results, group: "malloc")).first?.record.name == "crash")
    let page = BenchmarkPage(results).html
    #expect(page.contains("Failed: anax, a crash: signal 6"))
    #expect(
      results.judgement.contains("failed:\n  anax, a crash: signal 6\n  mimalloc, server, threads die: signal 11"))
  }

  /// In a curve, or of a peer: not in a folded table alone.
  @Test func crashBesideTheRowsIsInTheOpen() throws {
    let whole = Sample.results()
    let crashes = (0..<3).map { point in
      BenchmarkRecord(
        group: "memory", name: "breathing", title: "after \(point) s", subject: "anax", metric: "mib@\(point)",
        unit: "MiB", samples: [], isRow: false, place: .init(.time, "A service", at: Double(point)),
        failure: "signal 7")
    }
    let results = BenchmarkResults(
      date: whole.date, command: "", commit: nil, seed: 1, duration: 1, isInterrupted: false, machine: whole.machine,
      subjects: whole.subjects, groups: whole.groups, notes: [], records: whole.records + crashes)
    let page = BenchmarkPage(results).html
    let open = page.replacingOccurrences(of: "(?s)<details>.*?</details>", with: "", options: .regularExpression)
    // At the top and in its group, once for all points.
    #expect(open.components(separatedBy: "anax, memory/breathing: signal 7").count - 1 == 2)
    #expect(open.components(separatedBy: "mimalloc, server, threads die: signal 11").count - 1 == 2)
  }

  @Test func whatWasNotRunIsNoFigureAndNoFailure() {
    let results = Sample.results()
    let reason = "no quota: cpu.max: Permission denied"
    #expect(results.notRun.map(\.reason) == [reason] && results.notRun[0].cases == ["malloc/handover x4 (quota)"])
    let rows = BenchmarkRow.all(results, group: "malloc")
    #expect(BenchmarkRow.counts(rows).failed == 0 && BenchmarkRow.sentence(rows).hasSuffix(" 1 could not be run."))
    #expect(BenchmarkPage(results).html.contains("Not run, \(reason): malloc/handover x4 (quota)."))
    #expect(results.judgement.contains("not run, \(reason): malloc/handover x4 (quota)\n"))
  }

  @Test func oneRoundIsSaidPlainly() {
    let records = ["glibc", "anax"].map {
      BenchmarkRecord(
        group: "memory", name: "left", title: "what is left", subject: $0, metric: "mib", unit: "MiB",
        samples: [$0 == "anax" ? 2 : 180])
    }
    let whole = Sample.results()
    let results = BenchmarkResults(
      date: "", command: "", commit: nil, seed: 1, duration: 1, isInterrupted: false, machine: whole.machine,
      subjects: whole.subjects, groups: ["memory"], notes: [], records: records)
    let page = BenchmarkPage(results).html
    #expect(BenchmarkRow.all(results, group: "memory")[0].standing == nil)
    #expect(page.contains("1 more was measured in one round only.") && page.contains("180 (one round)"))
    #expect(page.contains("One round tells next to nothing for sure."))
  }

  @Test func tildeCountsTheRunsOfAllSubjects() {
    func row(_ disturbed: [Int]) -> BenchmarkRow {
      let records = disturbed.map { count in
        BenchmarkRecord(
          group: "malloc", name: "a", title: "a", subject: "s", metric: "ns", unit: "ns", samples: [1, 1, 1, 1, 1],
          disturbed: count)
      }
      return BenchmarkRow(record: records[0], peers: Array(records.dropFirst()))
    }
    // Two of ten are a fifth, three are more.
    #expect(!row([2, 0]).isDisturbed && row([0, 3]).isDisturbed && row([2, 1]).isDisturbed)
  }

  @Test func processorTimeIsATableOfItsOwn() {
    let page = BenchmarkPage(Sample.results()).html
    #expect(page.contains("Processor time of the runs of this group, 1: median"))
    #expect(!BenchmarkRow.all(Sample.results(), group: "malloc").contains { $0.record.metric == "cpu_ms" })
  }

  @Test func legendTellsTheHelperApart() {
    let page = BenchmarkPage(Sample.results()).html
    #expect(page.contains("<span class=\"own\">anax</span> <span class=\"own dashed\">anax, helper thread</span>"))
  }

  @Test func candidateAgainstItselfHasASection() throws {
    #expect(Sample.results().control == nil)
    #expect(BenchmarkPage(Sample.results()).html.contains("was not measured in this run (--control does)"))
    let results = Sample.results(isControlled: true)
    let control = try #require(results.control)
    // pair-16, pair-64, tree, 8 threads; what is zero has no ratio.
    #expect(control.rows == 4 && control.subject == "control" && control.better == 0 && control.worse == 0)
    #expect(abs(control.ratio.middle - 1) < 0.02 && control.within < 1.03)
    let own = try #require(results.records.first { $0.name == "tree" && $0.subject == "anax" }?.toControl)
    #expect(own.peer == "control" && abs(own.ratio.middle - 1) < 0.02)
    // Neither judged nor a peer.
    for row in results.rows {
      #expect(row.record.toBest?.peer != "control" && !row.peers.contains { $0.subject == "control" })
    }
    let page = try PageElements(BenchmarkPage(results).html)
    #expect(page.text.contains("Anax against itself") && page.text.contains(control.text))
    #expect(results.judgement.contains(control.text))
  }

  @Test func controlCountsWhatWouldFalselyBeCalled() throws {
    func record(_ name: String, _ subject: String, _ samples: [Double]) -> BenchmarkRecord {
      BenchmarkRecord(
        group: "malloc", name: name, title: name, subject: subject, metric: "ns", unit: "ns", samples: samples)
    }
    let whole = Sample.results(isControlled: true)
    let records = [("a", 1.0), ("b", 1.2), ("c", 0.8), ("d", 1.01)].flatMap { name, factor in
      [
        record(name, "control", [10, 10, 10]),
        record(name, "anax", [10 * factor, 10.001 * factor, 9.999 * factor]),
      ]
    }
    let control = try #require(
      BenchmarkResults(
        date: "", command: "", commit: nil, seed: 1, duration: 1, isInterrupted: false, machine: whole.machine,
        subjects: whole.subjects, groups: ["malloc"], notes: [], records: records
      ).control)
    #expect(control.rows == 4 && control.better == 1 && control.worse == 1 && control.sure == 3)
    #expect(control.farthest.title == "c" && abs(control.within - 1.25) < 0.001)
  }

  @Test func labelsOfAnIntervalPlotNeverTouchAndNeverLeaveIt() {
    let name = "./a/program/with/a/very/long/path/that/has/no/blank/to/break/it/at/anywhere/at/all --and \"options\""
    let rows = [0.97, 1.02].map { ratio in
      IntervalPlot.Row(label: name, interval: Interval(middle: ratio, low: ratio / 1.01, high: ratio * 1.01))
    }
    #expect(Figure.wrapped(name, width: 422, size: 13).allSatisfy { Figure.width(of: $0, size: 13) <= 422 })
    #expect(
      Figure.wrapped("one two", width: 422, size: 13) == ["one two"] && Figure.wrapped("", width: 9, size: 13) == [""])
    let short = IntervalPlot(title: "", rows: [.init(label: "a", interval: rows[0].interval)]).figure?.height
    let long = IntervalPlot(title: "", rows: [rows[0]]).figure?.height
    #expect((long ?? 0) > (short ?? 0))
    // Five per cent either way on a scale of ten: with the middle's own name there is room for less than all.
    let x = { (ratio: Double) in 215 + log(ratio) / log(1.1) * 200 }
    let text = { (ratio: Double) in ratio == 1 ? "default" : Text.change(ratio) }
    let kept = IntervalPlot.apart([0.95, 0.97, 0.98, 0.99, 1, 1.01, 1.02, 1.03, 1.05], x, text)
    #expect(kept.first == 1 && kept.contains(0.97) && kept.contains(1.03) && kept.count < 9)
    let spans = kept.map {
      (x($0) - Figure.width(of: text($0), size: 13) / 2, x($0) + Figure.width(of: text($0), size: 13) / 2)
    }
    .sorted { $0.0 < $1.0 }
    for (left, right) in zip(spans, spans.dropFirst()) { #expect(left.1 < right.0) }
  }

  /// A record of a case `name` of malloc.
  private func record(_ name: String, _ subject: String, _ samples: [Double]) -> BenchmarkRecord {
    BenchmarkRecord(
      group: "malloc", name: name, title: name, subject: subject, metric: "ns", unit: "ns", samples: samples)
  }

  private func results(_ records: [BenchmarkRecord]) -> BenchmarkResults {
    let whole = Sample.results()
    return BenchmarkResults(
      date: "", command: "", commit: nil, seed: 1, duration: 1, isInterrupted: false, machine: whole.machine,
      subjects: whole.subjects, groups: ["malloc"], notes: [], records: records)
  }

  @Test func whatIsOffTheScaleShowsIt() {
    func row(_ ratio: Double, mark: Double) -> IntervalPlot.Row {
      var row = IntervalPlot.Row(label: "a", interval: Interval(middle: ratio, low: ratio * 0.99, high: ratio * 1.01))
      row.marks = [(mark, "m")]
      return row
    }
    func count(_ text: String, _ rows: [IntervalPlot.Row]) -> Int {
      let plot = IntervalPlot(title: "", rows: rows, scale: .factor(standard: "1"), isBars: true)
      return plot.svg.components(separatedBy: text).count - 1
    }
    let (tear, arrow, dot) = ("class=\"tear\"", "<polygon class=\"peer\"", "<circle class=\"peer\"")
    // Two strokes a bar, to either side; eight times is the last that fits.
    let off = [row(0.03, mark: 20), row(30, mark: 0.01), row(0.2, mark: 4)]
    #expect(count(tear, off) == 4 && count(arrow, off) == 2 && count(dot, off) == 1)
    let fits = [row(0.13, mark: 7.9), row(8, mark: 1)]
    #expect(count(tear, fits) == 0 && count(arrow, fits) == 0 && count(dot, fits) == 2)
  }

  @Test func dotsArePairedAsTheBarIs() throws {
    // The medians' ratio would be 8; round by round it is 2, 8 and 2.
    let found = results([
      record("a", "glibc", [20, 80, 80]), record("a", "mimalloc", [10, 10, 40]), record("a", "anax", [10, 10, 10]),
    ])
    let marks = BenchmarkGroupSection.marks(try #require(BenchmarkRow.all(found, group: "malloc").first))
    #expect(marks.count == 1 && marks[0].title.hasPrefix("glibc"))
    #expect(abs(marks[0].ratio - 3.175) < 0.001)
  }

  @Test func pictureIsBlueOnlyWhereTheRowsAgree() throws {
    func picture(_ factors: [Double], rounds: Int = 3) -> String? {
      var records: [BenchmarkRecord] = []
      for (index, factor) in factors.enumerated() {
        let noise = (0..<rounds).map { 1 + 0.001 * Double($0 * (index + 1)) }
        records.append(record("\(index)", "glibc", noise.map { 10 * $0 }))
        records.append(record("\(index)", "anax", noise.map { 10 * factor / $0 }))
      }
      return BenchmarkPicture(results(records)).svg
    }
    #expect(try #require(picture([0.5, 0.6, 0.55])).contains("bar better"))
    #expect(try #require(picture([1.5, 1.6, 1.55])).contains("bar worse"))
    // 0.94 on the whole.
    let mixed = try #require(picture([0.5, 1.5, 1.1]))
    #expect(mixed.contains("bar neutral") && mixed.contains("whisker") && !mixed.contains("bar better"))
    // A single row has its rounds', and one round says nothing.
    #expect(try #require(picture([0.5])).contains("bar better"))
    #expect(picture([0.5], rounds: 1) == nil)
  }

  @Test func emptyRunHasAPage() throws {
    let whole = Sample.results()
    let empty = BenchmarkResults(
      date: "", command: "", commit: nil, seed: 1, duration: 0, isInterrupted: true, machine: whole.machine,
      subjects: [], groups: ["malloc"], notes: [], records: [])
    let elements = try PageElements(BenchmarkPage(empty).html)
    #expect(elements.text.contains("Nothing was compared"))
  }

  @Test func axesHaveAFewRoundNumbers() {
    #expect(LinePlot.ticks(0, 210, .linear) == [0, 50, 100, 150, 200])
    #expect(LinePlot.ticks(9, 1200, .logarithmic) == [10, 20, 50, 100, 200, 500, 1000])
    #expect(LinePlot.ticks(0.5, 1, .nines) == [0.5, 0.9, 0.99, 0.999, 0.9999, 1])
    #expect(LinePlot.ticks(10, 10, .logarithmic) == [10])
  }
}
