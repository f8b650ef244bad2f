// SPDX-License-Identifier: Apache-2.0
//
// What the verbs print: JSON that a parser takes, and the same facts in text.
import Anax
import Foundation
import Machine
import Testing
import Topology

@testable import AnaxCommand

@Suite struct ReportTests {
  static let report = TopologyReport(
    topology: Topology(
      nodes: [
        .init(id: 0, cpus: CPUSet(0...1), memory: 3 << 29, distances: [10, 20]),
        .init(id: 4, cpus: [], memory: nil, distances: [20, 10]),
      ],
      possible: CPUSet(0...7), online: CPUSet(0...1), allowed: [1], allowedNodes: [0],
      caches: (0...1).map {
        Topology.Cache(level: 2, kind: .unified, size: 1 << 20, ways: 8, line: 64, sets: 2048, sharedBy: [$0])
      },
      warnings: ["/sys/\"x\"\u{1}: odd"]),
    limits: Limits(
      root: "/nonexistent", process: .init(addressSpace: 64 << 20, pageSize: 4096, addressBits: 47)),
    support: PerCPUSupport(areaBytes: 20, featureBytes: 28, canStopSections: true),
    rung: RungInForce(letter: "B", reason: "because"),
    heap: HeapPicture(regions: [
      .init(home: 0, addresses: 0x1000..<0x3000, pages: [4: 7]),
      .init(home: 1, addresses: 0x3000..<0x5000, pages: [0: 3]),
    ]))

  @Test func topologyTextSaysWhatThereIs() {
    let text = Self.report.text
    for line in [
      "CPUs              possible 0-7, online 0-1, allowed 1", "node 0            CPUs 0-1, 1.5 GiB, distances 10 20",
      "node 4            no CPU, not allowed, distances 20 10",
      "L2 unified        1 MiB, 8 ways of 2048 sets of 64 B, one for each CPU",
      "colors            32 (a way of the L2 cache is 128 KiB)", "CPU quota         none",
      "address space     64 MiB (RLIMIT_AS)", "rung              B: because",
    ] {
      #expect(text.contains(line + "\n"))
    }
  }

  @Test func topologyJSONIsWhatAParserTakes() throws {
    let object = try JSONSerialization.jsonObject(with: Data(Self.report.json.text().utf8))
    let members = try #require(object as? [String: Any])
    #expect(members["colors"] as? Int == 32)
    #expect(members["warnings"] as? [String] == ["/sys/\"x\"\u{1}: odd"])
    #expect((members["nodes"] as? [[String: Any]])?.map { $0["id"] as? Int } == [0, 4])
    let regions = try #require(members["regions"] as? [[String: Any]])
    #expect(regions.map { $0["start"] as? String } == ["0x1000", "0x3000"])
    #expect(regions.allSatisfy { $0["bytes"] as? Int == 0x2000 })
    #expect(regions[0]["pages"] as? [[String: Int]] == [["node": 4, "count": 7]])
    let limits = try #require(members["limits"] as? [String: Any])
    #expect(limits["cpu_quota"] is NSNull)
    #expect((limits["address_space_bytes"] as? [String: Any])?["value"] as? Int == 64 << 20)
    #expect((members["rung"] as? [String: Any])?["letter"] as? String == "B")
    #expect(members["process"] is NSNull)
  }

  @Test func rungIsTheEnginesOwn() async {
    await #expect(processExitsWith: .exitCode(0)) {
      setenv("ANAX_RUNG", "D", 1)
      Tunable.start()
      let rung = RungInForce.current()
      exit(rung == RungInForce(letter: "D", reason: "asked for") ? 0 : 1)
    }
    await #expect(processExitsWith: .exitCode(0)) {
      unsetenv("ANAX_RUNG")
      Tunable.start()
      let rung = RungInForce.current()
      exit(rung.letter == (PerCPUSupport.current().areaBytes > 0 ? "B" : "D") ? 0 : 1)
    }
  }

  @Test func variablesOfTheTableSetTheirTunable() {
    #expect(Tunable.pageKeepFloor.variable == "ANAX_VM_PAGE_KEEP_FLOOR")
    for tunable in Tunable.all {
      #expect(Tunable(variable: tunable.variable, count: tunable.variable.utf8.count) == tunable)
    }
  }

  @Test(arguments: [(UInt64(0), "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1536, "1.5 KiB"), (5 << 40, "5 TiB")])
  func bytesArePrintedInTheLargestUnit(_ bytes: UInt64, _ text: String) {
    #expect(TopologyReport.bytes(bytes) == text)
  }
}
