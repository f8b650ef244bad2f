// SPDX-License-Identifier: Apache-2.0
//
// The page and the other texts of a report: well-formed, self-contained, whole, and the same facts in each.
import Anax
import Foundation
import PageReading
import Testing

@testable import Report
@testable import Tuner

@Suite struct PageTests {
  static func report(
    _ change: (PlayedMachine) -> Void = { _ in }, program: [String]? = nil, stop: Int = .max
  ) throws -> TuningReport {
    let machine = PlayedMachine(seed: 4)
    change(machine)
    var tuning = machine.tuning(PlayedMachine.plan(program: program))
    tuning.isInterrupted = { machine.cells >= stop }
    let spread = MachineCosts.Spread([40, 41, 43])
    return TuningReport(
      record: tuning.run(),
      machine: MachineFingerprint(
        architecture: "x86_64", processor: "A \"fast\" <processor> & more\u{1}", hypervisor: "KVM", cpus: 2,
        cpuQuota: 1.5,
        kernel: "6.18"),
      costs: MachineCosts(
        pause: spread, futexSameCPU: MachineCosts.Spread([5000]), futexOtherCPU: nil, contextSwitch: nil,
        counterFrequency: 2_445_000, counterRead: 10),
      optima: [0: SpinOptimum(waits: [(100, 9), (1e6, 1)], blockCost: 5000, defaultBudget: 200)!],
      date: "2026-11-25 04:00 UTC", command: "anax tune --quick")
  }

  static func planted(_ machine: PlayedMachine) {
    machine.throughput = { candidate, _ in candidate == ChoiceTests.planted ? 1.4 : 0.9 }
  }

  @Test func pageIsWellFormedAndWhole() throws {
    let report = try Self.report(Self.planted)
    let page = Page(report).html
    let elements = try PageElements(page)
    #expect(elements.foreign(in: page).isEmpty)
    // Three maps a workload that was tuned on, and the plot of the intervals.
    #expect(elements.counts["svg"] == 3 * 4 + 1)
    #expect(elements.text.contains("Set lwkt.token_spin = 40 and lwkt.token_delay = 100 ns"))
    #expect(elements.text.contains("A \"fast\" <processor> & more\u{FFFD}"))
    #expect(page.contains("prefers-color-scheme:dark") && page.contains("width=device-width"))
    // A row of the last table for each reading.
    let table = try #require(page.components(separatedBy: "<details").last)
    #expect(table.components(separatedBy: "<tr").count - 2 == report.record.samples.count)
  }

  @Test(arguments: [0, 1, 30, 120]) func stoppedTuningHasAPageToo(cells: Int) throws {
    let report = try Self.report(Self.planted, stop: cells)
    let elements = try PageElements(Page(report).html)
    #expect(elements.text.contains("Stopped before a choice"))
    #expect(report.text.contains("Stopped before a choice"))
    #expect(!report.isComplete && report.values.isEmpty)
  }

  @Test func programHasMapsOfItsOwn() throws {
    let report = try Self.report(Self.planted, program: ["./server", "<&>"])
    let elements = try PageElements(Page(report).html)
    #expect(elements.text.contains("Wall time, seconds") && elements.text.contains("./server <&>"))
  }

  @Test func mapsMarkDefaultAndChoice() throws {
    let chosen = Page(try Self.report(Self.planted)).html
    #expect(chosen.components(separatedBy: "class=\"cell default\"").count - 1 == 12)
    #expect(chosen.components(separatedBy: "class=\"cell chosen\"").count - 1 == 12)
    let kept = Page(try Self.report()).html
    #expect(!kept.contains("class=\"cell chosen\""))
  }

  @Test func colorsSayBetterAndWorse() {
    #expect(
      [1, 1.02, 1.05, 1.2, 1.5, 3].map { HeatMap.color($0) } == [
        "neutral", "neutral", "better1", "better2", "better3", "better4",
      ])
    #expect([0.95, 0.85, 0.7, 0.1].map { HeatMap.color($0) } == ["worse1", "worse2", "worse3", "worse4"])
    #expect(HeatMap.color(nil) == "unknown" && HeatMap.color(0) == "unknown")
  }

  @Test func textHasTheVerdictAndItsNumbers() throws {
    let report = try Self.report(Self.planted)
    #expect(report.text.contains("verdict             Set lwkt.token_spin = 40"))
    #expect(report.text.contains("40 × 100 ns, confirmed"))
    #expect(report.text.contains("validated: "))
    #expect(report.text.contains("futex, two CPUs     not measured"))
  }

  @Test func jsonHasEveryReading() throws {
    let report = try Self.report(Self.planted)
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(report.json.text().utf8)) as? [String: Any])
    #expect((object["readings"] as? [Any])?.count == report.record.samples.count)
    #expect(object["complete"] as? Bool == true)
    let confirmed = try #require(object["confirmed"] as? [String: Any])
    #expect((confirmed["throughput"] as? [Double])?.count == 3)
    #expect(confirmed["rounds"] as? Int == 10)
  }

  @Test func profileIsWhatTheLibraryReads() throws {
    for (report, values) in [
      (try Self.report(Self.planted), ["lwkt.token_spin": 40, "lwkt.token_delay": 100, "lwkt.token_backoff": 0]),
      (try Self.report(), [:]), (try Self.report(Self.planted, stop: 20), [:]),
    ] {
      let path = NSTemporaryDirectory() + "tuner-profile-\(UUID().uuidString).json"
      defer { try? FileManager.default.removeItem(atPath: path) }
      try report.profile.write(toFile: path, atomically: true, encoding: .utf8)
      let profile = try TokenProfile(path: path)
      #expect(profile == TokenProfile(machine: report.machine, isComplete: report.isComplete, values: values))
    }
  }

  @Test func dirtyCellsAreToldWhereTheyAreMany() throws {
    #expect(try Self.report(Self.planted).warning == nil)
    let report = try Self.report {
      Self.planted($0)
      $0.dirty = { _ in true }
    }
    let warning = try #require(report.warning)
    #expect(
      warning.contains("cells stayed dirty") && report.text.contains(warning) && Page(report).html.contains(warning))
  }
}
