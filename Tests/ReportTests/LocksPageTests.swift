// SPDX-License-Identifier: Apache-2.0
//
// What the page shows of locks: goals over many cells, the map of the grid, and tables that end where a page grows too
// long.
import Foundation
import PageReading
import Testing

@testable import Report

@Suite struct LocksPageTests {
  @Test func goalsStandInTheirGroup() throws {
    let page = BenchmarkPage(Sample.results()).html
    #expect(page.components(separatedBy: "Goal over several cases").count == 2)
    #expect(page.contains(Verdict.legend))
    for word in ["≥ 1.05", "1.31", "1.2 to 1.42", "17 ms", "FAILED", "signal 6 &amp; more"] {
      #expect(page.contains(word), "\(word)")
    }
  }

  @Test func mapHasATileForEveryCell() throws {
    let page = BenchmarkPage(Sample.results()).html
    let map = try #require(page.components(separatedBy: "<figure").first { $0.contains("Locks: ") })
    // Twice as fast with two threads, 1.2 times as slow with sixteen; in each of two rows.
    #expect(map.contains("2 tiles better, 0 level, 2 worse"))
    #expect(map.components(separatedBy: "<g class=\"better4\">").count - 1 == 2)
    #expect(map.components(separatedBy: "<g class=\"worse2\">").count - 1 == 2)
    #expect(map.contains("16 threads, 1 us / 1 us, in words: 360 ns, pthread 300 ns, 1.2×, 95%: "))
    let order = ["50 ns / 0 ns", "1 us / 1 us"].map { map.range(of: ">\($0)<")!.lowerBound }
    #expect(order[0] < order[1])
  }

  /// Cells of a grid are no rows, and only their failures are compared from run to run.
  @Test func tilesAreNeitherRowsNorCompared() {
    let (before, after) = (Sample.results(), Sample.results(change: 3))
    #expect(!before.rows.contains { $0.record.tile != nil })
    let comparison = ResultsComparison(before, after)
    #expect(comparison.rows.contains { $0.record.name == "8 threads" })
    #expect(!comparison.rows.contains { $0.record.tile != nil })
  }

  @Test func longTablesEndAndSaySo() throws {
    let whole = Sample.results()
    let records = (0..<BenchmarkGroupSection.mostLines + 7).map { index in
      BenchmarkRecord(
        group: "tokens", name: "cell \(index)", title: "cell \(index)", subject: "token", metric: "ns", unit: "ns",
        samples: [1], isRow: false)
    }
    let results = BenchmarkResults(
      date: "", command: "", commit: nil, seed: 1, duration: 1, isInterrupted: false, machine: whole.machine,
      subjects: whole.subjects, groups: ["tokens"], notes: [], records: records)
    let page = BenchmarkPage(results).html
    #expect(page.components(separatedBy: "7 more lines are in results.json alone.").count - 1 == 2)
    #expect(page.contains(">cell \(BenchmarkGroupSection.mostLines - 1)<"))
    #expect(!page.contains(">cell \(BenchmarkGroupSection.mostLines)<"))
    _ = try PageElements(page)
  }
}
