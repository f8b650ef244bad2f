// SPDX-License-Identifier: Apache-2.0
// The probe, a program that links AnaxMalloc, in processes of its own: on each rung, in a sandbox, under a limit, with
// threads that die, forks, signals.
import Foundation
import Testing

private struct Outcome {
  let code: Int32
  let output: String
  let errors: String
  var succeeded: Bool { code == 0 && output == "ok\n" }
}

private func probe(_ mode: String, _ variables: [String: String] = [:]) throws -> Outcome {
  let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
  let process = Process()
  process.executableURL = folder.appendingPathComponent("MallocProbe")
  process.arguments = [mode]
  var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("ANAX_") }
  environment.merge(variables) { $1 }
  process.environment = environment
  let output = Pipe()
  let errors = Pipe()
  process.standardOutput = output
  process.standardError = errors
  try process.run()
  let texts = [output, errors].map { String(decoding: $0.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self) }
  process.waitUntilExit()
  return Outcome(code: process.terminationStatus, output: texts[0], errors: texts[1])
}

/// How a process may be made to find its rung.
enum Mechanism: String, CaseIterable, Sendable {
  case best, rungA, rungD, withoutArea

  /// Those that this machine has: all, but rung A where the library says why it is not given.
  static let given = allCases.filter {
    guard $0 == .rungA else { return true }
    let summary = (try? probe("sized", $0.variables.merging(["ANAX_STATS": "1"]) { $1 }))?.errors ?? ""
    return !summary.contains("(rung A was asked for, and ")
  }

  var variables: [String: String] {
    switch self {
    case .best: [:]
    case .rungA: ["ANAX_RUNG": "A"]
    case .rungD: ["ANAX_RUNG": "D"]
    case .withoutArea: ["GLIBC_TUNABLES": "glibc.pthread.rseq=0"]
    }
  }
  var report: String {
    switch self {
    case .best: "rung B (the best that this machine has)"
    case .rungA: "rung A (asked for)"
    case .rungD: "rung D (asked for)"
    case .withoutArea: "rung D (the C library has registered no area for restartable sequences)"
    }
  }
}

@Suite(.serialized) struct ProcessTests {
  @Test(arguments: Mechanism.given, ["work", "fork", "storm", "churn", "limit", "operators", "sized"])
  func everyModeHoldsOnEveryRung(mechanism: Mechanism, mode: String) throws {
    let outcome = try probe(mode, mechanism.variables)
    #expect(outcome.succeeded, "\(outcome)")
  }

  @Test(arguments: Mechanism.given)
  func summaryNamesTheRungAndWhatMemoryIsMadeOf(mechanism: Mechanism) throws {
    let outcome = try probe("sized", mechanism.variables.merging(["ANAX_STATS": "1"]) { $1 })
    #expect(outcome.succeeded)
    #expect(outcome.errors.contains(mechanism.report), "\(outcome.errors)")
    for part in ["anax: resident ", " CPU caches ", "anax: node 0: claimed ", "anax: zone malloc-"] {
      #expect(outcome.errors.contains(part), "no '\(part)' in \(outcome.errors)")
    }
  }

  @Test(arguments: Mechanism.given)
  func summaryAsJSONHasTheSameParts(mechanism: Mechanism) throws {
    struct Part: Decodable {
      let anax: String
      let rung, reason, zone: String?
      let bytes, used, node: UInt64?
    }
    let outcome = try probe("sized", mechanism.variables.merging(["ANAX_STATS": "2"]) { $1 })
    #expect(outcome.succeeded)
    let parts = try outcome.errors.split(separator: "\n").map {
      try JSONDecoder().decode(Part.self, from: Data($0.utf8))
    }
    #expect(parts.prefix(3).map(\.anax) == ["process", "resident", "node"], "\(outcome.errors)")
    #expect(mechanism.report == "rung \(parts[0].rung ?? "") (\(parts[0].reason ?? ""))")
    #expect(parts[1].bytes ?? 0 > parts[1].used ?? .max)
    #expect(parts.contains { $0.anax == "zone" && $0.zone?.hasPrefix("malloc-") == true })
  }

  @Test func withoutTheTunableNothingIsPrinted() throws {
    #expect(try probe("sized").errors == "")
  }

  @Test func sandboxThatDeniesTheKernelsHelp() throws {
    let outcome = try probe("seccomp", ["ANAX_STATS": "1"])
    #expect(outcome.succeeded, "\(outcome)")
    #expect(outcome.errors.contains("rung D (the C library has registered no"), "\(outcome.errors)")
  }

  @Test func optionsAndFiguresOfTheCLibrary() throws {
    let outcome = try probe("options")
    #expect(outcome.succeeded, "\(outcome)")
    #expect(outcome.errors.contains("anax: resident "), "malloc_stats printed nothing")
  }

  @Test func foreignPointersGoToTheNextAllocatorWhereAllowed() throws {
    let outcome = try probe("foreign", ["ANAX_VM_HEAP_FOREIGN": "1"])
    #expect(outcome.succeeded, "\(outcome)")
    let refused = try probe("foreign")
    #expect(!refused.succeeded)
  }

  @Test func badTunableIsNamedAndTheProgramGoesOn() throws {
    let outcome = try probe("work", ["ANAX_VM_PAGE_DECAY": "soon", "ANAX_VM_HEAP_FOREIGN": "7"])
    #expect(outcome.succeeded)
    // In the environment's order, which a dictionary does not keep.
    #expect(
      outcome.errors.split(separator: "\n").sorted() == [
        "anax: ANAX_VM_HEAP_FOREIGN=7 is refused: wants 0...1; using 0",
        "anax: ANAX_VM_PAGE_DECAY=soon is refused: wants 0...3600000 ms; using 1000 ms",
      ])
  }

  @Test func heapLimitAnswersWithoutMemory() throws {
    let outcome = try probe("work", ["ANAX_VM_HEAP_LIMIT": "4M"])
    #expect(outcome.code == 1 && outcome.output.hasPrefix("failed: no memory\n"), "\(outcome)")
  }

  @Test func helperGivesBackASilentProcessesMemory() throws {
    let outcome = try probe("silence")
    #expect(outcome.succeeded, "\(outcome)")
    let without = try probe("silence", ["ANAX_HELPER": "0"])
    #expect(!without.succeeded, "without the helper the memory went back too: the test shows nothing")
  }

  @Test func helperDoesNotKeepTheChildOfAForkAlive() throws {
    let outcome = try probe("last-thread-of-child")
    #expect(outcome.succeeded, "\(outcome)")
  }

  @Test func helperThatAWorkerStartedOutlivesTheWorker() throws {
    let outcome = try probe("helper-of-worker", ["ANAX_HELPER": "0"])
    #expect(outcome.succeeded, "\(outcome)")
  }

  @Test func helperDoesNotKeepAProcessAlive() throws {
    // However long the helper's period is.
    for variables in [[:], ["ANAX_VM_PAGE_DECAY": "3600000"]] {
      let start = ContinuousClock.now
      let outcome = try probe("last-thread", variables)
      #expect(outcome.succeeded)
      #expect(start.duration(to: .now) < .seconds(20))
    }
  }
}
