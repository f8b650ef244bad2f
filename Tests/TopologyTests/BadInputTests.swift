// SPDX-License-Identifier: Apache-2.0
//
// A root whose files are unreadable, empty, of other bytes, too long or contradict each other: what comes out is sound,
// and every warning names its file.
import Foundation
import Testing
import Topology

@Suite struct BadInputTests {
  static let cpu = "sys/devices/system/cpu"
  static let node = "sys/devices/system/node"

  /// Everything that is read on a sound machine of two nodes.
  static let files: [String] = FakeRoot.sound().files().filter { $0 != "proc/meminfo" }

  static let contents: [(name: String, bytes: [UInt8])] = [
    ("empty", []), ("blank", Array(" \n\t\n".utf8)), ("NUL", [0]), ("NULs within", Array("0-3\u{0}\u{0},5".utf8)),
    ("no text", (0...255).map { UInt8($0) }), ("half a letter", [0xe2, 0x82]), ("minus", Array("-1\n".utf8)),
    ("beyond", Array("99999999999999999999999\n".utf8)), ("words", Array("the usual\n".utf8)),
    ("controls", Array("\u{1b}[2J\r\u{7}0".utf8)), ("long", [UInt8](repeating: 0x37, count: 5 << 20)),
    ("long list", Array(String(repeating: "0-65535,", count: 600_000).utf8) + [0x30]),
  ]

  @Test func theSoundMachineIsSound() {
    let root = FakeRoot.sound()
    let topology = Topology(root: root.path)
    #expect(root.unsound(topology) == [] && topology.warnings == [] && topology.nodes.count == 2)
    #expect(topology.caches.count == 4 && Self.files.count == 10 + 4 * 7)
  }

  /// Without the file things go on too, and not always with a word: a machine need not say everything.
  @Test(arguments: files) func anyFileMayHaveAnyContent(file: String) {
    let root = FakeRoot.sound()
    for (name, bytes) in Self.contents {
      root.write(file, bytes)
      let topology = Topology(root: root.path)
      #expect(root.unsound(topology) == [], "\(name)")
      // A node without CPUs may be; then it is another's that are missed.
      let named = file.hasSuffix("cpulist") && bytes.allSatisfy { [9, 10, 32].contains($0) } ? Self.node : file
      #expect(topology.warnings.contains { $0.hasPrefix("\(root.path)/\(named): ") }, "\(name): \(topology.warnings)")
    }
  }

  /// What begins as it should is not taken for the whole.
  @Test(arguments: files) func anyFileThatIsTooLongIsNamed(file: String) {
    let root = FakeRoot.sound()
    let bytes = Array(FileManager.default.contents(atPath: "\(root.path)/\(file)")!)
    root.write(file, bytes + [UInt8](repeating: 0x20, count: 5 << 20))
    let topology = Topology(root: root.path)
    #expect(root.unsound(topology) == [])
    #expect(topology.warnings.contains { $0.hasPrefix("\(root.path)/\(file): is longer than ") })
  }

  @Test(arguments: files, FakeRoot.Obstacle.allCases.filter { $0 != .file })
  func anyFileMayBeUnreadable(file: String, obstacle: FakeRoot.Obstacle) {
    let root = FakeRoot.sound()
    root.obstruct(file, with: obstacle)
    let topology = Topology(root: root.path)
    #expect(root.unsound(topology) == [])
    let isOptional = file.contains("/cache/") || file.hasSuffix("meminfo") || file.hasSuffix("status")
    switch obstacle {
    case .nothing, .dangling:
      if isOptional && !file.hasSuffix("/level") && !file.hasSuffix("/type") { #expect(topology.warnings == []) }
      if !isOptional { #expect(topology.warnings.contains { $0.hasPrefix("\(root.path)/\(file): cannot be read") }) }
    case .folder, .file, .ring:
      let reason = obstacle == .folder ? "Is a directory" : "Too many levels of symbolic links"
      #expect(topology.warnings.contains { $0.hasPrefix("\(root.path)/\(file): cannot be read (\(reason))") })
    }
    if file.contains("/node/") && !isOptional { #expect(topology.nodes.map(\.id) == [0]) }
  }

  /// A folder of a machine that is something else.
  @Test(
    arguments: [
      "\(cpu)/cpu2/cache", "\(cpu)/cpu2/cache/index0", "\(node)/node1", node, "proc/self", cpu, "proc", "sys",
    ], [FakeRoot.Obstacle.file, .ring])
  func anyFolderMayBeUnsearchable(folder: String, obstacle: FakeRoot.Obstacle) {
    let root = FakeRoot.sound()
    root.obstruct(folder, with: obstacle)
    let topology = Topology(root: root.path)
    #expect(root.unsound(topology) == [])
    #expect(topology.warnings.contains { $0.hasPrefix("\(root.path)/\(folder)") && $0.contains(": cannot be read (") })
    if folder.hasPrefix(Self.node) { #expect(topology.nodes.map(\.id) == [0] && topology.online == [0, 1, 2, 3]) }
  }

  /// Permissions, which do not bind root: the child gives its rights up.
  @Test(arguments: [
    ("\(cpu)/cpu2/cache", 2), ("\(node)/node1", 1), (node, 1), ("\(node)/node1/cpulist", 1), ("\(cpu)/online", 1),
    ("\(cpu)/cpu2/cache/index0/level", 2), ("proc/self/status", 2),
  ])
  func whatIsForbiddenIsNamed(place: String, nodes: Int) async throws {
    let root = FakeRoot.sound()
    let path = root.path
    #expect(chmod("\(path)/\(place)", 0) == 0)
    defer { chmod("\(path)/\(place)", 0o755) }
    await #expect(processExitsWith: .exitCode(0)) { [path = path as String, place, nodes] in
      if geteuid() == 0 { #expect(seteuid(65534) == 0) }
      let topology = Topology(root: path)
      #expect(topology.nodes.count == nodes && topology.online.isSuperset(of: [0, 1, 2, 3]))
      #expect(topology.warnings.contains { $0.hasPrefix("\(path)/\(place)") && $0.contains("(Permission denied)") })
      #expect(topology.warnings.allSatisfy { $0.hasPrefix(path + "/") })
    }
  }

  /// A container may be shown no /sys.
  @Test func withoutSysTheProcessTellsItsCPUs() throws {
    let root = FakeRoot.sound()
    root.obstruct("sys", with: .nothing)
    let topology = Topology(root: root.path)
    #expect(
      root.unsound(topology) == [] && topology.online == [0, 1, 2, 3] && topology.nodes.map(\.cpus) == [[0, 1, 2, 3]])
    #expect(topology.warnings.count == 2)
  }

  @Test func distancesMayDifferByDirection() {
    let root = FakeRoot.sound()
    root.node(0, cpus: "0-1", distances: "10 255")
    root.node(1, cpus: "2-3", distances: "11 10")
    let topology = Topology(root: root.path)
    #expect(topology.warnings == [] && topology.nodes.map(\.distances) == [[10, 255], [11, 10]])
  }

  @Test func idsMayBeHighAndFarApart() {
    let root = FakeRoot()
    root.cpus(online: "0,64,130,4095", possible: "0-4095")
    root.nodes(online: "0,63-64,1000")
    root.node(0, cpus: "0", distances: "10 20 30 40")
    root.node(63, cpus: "", distances: "20 10 30 40")
    root.node(64, cpus: "64,4095", distances: "20 30 10 40")
    root.node(1000, cpus: "130", distances: "20 30 40 10")
    for cpu in [0, 64, 130, 4095] {
      root.cache(
        cpu: cpu, index: 0, level: 3, type: "Unified", size: "1M", ways: 16, sets: 1024, shared: "0,64,130,4095")
    }
    let topology = Topology(root: root.path)
    #expect(root.unsound(topology) == [] && topology.warnings == [])
    #expect(topology.nodes.map(\.id) == [0, 63, 64, 1000] && topology.node(ofCPU: 4095) == 64)
    #expect(topology.allowedNodes == [0, 63, 64, 1000] && topology.caches.map(\.sharedBy) == [[0, 64, 130, 4095]])
    #expect(topology.nearest(to: 1000) == [1000, 0, 63, 64])
  }

  /// What contradicts something else, and what is said of it.
  @Test(arguments: [
    ("\(node)/node1/cpulist", "0-3", "has CPUs 0-1, which another node has too"),
    ("\(node)/node1/cpulist", "2-3,1", "has CPUs 1, which another node has too"),
    ("\(node)/node0/cpulist", "0-1,900", "has CPUs 900, which are not online; left out"),
    ("\(node)/node0/distance", "10", "has 1 distances for 2 nodes"),
    ("\(node)/node0/distance", "10 20 30", "has 3 distances for 2 nodes"),
    ("\(node)/node0/distance", "0 0", "\"0 0\" is not a row of distances from 1 to 255"),
    ("\(node)/node0/distance", "10 256", "\"10 256\" is not a row of distances from 1 to 255"),
    ("\(node)/node0/meminfo", "Node 0 MemTotal: -1 kB", "has no MemTotal in kB"),
    ("\(node)/online", "0-1,5", "has 2 distances for 3 nodes"),
    ("\(cpu)/online", "0-3,9", "has CPUs 9, which `possible` does not list"),
    ("\(cpu)/cpu1/cache/index0/shared_cpu_list", "0,2", "lacks CPU 1, whose cache it is"),
    ("\(cpu)/cpu1/cache/index0/level", "0", "\"0\" is not a level from 1 to 9; the cache is left out"),
    ("\(cpu)/cpu1/cache/index0/type", "unified", "\"unified\" is not Data, Instruction or Unified"),
    ("\(cpu)/cpu1/cache/index0/size", "K", "\"K\" is not a size such as 1024K"),
    ("\(cpu)/cpu1/cache/index0/number_of_sets", "1073741824", "\"1073741824\" is not a number below 2^30"),
    ("proc/self/status", "Cpus_allowed_list:\t\n", "Cpus_allowed_list is empty"),
    ("proc/self/status", "Mems_allowed_list:\t7\n", "Mems_allowed_list has none of 0-1"),
  ])
  func contradictionsAreNamed(file: String, text: String, reason: String) {
    let root = FakeRoot.sound()
    root.write(file, text)
    let topology = Topology(root: root.path)
    #expect(root.unsound(topology) == [])
    // Of nodes that are too many, the first row of distances is what shows it.
    let place = text == "0-1,5" ? "\(Self.node)/node0/distance" : file
    #expect(topology.warnings.contains { $0.hasPrefix("\(root.path)/\(place): ") && $0.contains(reason) })
  }

  @Test func thousandsOfBadCachesAreFewWarnings() throws {
    let root = FakeRoot.sound()
    root.cpus(online: "0-99")
    root.obstruct(Self.node, with: .nothing)
    for cpu in 0...99 { root.write("\(Self.cpu)/cpu\(cpu)/cache/index0/size", "large") }
    let topology = Topology(root: root.path)
    #expect(root.unsound(topology) == [] && topology.warnings.count == 9)
    #expect(try #require(topology.warnings.last).contains("of the CPUs' caches "))
  }

  /// Files of a sound machine, a few of them changed at random: nothing crashes, and what comes out is sound.
  @Test func anyMutationIsSurvived() throws {
    var random = Random(seed: 20_111_028)
    let root = FakeRoot.sound()
    root.write("proc/self/cgroup", "4:memory:/a\n0::/a/b\n")
    root.write(
      "proc/self/mountinfo",
      """
      30 23 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
      35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory

      """)
    root.write("sys/fs/cgroup/unified/a/cpu.max", "150000 100000\n")
    root.write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1000000\n")
    let files = root.files()
    let sound = Dictionary(
      uniqueKeysWithValues: files.map { ($0, FileManager.default.contents(atPath: "\(root.path)/\($0)")!) })
    let (mutations, process) = (Mutations(sound.values.map { Array($0) }), LimitsTests.process)
    var outcomes: [Int: Int] = [:]
    for _ in 0..<500 {
      var changed: [String: [UInt8]] = [:]
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        // Rather the few files of nodes than the many of caches.
        let few = files.filter { !$0.contains("/cache/") || Int.random(in: 0..<8, using: &random) == 0 }
        guard let file = few.randomElement(using: &random) else { continue }
        changed[file] = mutations.mutated(changed[file] ?? Array(sound[file]!), using: &random)
      }
      for (file, bytes) in changed { root.write(file, bytes) }
      let topology = Topology(root: root.path)
      let limits = Limits(root: root.path, process: process)
      let found = root.unsound(topology)
      #expect(found == [], "\(changed.mapValues { String(decoding: $0, as: UTF8.self) })")
      #expect((limits.cpuQuota?.value ?? 1) > 0 && limits.warnings.allSatisfy { $0.hasPrefix(root.path + "/") })
      if !found.isEmpty { break }
      outcomes[topology.nodes.count, default: 0] += 1
      for file in changed.keys { root.write(file, Array(sound[file]!)) }
    }
    // Both kinds of machine came out, often.
    #expect(outcomes[1, default: 0] > 40 && outcomes[2, default: 0] > 40, "\(outcomes)")
  }
}

/// What may become of a file's bytes.
private struct Mutations {
  /// All files, from which pieces are taken.
  let others: [[UInt8]]

  init(_ files: [[UInt8]]) { others = files.sorted { $0.lexicographicallyPrecedes($1) } }

  func mutated(_ bytes: [UInt8], using random: inout Random) -> [UInt8] {
    var bytes = bytes
    func place(_ random: inout Random) -> Int { Int.random(in: 0...bytes.count, using: &random) }
    switch Int.random(in: 0..<8, using: &random) {
    case 0 where !bytes.isEmpty:
      bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case 1: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place(&random))
    case 2 where !bytes.isEmpty: bytes.remove(at: Int.random(in: 0..<bytes.count, using: &random))
    case 3: bytes.removeLast(bytes.count - place(&random))
    case 4:
      let words = [
        "-", ",", "0-65535", "4294967296", "9223372036854775808", "-1", "\0", "\n", " 0 ", "nan", "/..", "max",
      ]
      bytes.insert(contentsOf: Array(words.randomElement(using: &random)!.utf8), at: place(&random))
    case 5: bytes.insert(contentsOf: others.randomElement(using: &random)!, at: place(&random))
    case 6: bytes = others.randomElement(using: &random)!
    default:
      if let digit = bytes.indices.filter({ (0x30...0x39).contains(bytes[$0]) }).randomElement(using: &random) {
        bytes[digit] = UInt8.random(in: 0x30...0x39, using: &random)
      }
    }
    return bytes
  }
}
