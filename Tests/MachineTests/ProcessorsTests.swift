// SPDX-License-Identifier: Apache-2.0
// What the engine reads of CPUs and nodes at its start, from files played by a fake kernel. Each case is a process of
// its own.

import CAnax
import Machine
import Testing

/// The nodes in the order in which each is asked, for the nodes that are online.
private func orders(_ online: [Int], _ list: String, _ distances: [String]) -> [[Int]] {
  var files = [("/sys/devices/system/cpu/possible", "0-7\n"), ("/sys/devices/system/node/online", list + "\n")]
  for (node, text) in zip(online, distances) {
    files.append(("/sys/devices/system/node/node\(node)/cpulist", "\(node)\n"))
    files.append(("/sys/devices/system/node/node\(node)/distance", text + "\n"))
  }
  PlayedFiles.play(files) { Processors.read() }
  let nodes = Int(anax_state().pointee.node_count)
  return online.filter { $0 < nodes }.map { node in
    (0..<nodes).map { Int(anax_node_order_table()[node * Int(ANAX_NODES_MAX) + $0]) }
  }
}

@Suite struct ProcessorsTests {
  @Test func nodesByDistance() async {
    await #expect(processExitsWith: .success) {
      #expect(orders([0, 1, 2], "0-2", ["10 30 20", "30 10 20", "20 30 10"]) == [[0, 2, 1], [1, 2, 0], [2, 0, 1]])
      #expect(anax_cpu_node_table()[2] == 2)
    }
  }

  /// The kernel writes a column for each node that is online.
  @Test func distancesOfSparseNodes() async {
    await #expect(processExitsWith: .success) {
      let asked = orders([0, 2, 5], "0,2,5", ["10 40 20", "40 10 30", "20 30 10"])
      #expect(asked.map { $0.filter { [0, 2, 5].contains($0) } } == [[0, 5, 2], [2, 5, 0], [5, 0, 2]])
      // What is not there comes last.
      #expect(asked.allSatisfy { Set($0.suffix(3)) == [1, 3, 4] && Set($0).count == 6 })
    }
  }

  /// What cannot be so breaks nothing: every node asks itself first, then each other once.
  @Test(arguments: [
    ["", "ten"], ["10", "20 10 30 40 50"], ["0 0", "-1 99999999999999999999"], ["\u{0}", "10\n\n10"],
  ])
  func impossibleDistances(distances: [String]) async {
    await #expect(processExitsWith: .success) { [distances] in
      let asked = orders([0, 1], "0-1", distances)
      #expect(asked == [[0, 1], [1, 0]])
    }
  }

  /// Ids that may come are counted up to the highest, gaps and all.
  @Test func sparsePossibleIDs() async {
    await #expect(processExitsWith: .success) {
      PlayedFiles.play([
        ("/sys/devices/system/cpu/possible", "0-3,8-11,40\n"), ("/sys/devices/system/node/online", "0\n"),
      ]) { Processors.read() }
      #expect(anax_state().pointee.cpu_count == 41 && anax_state().pointee.node_count == 1)
    }
  }

  /// A CPU that no node lists has none until it asks; one that two nodes list has one of them.
  @Test func cpusWithoutANode() async {
    await #expect(processExitsWith: .success) {
      PlayedFiles.play([
        ("/sys/devices/system/cpu/possible", "0-7\n"), ("/sys/devices/system/node/online", "0-1\n"),
        ("/sys/devices/system/node/node0/cpulist", "0-2\n"), ("/sys/devices/system/node/node1/cpulist", "2,5-6\n"),
        ("/sys/devices/system/node/node0/distance", "10 20\n"), ("/sys/devices/system/node/node1/distance", "20 10\n"),
      ]) { Processors.read() }
      #expect((0..<8).map { Processors.knownNode(ofCPU: $0) } == [0, 0, 1, nil, nil, 1, 1, nil])
    }
  }

  /// More nodes than have a home of their own: their columns are left out, and their CPUs use homes that there are.
  @Test func nodesBeyondTheHomes() async {
    await #expect(processExitsWith: .success) {
      let asked = orders([0, 3, 40, 41], "0,3,40-41", ["10 20 15 15", "20 10 15 15", "15 15 10 15", "15 15 15 10"])
      #expect(asked[0].prefix(2) == [0, 3] && asked[1].prefix(2) == [3, 0])
      #expect([0, 3, 40, 41].map { Processors.knownNode(ofCPU: $0) } == [0, 3, 0, 3])
      // A node that came after the start has none either.
      #expect(Processors.home(ofNode: 3) == 3 && Processors.home(ofNode: 5) == 3 && Processors.home(ofNode: 6) == 0)
    }
  }

  /// A number that no node has does not keep the start busy.
  @Test func aNodeThatCannotBe() async {
    await #expect(processExitsWith: .success) {
      let asked = orders([0, 1], "0-1,8388607", ["10 20", "20 10"])
      #expect(asked[0].prefix(2) == [0, 1] && anax_state().pointee.node_count == ANAX_NODES_MAX)
    }
  }

  /// What was cut off a long list is not known, and the number at the cut is not taken for another.
  @Test func listsThatAreTooLong() async {
    await #expect(processExitsWith: .success) {
      let odd = stride(from: 1, to: 4096, by: 2).map(String.init).joined(separator: ",")
      let even = stride(from: 0, to: 4096, by: 2).map(String.init).joined(separator: ",")
      PlayedFiles.play([
        ("/sys/devices/system/cpu/possible", even + "\n"), ("/sys/devices/system/node/online", "0-1\n"),
        ("/sys/devices/system/node/node0/cpulist", even + "\n"),
        ("/sys/devices/system/node/node1/cpulist", odd + "\n"),
        ("/sys/devices/system/node/node0/distance", "10 20\n"), ("/sys/devices/system/node/node1/distance", "20 10\n"),
      ]) { Processors.read() }
      let known = (0..<Int(ANAX_CPUS_MAX)).map { Processors.knownNode(ofCPU: $0) }
      #expect(known.enumerated().allSatisfy { $1 == nil || $1 == $0 & 1 })
      #expect(known.compactMap(\.self).count >= 480)
      #expect(anax_state().pointee.cpu_count == ANAX_CPUS_MAX)
    }
  }
}
