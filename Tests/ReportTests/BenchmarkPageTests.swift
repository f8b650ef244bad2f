// SPDX-License-Identifier: Apache-2.0
//
// The page of the benchmark: well-formed, self-contained, losing rows first, every sample there.
import PageReading
import Testing

@testable import Report

@Suite struct BenchmarkPageTests {
  @Test(arguments: [false, true]) func pageIsWellFormedAndWhole(interrupted: Bool) throws {
    let results = Sample.results(interrupted: interrupted)
    let page = BenchmarkPage(results).html
    let elements = try PageElements(page)
    #expect(elements.foreign(in: page).isEmpty)
    // Bars of three standings, and of one; curves, time, distribution, map.
    #expect(elements.counts["svg"] == 3 + 1 + 4)
    #expect(elements.text.contains("A \"fast\" <processor> & more\u{FFFD}"))
    #expect(page.contains("prefers-color-scheme:dark") && page.contains("width=device-width"))
    #expect(elements.text.contains("This run was interrupted") == interrupted)
    #expect(elements.text.contains("mimalloc, server, threads die: signal 11") == false)
    for record in results.records where record.failure == nil {
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
    #expect(rows.map(\.record.name) == ["tree", "pair-64", "pair-16"])
    #expect(rows.map(\.standing) == [.worse, .level, .better])
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
    #expect(BenchmarkPage(results).html.contains("Failed: a crash (signal 6)"))
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
