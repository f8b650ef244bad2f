// SPDX-License-Identifier: Apache-2.0
//
// Two runs compared: what changed, what fails anew, what cannot be judged, and what speaks against comparing them.
import Anax
import Testing

@testable import Report

@Suite struct ComparisonTests {
  /// The sample with other records and, where asked for, other facts.
  private func results(
    _ records: [BenchmarkRecord], interrupted: Bool = false, _ change: (inout BenchmarkResults) -> Void = { _ in }
  ) -> BenchmarkResults {
    let whole = Sample.results()
    var results = BenchmarkResults(
      date: whole.date, command: "", commit: nil, seed: whole.seed, scale: whole.scale, duration: 1,
      isInterrupted: interrupted, machine: whole.machine, subjects: whole.subjects, groups: whole.groups, notes: [],
      records: records)
    change(&results)
    return results
  }

  private func record(_ name: String, _ samples: [Double], subject: String = "anax", failure: String? = nil)
    -> BenchmarkRecord
  {
    BenchmarkRecord(
      group: "malloc", name: name, title: name, subject: subject, metric: "ns", unit: "ns", samples: samples,
      failure: failure)
  }

  @Test func slowerMachineIsNoChange() {
    let comparison = ResultsComparison(Sample.results(), Sample.results(scale: 1.3))
    #expect(!comparison.rows.isEmpty && comparison.significant.isEmpty && !comparison.isWorse)
    #expect(comparison.text.contains("0 of \(comparison.rows.count) figures changed significantly"))
  }

  @Test func changesAreFoundBothWays() {
    let slower = ResultsComparison(Sample.results(), Sample.results(scale: 0.9, change: 1.2))
    let rows = Dictionary(uniqueKeysWithValues: slower.significant.map { ($0.record.name, $0) })
    #expect(rows["pair-16"]?.standing == .worse && rows["8 threads"]?.standing == .better)
    #expect(abs((rows["pair-16"]?.ratio.middle ?? 0) - 1.2) < 0.02)
    #expect(slower.text.contains("worse  malloc/pair-16, anax, ns: 8 ns → 8.64 ns, 1.2×") && slower.isWorse)
  }

  @Test func whatFailsAnewIsToldAndCounts() {
    let well = results([record("a", [1, 1.1]), record("b", [2, 2.1]), record("c", [], failure: "signal 6")])
    let bad = results([
      record("a", [], failure: "signal 11"), record("b", [2, 2.1]), record("c", [], failure: "signal 6"),
      record("d", [], failure: "timed out"),
    ])
    let comparison = ResultsComparison(well, bad)
    #expect(
      comparison.newFailures == [
        "malloc/a, anax: signal 11, well before", "malloc/d, anax: timed out, not in the earlier run",
      ])
    #expect(comparison.isWorse && comparison.text.contains("FAILS  malloc/a, anax: signal 11, well before"))
    #expect(comparison.unjudged == ["malloc/c, anax, ns: signal 6 before, signal 6 after"])
    // What failed and does no more is no loss.
    let mended = ResultsComparison(bad, well)
    #expect(mended.newFailures.isEmpty && !mended.isWorse)
    #expect(mended.unjudged.contains("malloc/a, anax, ns: signal 11 before, 1.05 ns after"))
  }

  @Test func whatCannotBeJudgedIsListed() {
    let earlier = results([
      record("once", [3]), record("zero", [0, 1]), record("gone", [1, 2]), record("both", [1, 2]),
    ])
    let later = results([
      record("once", [4, 4]), record("zero", [2, 1]), record("new", [1, 2]), record("both", [1, 2]),
    ])
    let comparison = ResultsComparison(earlier, later)
    #expect(
      comparison.unjudged == [
        "malloc/once, anax, ns: one round in the earlier run; 3 ns before, 4 ns after",
        "malloc/zero, anax, ns: a figure that is not above zero has no ratio; 0.5 ns before, 1.5 ns after",
        "malloc/new, anax, ns: only in the later run", "malloc/gone, anax, ns: only in the earlier run",
      ])
    #expect(comparison.rows.map(\.record.name) == ["both"] && !comparison.isWorse)
    #expect(comparison.text.contains("4 figures cannot be judged:\n  malloc/once"))
  }

  @Test func manyFiguresOfACaseAreOneLine() {
    let metrics = (0..<5).map { index in
      BenchmarkRecord(
        group: "malloc", name: "many", title: "", subject: "anax", metric: "m\(index)", unit: "ns",
        samples: [Double(index + 1)])
    }
    let comparison = ResultsComparison(results(metrics), results(metrics))
    #expect(comparison.unjudged == ["malloc/many, anax: one round in the earlier and the later run (5 figures)"])
    #expect(comparison.text.contains("5 figures cannot be judged:"))
  }

  /// They would be a hundred tests of one thing; their mean is a figure of its own.
  @Test func pointsOverTimeAreNotTested() {
    let comparison = ResultsComparison(Sample.results(), Sample.results(change: 2))
    #expect(!comparison.rows.isEmpty && !comparison.rows.contains { $0.record.place?.figure == .time })
    #expect(!comparison.unjudged.contains { $0.contains("breathing") })
  }

  @Test func whatIsNotAlikeIsSaidFirst() {
    let records = ["anax", "mimalloc", "swift"].map { record("a", [1, 1.1], subject: $0) }
    // A group that only one of the two has: who is compared in it is no matter.
    let tokens = BenchmarkRecord(
      group: "tokens", name: "b", title: "b", subject: "pthread", metric: "ns", unit: "ns", samples: [1, 1.1, 1.2])
    let other = results(Array(records.dropLast()) + [tokens], interrupted: true) { results in
      results.seed = 2
      results.machine.page = 64
      results.command = "bench --env ANAX_X=1 --env=ANAX_Y=2"
      results.scale = 3
      results.machine.fingerprint.kernel = "6.19"
      results.machine.hugePages = "always"
      results.subjects[1].about = "/usr/lib/libmimalloc.so <3>"
      results.subjects[2].about = "another build, which is the question"
      results.subjects.remove(at: 4)
    }
    let comparison = ResultsComparison(results(records), other)
    #expect(
      comparison.doubts == [
        "kernel 6.18, then 6.19", "huge pages madvise, then always", "KiB of a page 4, then 64", "scale 0.5, then 3",
        "seed 18446744073709551615, then 2", "rounds 2, then 3",
        "variables of the candidate: none, then ANAX_X=1 ANAX_Y=2",
        "the peer mimalloc: /usr/lib/libmimalloc.so <2>, then /usr/lib/libmimalloc.so <3>",
        "the peer swift is in the earlier run only", "the run of 2026-11-25 04:00 UTC was interrupted",
      ])
    #expect(comparison.text.hasPrefix("not alike: kernel 6.18, then 6.19\n"))
    #expect(ResultsComparison(results(records), results(records)).doubts.isEmpty)
  }
}
