// SPDX-License-Identifier: Apache-2.0
//
// Results of the benchmark: what is computed from the samples, the file they travel in, and two runs compared.
import Foundation
import Testing

@testable import Report

@Suite struct ResultsTests {
  private func record(_ results: BenchmarkResults, _ name: String, _ subject: String) throws -> BenchmarkRecord {
    try #require(results.records.first { $0.name == name && $0.subject == subject })
  }

  @Test func bestPeerAndUsualChoiceAreFound() throws {
    let results = Sample.results()
    let own = try record(results, "pair-16", "anax")
    #expect(own.toBest?.peer == "mimalloc" && own.toUsual?.peer == "glibc")
    #expect(abs(own.toBest!.ratio.middle - 0.8) < 0.02 && abs(own.toUsual!.ratio.middle - 0.4) < 0.02)
    // More is better: the best is the one with the most.
    let token = try record(results, "8 threads", "token")
    #expect(token.toBest?.peer == "pthread" && abs(token.toBest!.ratio.middle - 1.2) < 0.03)
    // Swift's own lock is what a Swift program would take, though pthread's is there too.
    #expect(token.toUsual?.peer == "swift" && abs(token.toUsual!.ratio.middle - 20) < 0.5)
    // The best peer has none above it, and nobody is compared with itself.
    #expect(try record(results, "pair-16", "mimalloc").toBest == nil)
    // Nothing is divided by zero.
    #expect(try record(results, "left", "anax").toBest == nil)
  }

  @Test func standingNeedsCertaintyAndSize() {
    #expect(Standing(Interval(middle: 0.8, low: 0.7, high: 0.95), .lower) == .better)
    #expect(Standing(Interval(middle: 0.8, low: 0.7, high: 1.01), .lower) == .level)
    #expect(Standing(Interval(middle: 0.99, low: 0.985, high: 0.995), .lower) == .level)
    #expect(Standing(Interval(middle: 1.2, low: 1.1, high: 1.3), .lower) == .worse)
    #expect(Standing(Interval(middle: 1.2, low: 1.1, high: 1.3), .higher) == .better)
    #expect(Standing(Interval(middle: 2, low: 0, high: .infinity), .lower) == .level)
  }

  @Test func fileComesBackAsItWas() throws {
    let results = Sample.results(interrupted: true, isControlled: true)
    let again = try BenchmarkResults(parsing: Array(results.json.utf8))
    #expect(again == results && again.control != nil)
    #expect(again.goals == Sample.goals && again.records.contains { $0.tile != nil })
  }

  /// Members that came later may be missing.
  @Test func fileOfBeforeIsRead() throws {
    let results = Sample.results()
    var text = results.json
    let nested = "\\{[^{}]*\\}"
    for member in ["scale", "not_run", "series", "to_control", "control", "tile", "goals"] {
      text = text.replacingOccurrences(
        of:
          "\"\(member)\": (\"[^\"]*\"|[0-9.]+|null|false|\(nested)|\\[[^\\[\\]]*(\\[[^\\[\\]]*\\][^\\[\\]]*)*\\]),?\\s*",
        with: "",
        options: .regularExpression)
      #expect(!text.contains("\"\(member)\""))
    }
    text = text.replacingOccurrences(of: ",(\\s*[}\\]])", with: "$1", options: .regularExpression)
    let again = try BenchmarkResults(parsing: Array(text.utf8))
    #expect(again.scale == nil && again.records.count == results.records.count)
    #expect(again.goals.isEmpty && again.records.allSatisfy { $0.tile == nil })
    #expect(again.records.allSatisfy { $0.notRun == nil && $0.place?.series ?? "" == "" })
  }

  /// Each damage, and what the message says besides the file's name.
  @Test func damagedFilesAreNamed() throws {
    let whole = Sample.results().json
    let folder = NSTemporaryDirectory() + "anax-results-\(UUID().uuidString)"
    try OutputFile.makeFolder(folder + "/deeper")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let damages: [(text: String, message: String)] = [
      (String(whole.prefix(whole.count / 2)), "line "),
      ("", "line 1"), ("[]", "it is not a JSON object"),
      (whole.replacingOccurrences(of: "anax-benchmark", with: "anax-profile"), "its format is not \"anax-benchmark\""),
      (whole.replacingOccurrences(of: "\"version\": 1", with: "\"version\": 2"), "its version is 2"),
      (whole.replacingOccurrences(of: "\"better\": \"higher\"", with: "\"better\": \"more\""), "better is \"more\""),
      (whole.replacingOccurrences(of: "\"cpus\": 2", with: "\"cpus\": 0"), "machine.cpus is 0"),
      (whole.replacingOccurrences(of: "\"unit\": \"ns\"", with: "\"unit\": 3"), "records[0].unit is not a string"),
    ]
    for (text, message) in damages {
      let path = try OutputFile.write(text, "results.json", in: folder + "/deeper")
      let error = #expect(throws: ResultsError.self) { try BenchmarkResults(path: path) }
      #expect(error?.description.hasPrefix(path + ": ") == true && error?.description.contains(message) == true)
    }
    #expect(throws: ResultsError.self) { try BenchmarkResults(path: folder) }
    #expect(throws: ResultsError.self) { try BenchmarkResults(path: folder + "/none.json") }
    #expect(throws: OutputError.self) { try OutputFile.makeFolder("/proc/none") }
  }

  @Test func welchsTestKnowsItsTable() throws {
    // Means 2 and 4, each of variance 1 and three values: t = 2 / √(2/3) = 2.449 with 4 degrees, 2 × 0.0353.
    let test = try #require(Significance.difference([1, 2, 3], [3, 4, 5]))
    #expect(test.middle == 2 && abs(test.probability - 0.0705) < 0.0005)
    #expect(abs(test.high - test.low - 2 * 2.776 * (2.0 / 3).squareRoot()) < 1e-9)
    #expect(Significance.difference([1], [1, 2]) == nil)
  }
}
