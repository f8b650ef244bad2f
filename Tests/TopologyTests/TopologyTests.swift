// SPDX-License-Identifier: Apache-2.0
//
// The topology of machines that are not this one: sparse, memory-only, changing while they are read, and impossible.
import Foundation
import Synchronization
import Testing

@testable import Topology

/// Set by one thread, read by another.
private final class AtomicFlag: Sendable {
  private let value = Atomic(false)
  var isSet: Bool { value.load(ordering: .acquiring) }
  func set() { value.store(true, ordering: .releasing) }
}

@Suite struct TopologyTests {
  @Test func twoNodesWithSparseIDs() {
    let root = FakeRoot()
    root.cpus(online: "0-3,8-9", possible: "0-15,32-79")
    root.nodes(online: "0,5")
    root.node(0, cpus: "0-3", distances: "10 21", kibibytes: 1024)
    root.node(5, cpus: "8-9", distances: "21 10", kibibytes: 2048)
    let topology = Topology(root: root.path)
    #expect(topology.warnings == [])
    #expect(topology.nodes.map(\.id) == [0, 5])
    #expect(topology.nodes.map(\.memory) == [1 << 20, 2 << 20])
    #expect(topology.nodes[1].distances == [21, 10])
    #expect(topology.possible.count == 64 && topology.possible.last == 79 && !topology.possible.contains(16))
    #expect(topology.online.description == "0-3,8-9")
    #expect(topology.allowed == topology.online)
    #expect(topology.allowedNodes == [0, 5])
    #expect(topology.node(ofCPU: 9) == 5)
    #expect(topology.node(ofCPU: 4) == nil)
  }

  @Test func memoryOnlyNodeAndNearestOrder() {
    let root = FakeRoot()
    root.cpus(online: "0-3")
    root.nodes(online: "0-2")
    root.node(0, cpus: "0-1", distances: "10 31 20", kibibytes: 8)
    root.node(1, cpus: "2-3", distances: "31 10 20", kibibytes: 8)
    root.node(2, cpus: "", distances: "20 20 10", kibibytes: 64)
    let topology = Topology(root: root.path)
    #expect(topology.warnings == [])
    #expect(topology.nodes[2].cpus.isEmpty)
    #expect(topology.nearest(to: 0) == [0, 2, 1])
    #expect(topology.nearest(to: 1) == [1, 2, 0])
    #expect(topology.nearest(to: 2) == [2, 0, 1])
    #expect(topology.nearest(to: 7) == [])
  }

  @Test func allowedCPUsAndNodesOfAPinnedProcess() {
    let root = FakeRoot([
      "proc/self/status": "Name:\tx\nCpus_allowed:\tf\nCpus_allowed_list:\t1,9\nMems_allowed_list:\t0\n"
    ])
    root.cpus(online: "0-3")
    let topology = Topology(root: root.path)
    #expect(topology.allowed == [1])
    #expect(topology.allowedNodes == [0])
    #expect(topology.warnings == [])
  }

  @Test func kernelWithoutNodesIsOneNodeWithoutWarning() {
    let root = FakeRoot(["proc/meminfo": "MemTotal:        4096 kB\n"])
    root.cpus(online: "0-1")
    let topology = Topology(root: root.path)
    #expect(topology.nodes == [.init(id: 0, cpus: [0, 1], memory: 4 << 20, distances: [10])])
    #expect(topology.warnings == [])
  }

  @Test func emptyRootIsOneCPUWithWarningsThatNameTheFiles() {
    let root = FakeRoot()
    let topology = Topology(root: root.path)
    #expect(topology.nodes.count == 1)
    #expect(topology.online == [0])
    #expect(topology.warnings.contains { $0.hasPrefix(root.path + "/sys/devices/system/cpu/online: cannot be read") })
  }

  @Test func containerThatIsShownFewerCPUsKeepsItsNodes() throws {
    let root = FakeRoot()
    root.cpus(online: "0,2")
    root.nodes(online: "0-1")
    root.node(0, cpus: "0-1", distances: "10 20")
    root.node(1, cpus: "2-3", distances: "20 10")
    let topology = Topology(root: root.path)
    #expect(topology.nodes.map(\.cpus) == [[0], [2]])
    #expect(topology.warnings.count == 2)
    #expect(try #require(topology.warnings.last).hasSuffix("node1/cpulist: has CPUs 3, which are not online; left out"))
  }

  /// A case of one wrong file: what is changed in a sound tree of two nodes, and the file and word the warning has.
  struct Impossible: Sendable, CustomTestStringConvertible {
    var file: String
    var text: String
    var reason: String
    var testDescription: String { "\(file): \(text)" }
  }

  @Test(arguments: [
    Impossible(file: "node1/cpulist", text: "1-3", reason: "which another node has too"),
    Impossible(file: "node1/cpulist", text: "2", reason: "no node has the online CPUs 3"),
    Impossible(file: "node1/cpulist", text: "two", reason: "is not a list"),
    Impossible(file: "node1/distance", text: "20", reason: "has 1 distances for 2 nodes"),
    Impossible(file: "node1/distance", text: "20 10 20", reason: "has 3 distances for 2 nodes"),
    Impossible(file: "node1/distance", text: "20 ten", reason: "is not a row of distances"),
    Impossible(file: "node1/distance", text: "20 0", reason: "is not a row of distances"),
    Impossible(file: "node0/distance", text: "20 10", reason: "nearer to node 0 than itself"),
    Impossible(file: "online", text: "0-2", reason: "has 2 distances for 3 nodes"),
    Impossible(file: "online", text: "7", reason: "node7/cpulist: cannot be read"),
    Impossible(file: "online", text: "", reason: "lists no node"),
    Impossible(file: "online", text: "0-99999", reason: "is not a list"),
  ])
  func impossibleTreeBecomesOneNode(_ impossible: Impossible) throws {
    let root = FakeRoot()
    root.cpus(online: "0-3")
    root.nodes(online: "0-1")
    root.node(0, cpus: "0-1", distances: "10 20")
    root.node(1, cpus: "2-3", distances: "20 10")
    #expect(Topology(root: root.path).warnings == [])
    root.write("sys/devices/system/node/" + impossible.file, impossible.text)
    let topology = Topology(root: root.path)
    #expect(topology.nodes.map(\.id) == [0])
    #expect(topology.nodes[0].cpus == [0, 1, 2, 3])
    let warning = try #require(topology.warnings.first)
    #expect(topology.warnings.count == 1)
    #expect(warning.hasPrefix(root.path + "/sys/devices/system/node"))
    #expect(warning.contains(impossible.reason))
  }

  /// The kernel's lists of CPUs change all at once; whoever has read some before and others after reads again, and the
  /// machine has two nodes all the time.
  @Test func aCPUThatComesAndGoes() throws {
    let root = FakeRoot.sound()
    let (path, files) = (root.path, FileManager.default)
    // Two trees, and a link that is one or the other.
    try files.moveItem(atPath: path + "/sys", toPath: path + "/four")
    try files.copyItem(atPath: path + "/four", toPath: path + "/three")
    root.write("three/devices/system/cpu/online", "0-2\n")
    root.write("three/devices/system/node/node1/cpulist", "2\n")
    try files.createSymbolicLink(atPath: path + "/sys", withDestinationPath: "four")
    let stop = AtomicFlag()
    let reads = DispatchGroup()
    reads.enter()
    Thread.detachNewThread {
      while !stop.isSet {
        for tree in ["three", "four"] {
          symlink(tree, path + "/next")
          rename(path + "/next", path + "/sys")
          // Longer than one who reads again waits in all.
          usleep(30_000)
        }
      }
      reads.leave()
    }
    var seen = Set<CPUSet>()
    // On a busy machine the links may all be changed between the same two reads.
    for read in 0..<1000 where read < 200 || seen.count < 2 {
      let topology = Topology(root: path)
      #expect(topology.nodes.map(\.id) == [0, 1], "\(topology.warnings)")
      seen.insert(topology.online)
    }
    stop.set()
    reads.wait()
    #expect(seen == [[0, 1, 2], [0, 1, 2, 3]], "nothing came or went")
  }

  @Test func distancesOfAnotherSource() {
    let root = FakeRoot.sound()
    var topology = Topology(root: root.path)
    topology.take { from, to in from == to ? 10 : from == 0 ? 0 : 31 }
    #expect(topology.nodes.map(\.distances) == [[10, 20], [31, 10]])
    #expect(topology.warnings == ["libnuma: node 1 to node 0 is 31, and /sys says 20"])
  }

  /// A folder in the file's place can be opened and not read; nothing in its place cannot be opened.
  @Test(arguments: ["cpulist", "distance"], [true, false])
  func unreadableFilesBecomeOneNode(file: String, isFolder: Bool) throws {
    let root = FakeRoot()
    root.cpus(online: "0-3")
    root.nodes(online: "0-1")
    root.node(0, cpus: "0-1", distances: "10 20")
    root.node(1, cpus: "2-3", distances: "20 10")
    let path = root.path + "/sys/devices/system/node/node1/" + file
    try FileManager.default.removeItem(atPath: path)
    if isFolder { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false) }
    let topology = Topology(root: root.path)
    #expect(topology.nodes.map(\.id) == [0] && topology.nodes[0].cpus == [0, 1, 2, 3])
    #expect(topology.warnings.count == 1)
    #expect(try #require(topology.warnings.first).hasPrefix("\(path): cannot be read"))
  }

  /// A folder in a file's place can be opened and not be read, even by root. Where there is no file, there is nothing
  /// to say.
  @Test(arguments: ["proc/self/status", "proc/meminfo"])
  func anUnreadableFileIsNamedOnce(path: String) throws {
    let root = FakeRoot([path + "/inside": ""])
    root.cpus(online: "0-3")
    let topology = Topology(root: root.path)
    #expect(topology.nodes.count == 1 && topology.allowed == [0, 1, 2, 3])
    #expect(topology.warnings == ["\(root.path)/\(path): cannot be read (Is a directory)"])
  }

  @Test func thisMachineIsConsistent() {
    let topology = Topology.current()
    #expect(topology.warnings == [])
    #expect(!topology.allowed.isEmpty)
    #expect(topology.allowed.subtracting(topology.online).isEmpty)
    #expect(topology.online.subtracting(topology.possible).isEmpty)
    #expect(!topology.allowedNodes.isEmpty)
    for cpu in topology.online.ids { #expect(topology.node(ofCPU: cpu) != nil) }
  }
}
