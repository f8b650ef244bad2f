// SPDX-License-Identifier: Apache-2.0
//
// What the engine read of the machine beside what Topology did: equal where the machine is sound, told where not.
import ArgumentParser
import CAnax
import Foundation
import Heap
import Machine
import Testing
import Topology

@testable import AnaxCommand

/// Nodes that the engine finds in a folder in place of /sys/devices/system/node; everything else is the machine's.
private enum PlayedNodes {
  nonisolated(unsafe) static var folder = ""

  static func play(_ files: [String: String]) throws {
    folder = FileManager.default.temporaryDirectory.path + "/anax-nodes-\(getpid())"
    for (name, text) in files {
      let file = URL(fileURLWithPath: folder + "/" + name)
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
    anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
      let nodes = "/sys/devices/system/node"
      guard number == anax_sys_openat, let path = UnsafePointer<CChar>(bitPattern: b),
        strncmp(path, nodes, nodes.utf8.count) == 0
      else { return anax_system_call(number, a, b, c, d, e, f) }
      let place = PlayedNodes.folder + String(cString: path + nodes.utf8.count)
      return place.withCString { anax_system_call(number, a, Int(bitPattern: $0), c, d, e, f) }
    }
  }

  static func end() {
    anax_state().pointee.fake_kernel = nil
    try? FileManager.default.removeItem(atPath: folder)
  }
}

@Suite struct EngineViewTests {
  static func topology(_ nodes: [(id: Int, cpus: CPUSet)]) -> Topology {
    let all: CPUSet = nodes.reduce([]) { $0.union($1.cpus) }
    return Topology(
      nodes: nodes.map {
        .init(id: $0.id, cpus: $0.cpus, memory: nil, distances: [Int](repeating: 10, count: nodes.count))
      },
      possible: all, online: all, allowed: all, allowedNodes: NodeSet(nodes.map(\.id)), caches: [], warnings: [])
  }

  static let two = EngineView(homes: 2, nodes: [0, 1], homeOfCPU: [0: 0, 1: 0, 2: 1, 3: 1])

  @Test func whatIsAlikeIsNotTold() {
    #expect(Self.two.differences(from: Self.topology([(0, [0, 1]), (1, [2, 3])])) == [])
    // A home more, for the number that no node has.
    let sparse = EngineView(homes: 3, nodes: [0, 2], homeOfCPU: [0: 0, 1: 2])
    #expect(sparse.differences(from: Self.topology([(0, [0]), (2, [1])])) == [])
    // Nodes beyond those with homes use the homes that there are, in turns.
    let many = EngineView(homes: 16, nodes: [0, 3], homeOfCPU: [0: 0, 1: 3, 2: 0, 3: 3])
    #expect(many.differences(from: Self.topology([(0, [0]), (3, [1]), (40, [2]), (41, [3])])) == [])
  }

  @Test func whatDiffersNamesBoth() {
    #expect(
      Self.two.differences(from: Self.topology([(0, [0, 1, 2, 3])])) == [
        "the engine goes by 2 homes and has read of the nodes 0-1; this topology has the nodes 0 "
          + "(/sys/devices/system/node)",
        "for CPUs 2-3 the engine goes by home 1; this topology has them on node 0 "
          + "(/sys/devices/system/node/node0/cpulist)",
      ])
    #expect(
      Self.two.differences(from: Self.topology([(0, [0, 2]), (1, [1, 3, 5])])) == [
        "for CPUs 1 the engine goes by home 0; this topology has them on node 1 "
          + "(/sys/devices/system/node/node1/cpulist)",
        "for CPUs 2 the engine goes by home 1; this topology has them on node 0 "
          + "(/sys/devices/system/node/node0/cpulist)",
        "for CPUs 5 the engine knows no home; this topology has them on node 1 "
          + "(/sys/devices/system/node/node1/cpulist)",
      ])
  }

  @Test func onThisMachineTheyAreAlike() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let engine = try #require(EngineView.current())
      #expect(engine.differences(from: .current()) == [])
    }
  }

  /// The whole verb, of an engine that was told of 3 nodes more than the machine has, and of CPUs on them.
  @Test(arguments: [TopologyCommand.Format.text, .json])
  func theCommandTellsOfAnotherEngine(format: TopologyCommand.Format) async throws {
    let result = try await #require(processExitsWith: .exitCode(0), observing: [\.standardOutputContent]) {
      [name = format.rawValue as String] in
      let highest = Topology.current().nodes.map(\.id).max()! + 3
      var files = ["online": "0-\(highest)\n"]
      for node in 0...highest {
        files["node\(node)/cpulist"] = node == highest ? "0-4095\n" : "\n"
        files["node\(node)/distance"] = (0...highest).map { $0 == node ? "10" : "20" }.joined(separator: " ") + "\n"
      }
      try PlayedNodes.play(files)
      _ = Engine.ensureStarted()
      PlayedNodes.end()
      try TopologyCommand.parse(["--format", name]).run()
    }
    let nodes = NodeSet(Topology.current().nodes.map(\.id))
    let highest = try #require(nodes.last) + 3
    let text = String(decoding: result.standardOutputContent, as: UTF8.self)
    let sentences = [
      "the engine goes by \(highest + 1) homes and has read of the nodes 0-\(highest); this topology has the nodes \(nodes)",
      "the engine goes by home \(highest); this topology has them on node \(nodes.first!)",
    ]
    for sentence in sentences {
      // A slash is escaped in JSON, and none is in what is looked for.
      #expect(text.contains(sentence), "\(text)")
      #expect(
        format == .json || text.split(separator: "\n").contains { $0.hasPrefix("warning") && $0.contains(sentence) })
    }
  }
}
