// SPDX-License-Identifier: Apache-2.0
//
// `anax exec` as a whole: each test runs the verb in a process of its own, which becomes the program.
import ArgumentParser
import Glibc
import Testing
import Topology

@testable import AnaxCommand

/// Any shared library serves: what is tested is the way to the program, not the allocator.
private let library: String = {
  let maps = (try? FileTree().text("proc/self/maps")) ?? ""
  return maps.split { $0.isWhitespace }.first { $0.hasSuffix("/libm.so.6") }.map(String.init) ?? ""
}()

/// Runs the verb; comes back only when the program could not be started.
private func exec(_ arguments: String...) {
  setenv("ANAX_LIBRARY", library, 0)
  do {
    let command = try ExecCommand.parse(arguments)
    try command.run()
    exit(0)
  } catch {
    exit((error as? ExitCode)?.rawValue ?? ExecCommand.exitCode(for: error).rawValue)
  }
}

private func lines(_ bytes: [UInt8]) -> Set<String> {
  Set(String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init))
}

@Suite struct ExecCommandTests {
  @Test func exitCodePassesThrough() async {
    await #expect(processExitsWith: .exitCode(42)) { exec("--", "sh", "-c", "exit 42") }
  }

  // Not SIGTERM: the test runs on a thread that blocks it, and a program inherits that.
  @Test func signalPassesThrough() async {
    await #expect(processExitsWith: .signal(SIGKILL)) { exec("--", "sh", "-c", "kill -KILL $$") }
  }

  @Test func optionsBecomeEnvironment() async throws {
    let result = try await #require(processExitsWith: .exitCode(0), observing: [\.standardOutputContent]) {
      setenv("LD_PRELOAD", "/x/other.so", 1)
      setenv("ANAX_HELPER", "0", 1)
      exec(
        "--rung", "D", "--set", "vm.page.decay=0", "--set", "vm.helper=1", "--stats", "--library", library, "env")
    }
    let lines = lines(result.standardOutputContent)
    #expect(lines.contains("ANAX_RUNG=D"))
    #expect(lines.contains("ANAX_VM_PAGE_DECAY=0"))
    #expect(lines.contains("ANAX_VM_HELPER=1"))
    #expect(lines.contains("ANAX_STATS=1"))
    #expect(!lines.contains { $0.hasPrefix("ANAX_HELPER=") })
    #expect(lines.contains { $0.hasPrefix("LD_PRELOAD=/") && $0.hasSuffix("/libm.so.6:/x/other.so") })
  }

  @Test(arguments: [("text", "ANAX_STATS=1"), ("json", "ANAX_STATS=2")])
  func formatIsTheSummarys(format: String, variable: String) async throws {
    let result = try await #require(processExitsWith: .exitCode(0), observing: [\.standardOutputContent]) {
      [format] in exec("--stats", "--format", format, "--", "env")
    }
    #expect(lines(result.standardOutputContent).contains(variable))
  }

  @Test func programKeepsItsOwnOptions() async throws {
    let result = try await #require(processExitsWith: .exitCode(0), observing: [\.standardOutputContent]) {
      exec("--", "echo", "--stats", "--", "-x")
    }
    #expect(lines(result.standardOutputContent).contains("--stats -- -x"))
  }

  @Test func failuresBeforeTheProgramHaveCodesOfTheirOwn() async {
    await #expect(processExitsWith: .exitCode(125)) { exec("--library", "/no/such/libanax.so", "--", "true") }
    await #expect(processExitsWith: .exitCode(126)) { exec("--", "/etc/passwd") }
    await #expect(processExitsWith: .exitCode(127)) { exec("--", "no-such-program-as-this") }
  }

  @Test(arguments: [
    [], ["--"], ["--set", "vm.page.decay=x", "true"], ["--set", "vm.page.decay", "true"],
    ["--set", "no.such=1", "true"],
    ["--rung", "Z", "true"], ["--rung", "AB", "true"], ["--bogus", "true"],
    ["--format", "json", "true"], ["--stats", "--format", "yaml", "true"],
  ])
  func wrongUsageIsRefused(_ arguments: [String]) {
    #expect { try ExecCommand.parse(arguments) } throws: { ExecCommand.exitCode(for: $0) == .validationFailure }
  }

  @Test(arguments: ["--help", "-h"])
  func helpIsAnswered(_ wish: String) {
    for command in [ExecCommand.self, TuneCommand.self] as [any ParsableCommand.Type] {
      #expect {
        try command.parse([wish])
      } throws: {
        command.exitCode(for: $0) == .success && command.fullMessage(for: $0).contains("OVERVIEW:")
      }
    }
    // Behind a program's name it is the program's.
    #expect(throws: Never.self) { try ExecCommand.parse(["ls", wish]) }
  }

  @Test func refusalNamesValueAndRange() {
    #expect {
      try ExecCommand.parse(["--set", "vm.page.decay=x", "true"])
    } throws: {
      ExecCommand.message(for: $0).contains("vm.page.decay=x is refused: wants 0...3600000 ms.")
    }
  }

  @Test(
    arguments: [
      (nil, "/a.so"), ("", "/a.so"), ("/b.so", "/a.so:/b.so"), ("/b.so:/c.so", "/a.so:/b.so:/c.so"),
      ("/b.so /a.so", "/a.so:/b.so"),
    ] as [(String?, String)])
  func preloadKeepsWhatWasThere(_ existing: String?, _ preload: String) {
    #expect(LibraryPath.preload("/a.so", before: existing) == preload)
  }
}
