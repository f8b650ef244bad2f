// SPDX-License-Identifier: Apache-2.0
//
// `anax tune` as a verb: what it takes and refuses, its progress on a terminal and elsewhere, and a run that is
// stopped.
import ArgumentParser
import Foundation
import Testing

@testable import AnaxCommand
@testable import Report
@testable import Tuner

@Suite struct TuneCommandTests {
  @Test func goodOptionsAreTaken() throws {
    let command = try TuneCommand.parse([
      "--quick", "--output", "/tmp", "--format", "json", "--seed", "7", "--rounds", "4", "--section", "100,2e3",
      "--think", "0",
      "--threads", "0.5,2", "--shared", "0,50", "--max-cpu-rise", "25", "--min-fairness", "0.8", "--", "ls", "-l",
    ])
    #expect(command.quick && command.seed == 7 && command.rounds == 4)
    #expect(command.program == ["--", "ls", "-l"])
  }

  @Test(arguments: [
    ["--section", "x"], ["--section", ""], ["--section", "1,,2"], ["--section", "-1"], ["--threads", "0"],
    ["--shared", "101"],
    ["--think", "nan"], ["--rounds", "2"], ["--rounds", "101"], ["--max-cpu-rise", "-1"], ["--min-fairness", "1.5"],
    ["--"],
    ["--bogus"], ["ls"],
  ]) func badOptionsAreRefused(arguments: [String]) {
    #expect(throws: (any Error).self) { try TuneCommand.parse(arguments) }
  }

  @Test func refusalNamesTheOption() {
    let error = #expect(throws: (any Error).self) { try TuneCommand.parse(["--shared", "10,x"]) }
    #expect(
      error.map { TuneCommand.message(for: $0) } == "--shared 10,x: wants numbers of 0...100, with commas between them."
    )
  }

  private func lines(isTerminal: Bool) -> String {
    var text = ""
    let line = ProgressLine(isTerminal: isTerminal) { text += $0 }
    line.announce("measuring the machine")
    for (index, round) in [1, 1, 2].enumerated() {
      line.report(
        Progress(stage: .sweep, round: round, rounds: 2, done: Double(index) / 4, left: index == 0 ? nil : 61.5),
        at: Double(index))
    }
    line.end()
    return text
  }

  @Test func progressOnATerminalIsOneLine() {
    let text = lines(isTerminal: true)
    #expect(!text.contains("\n"))
    #expect(text.contains("\r[######..................] sweep, round 1 of 2, 1 min 2 s left\u{1B}[K"))
    #expect(text.hasSuffix("\r\u{1B}[K"))
  }

  @Test func progressElsewhereIsALineARound() {
    #expect(
      lines(isTerminal: false) == """
        measuring the machine
        0 %: sweep, round 1 of 2
        50 %: sweep, round 2 of 2, 1 min 2 s left

        """)
  }

  private func tune(_ arguments: [String], interruptAfter seconds: Double? = nil) throws -> (
    code: Int32, output: String, errors: String
  ) {
    try CommandUnderTest.run(["tune"] + arguments, interruptAfter: seconds)
  }

  @Test func interruptLeavesPageAndProfile() throws {
    let folder = NSTemporaryDirectory() + "anax-tune-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let (code, output, errors) = try tune(["--quick", "--output", folder, "--format", "json"], interruptAfter: 4)
    #expect(code == 130, "\(errors)")
    let report = try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
    #expect(report["complete"] as? Bool == false)
    let profile = try #require(
      try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: folder + "/anax-profile.json")))
        as? [String: Any])
    #expect(profile["complete"] as? Bool == false && (profile["values"] as? [String: Any])?.isEmpty == true)
    #expect(
      try String(contentsOfFile: folder + "/anax-tuning.html", encoding: .utf8).contains("Stopped before a choice"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 2)
  }

  @Test func programThatFailsAndFolderThatIsNotThereAreTold() throws {
    let folder = NSTemporaryDirectory() + "anax-tune-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let failed = try tune([
      "--quick", "--section", "100", "--threads", "1", "--output", folder, "--", "sh", "-c", "exit 3",
    ])
    #expect(failed.code == 1 && failed.errors.contains("anax: sh ended with 3"))
    let nowhere = try tune(["--quick", "--output", "/proc/none/folder"])
    #expect(nowhere.code == 1 && nowhere.errors.contains("anax: /proc/none/folder: No such file or directory"))
  }
}
