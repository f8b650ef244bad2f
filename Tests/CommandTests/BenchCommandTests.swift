// SPDX-License-Identifier: Apache-2.0
//
// `anax bench` as a verb: where the runner is looked for, and what compare and report do with results and with files
// that are none.
import ArgumentParser
import Foundation
import Testing

@testable import AnaxCommand
@testable import Report

@Suite struct BenchCommandTests {
  @Test func runnerIsLookedForInTheCheckout() {
    #expect(
      BenchmarkRunner.candidates("/src/anax/.build/x86_64-unknown-linux-gnu/debug/anax") == [
        "/src/anax/Benchmarks/.build/release/bench", "Benchmarks/.build/release/bench",
      ])
    #expect(BenchmarkRunner.candidates("/usr/bin/anax") == ["Benchmarks/.build/release/bench"])
    let missing = "\(RunnerError.notFound(tried: BenchmarkRunner.candidates("/nowhere/anax")))"
    #expect(missing.contains("`Scripts/bench` in a checkout builds and runs it"))
    #expect(missing.contains("Tried: Benchmarks/.build/release/bench"))
  }

  @Test func optionsGoToTheRunnerAsTheyAre() throws {
    let command = try #require(
      try BenchCommand.parseAsRoot(["run", "--only", "malloc/pair-16", "--peer", "x=/x.so"]) as? BenchRunCommand)
    #expect(command.options == ["--only", "malloc/pair-16", "--peer", "x=/x.so"])
    #expect(try BenchCommand.parseAsRoot(["--quick"]) is BenchRunCommand)
    #expect(try BenchCommand.parseAsRoot(["compare", "a", "b"]) is BenchCompareCommand)
    #expect(throws: (any Error).self) { try BenchCommand.parseAsRoot(["compare", "a"]) }
    #expect(throws: (any Error).self) { try BenchCommand.parseAsRoot(["report", "a"]) }
  }

  private func bench(_ arguments: [String]) throws -> (code: Int32, output: String, errors: String) {
    try CommandUnderTest.run(["bench"] + arguments)
  }

  @Test func comparisonAndReportReadResults() throws {
    let folder = NSTemporaryDirectory() + "anax-bench-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Self.results(1).write(to: folder + "/a")
    try Self.results(1.5).write(to: folder + "/b")
    let worse = try bench(["compare", folder + "/a/results.json", folder + "/b/results.json"])
    #expect(worse.code == 1 && worse.output.contains("worse  malloc/pair-16, anax, ns: 8 ns → 12 ns, 1.5×"))
    let better = try bench(["compare", folder + "/b/results.json", folder + "/a/results.json"])
    #expect(better.code == 0 && better.output.contains("1 of 1 figures changed significantly: 1 better, 0 worse"))
    let again = try bench(["report", folder + "/a/results.json", "--output", folder + "/c"])
    #expect(again.code == 0)
    for name in ["index.html", "results.json"] {
      #expect(
        try String(contentsOfFile: "\(folder)/a/\(name)", encoding: .utf8)
          == String(contentsOfFile: "\(folder)/c/\(name)", encoding: .utf8))
    }
    try "{}".write(toFile: folder + "/foreign.json", atomically: true, encoding: .utf8)
    let foreign = try bench(["compare", folder + "/foreign.json", folder + "/a/results.json"])
    #expect(foreign.code == 2 && foreign.errors.contains("\(folder)/foreign.json: is not a result of the benchmark"))
  }

  @Test func comparisonOfNothingIsNoSuccess() throws {
    let folder = NSTemporaryDirectory() + "anax-bench-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Self.results(1).write(to: folder + "/a")
    try Self.results(1, failure: "signal 11").write(to: folder + "/bad")
    let (a, bad) = (folder + "/a/results.json", folder + "/bad/results.json")
    let unknown = try bench(["compare", a, a, "--subjects", "anax,nosuch"])
    #expect(unknown.code == 64)
    #expect(unknown.errors.contains("--subjects nosuch: neither run has it; there are anax, glibc"))
    let empty = try bench(["compare", bad, bad])
    #expect(empty.code == 3 && empty.errors.contains("nothing could be compared"))
    #expect(try bench(["compare", a, a, "--subjects", "glibc"]).code == 0)
  }

  @Test func newFailureEndsWithOne() throws {
    let folder = NSTemporaryDirectory() + "anax-bench-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Self.results(1).write(to: folder + "/well")
    try Self.results(1, failure: "signal 11").write(to: folder + "/bad")
    let fails = try bench(["compare", folder + "/well/results.json", folder + "/bad/results.json"])
    #expect(fails.code == 1 && fails.output.contains("FAILS  malloc/pair-16, anax: signal 11, well before"))
    let mended = try bench(["compare", folder + "/bad/results.json", folder + "/well/results.json"])
    #expect(mended.code == 0 && mended.output.contains("malloc/pair-16, anax, ns: signal 11 before, 8 ns after"))
  }

  private static func results(_ change: Double, failure: String? = nil) -> BenchmarkResults {
    let machine = MachineDescription.current()
    func record(_ subject: String, _ value: Double, failure: String? = nil) -> BenchmarkRecord {
      BenchmarkRecord(
        group: "malloc", name: "pair-16", title: "malloc+free 16 B", subject: subject, metric: "ns", unit: "ns",
        samples: failure == nil ? [0.99, 1, 1, 1, 1.01].map { $0 * value } : [], failure: failure)
    }
    return BenchmarkResults(
      date: "2026-11-25 04:00 UTC", command: "bench", commit: nil, seed: 1, duration: 1, isInterrupted: false,
      machine: machine,
      subjects: [.init(name: "glibc", about: ""), .init(name: "anax", about: "", isCandidate: true)],
      groups: ["malloc"], notes: [], records: [record("glibc", 20), record("anax", 8 * change, failure: failure)])
  }
}
