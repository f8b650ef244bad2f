// SPDX-License-Identifier: Apache-2.0
//
// The start from an environment, its messages, and values set at run time. Each test has a process of its own: the
// values and standard error are the process's.
import CAnax
import Machine
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Starts the tunables from `entries`; what stays allocated goes with the process.
private func start(_ entries: String...) {
  let environment = UnsafeMutablePointer<UnsafePointer<CChar>?>.allocate(capacity: entries.count + 1)
  for (i, entry) in entries.enumerated() { environment[i] = UnsafePointer(strdup(entry)) }
  environment[entries.count] = nil
  Tunable.start(environment: environment)
}

private func expect(_ condition: Bool, line: Int32 = #line) {
  if !condition { exit(line) }
}

private func lines(_ bytes: [UInt8]) -> [String] {
  String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init).filter { $0.hasPrefix("anax: ") }
}

@Suite struct TunableStartTests {
  @Test func withoutEnvironmentEveryDefaultHolds() async {
    await #expect(processExitsWith: .exitCode(0)) {
      Tunable.start(environment: nil)
      for index in 0..<UInt32(Tunable.count) {
        let tunable = Tunable(index: index)!
        expect(tunable.value == tunable.row.initial)
      }
      exit(0)
    }
  }

  @Test func goodValuesAreTakenInSilence() async throws {
    let result = try await #require(processExitsWith: .exitCode(0), observing: [\.standardErrorContent]) {
      start(
        "PATH=/bin", "ANAX_VM_PAGE_DECAY=0", "ANAX_VM_PAGE_KEEP_FLOOR=1M", "ANAX_RUNG=D", "ANAX_HELPER=1",
        "ANAX_LIBRARY=/x/libanax.so", "ANAX_", "ANAX_VM_PAGE_KEEP")
      expect(Tunable.pageDecay.value == 0)
      expect(Tunable.pageKeepFloor.value == 1 << 20)
      expect(Tunable.rung.value == 4)
      expect(Tunable.helper.value == 1)
      exit(0)
    }
    #expect(lines(result.standardErrorContent) == [])
  }

  @Test func badValuesAreNamedWithTheirRangeAndTheDefaultHolds() async throws {
    let result = try await #require(processExitsWith: .exitCode(0), observing: [\.standardErrorContent]) {
      start(
        "ANAX_VM_PAGE_DECAY=abc", "ANAX_VM_PAGE_KEEP=1001", "ANAX_LWKT_TOKEN_SPIN=", "ANAX_RUNG=E", "ANAX_STATS=yes")
      expect(Tunable.pageDecay.value == 1000)
      expect(Tunable.pageKeep.value == 50)
      expect(Tunable.tokenSpin.value == 20)
      expect(Tunable.rung.value == 0)
      expect(Tunable.stats.value == 0)
      exit(0)
    }
    #expect(
      lines(result.standardErrorContent) == [
        "anax: ANAX_VM_PAGE_DECAY=abc is refused: wants 0...3600000 ms; using 1000 ms",
        "anax: ANAX_VM_PAGE_KEEP=1001 is refused: wants 0...1000 %; using 50 %",
        "anax: ANAX_LWKT_TOKEN_SPIN= is refused: wants 0...1000000 tries; using 20 tries",
        "anax: ANAX_RUNG=E is refused: wants A...D; using the best that this machine has",
        "anax: ANAX_STATS=yes is refused: wants 0...2; using 0",
      ])
  }

  @Test func unknownNamesAreTold() async throws {
    let result = try await #require(processExitsWith: .exitCode(0), observing: [\.standardErrorContent]) {
      start("ANAX_VM_PAGE_DECAI=1", "ANAX_LWKT_=1", "ANAX_OTHER=1")
      exit(0)
    }
    #expect(
      lines(result.standardErrorContent) == [
        "anax: ANAX_VM_PAGE_DECAI is not a tunable and has no effect; `anax tunables` lists them",
        "anax: ANAX_LWKT_ is not a tunable and has no effect; `anax tunables` lists them",
      ])
  }

  @Test func hostileTextStaysOneShortLine() async throws {
    let result = try await #require(processExitsWith: .exitCode(0), observing: [\.standardErrorContent]) {
      start(
        "ANAX_VM_PAGE_DECAY=\u{1b}[2J\nanax: x", "ANAX_VM_PAGE_KEEP=" + String(repeating: "9", count: 5000),
        "ANAX_VM_" + String(repeating: "A", count: 5000) + "=1")
      exit(0)
    }
    let lines = lines(result.standardErrorContent)
    #expect(lines.count == 3)
    #expect(lines.first == "anax: ANAX_VM_PAGE_DECAY=?[2J?anax: x is refused: wants 0...3600000 ms; using 1000 ms")
    #expect(lines.allSatisfy { $0.utf8.count < 320 })
  }

  @Test func liveValuesAreSetAndReadByNameFromC() async {
    await #expect(processExitsWith: .exitCode(0)) {
      start("ANAX_VM_PAGE_DECAY=7")
      var value: Int64 = -1
      expect(anax_tunable_get("vm.page.decay", &value) == 0 && value == 7)
      expect(anax_tunable_set("vm.page.decay", 8) == 0 && Tunable.pageDecay.value == 8)
      expect(anax_tunable_set("vm.page.decay", -1) == ERANGE && Tunable.pageDecay.value == 8)
      expect(anax_tunable_set("vm.page.decay", 3_600_001) == ERANGE && Tunable.pageDecay.value == 8)
      expect(anax_tunable_set("rung", 2) == EPERM && Tunable.rung.value == 0)
      expect(anax_tunable_set("no.such", 2) == ENOENT)
      expect(anax_tunable_get("no.such", &value) == ENOENT && value == 7)
      exit(0)
    }
  }

  @Test func swiftSettersThrowWhatIsWrong() async {
    await #expect(processExitsWith: .exitCode(0)) {
      start()
      do throws(TunableError) {
        try Tunable.tokenSpin.set(9)
        expect(Tunable.tokenSpin.value == 9)
        try Tunable.tokenSpin.set(-9)
        exit(1)
      } catch {
        expect(error == .outOfRange && Tunable.tokenSpin.value == 9)
      }
      do throws(TunableError) {
        try Tunable.helper.set(1)
        exit(1)
      } catch {
        expect(error == .onlyAtStart)
      }
      exit(0)
    }
  }

  @Test func startReadsTheProcessEnvironmentOnce() async throws {
    let result = try await #require(processExitsWith: .exitCode(0), observing: [\.standardErrorContent]) {
      setenv("ANAX_VM_PAGE_DECAY", "12", 1)
      setenv("ANAX_VM_PAGE_KEEP", "x", 1)
      Tunable.start()
      expect(Tunable.pageDecay.value == 12)
      setenv("ANAX_VM_PAGE_DECAY", "13", 1)
      Tunable.start()
      expect(Tunable.pageDecay.value == 12)
      exit(0)
    }
    #expect(lines(result.standardErrorContent).count == 1)
  }
}
