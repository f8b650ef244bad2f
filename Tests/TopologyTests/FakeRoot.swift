// SPDX-License-Identifier: Apache-2.0
//
// A folder that plays the root of a machine: `/sys` and `/proc` as the test writes them. Removed with its value.
import Foundation
import Topology

struct FakeRoot: ~Copyable {
  let path: String

  init(_ files: [String: String] = [:]) {
    path = FileManager.default.temporaryDirectory.path + "/anax-root-" + UUID().uuidString
    try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    for (name, text) in files { write(name, text) }
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  borrowing func write(_ name: String, _ text: String) { write(name, Array(text.utf8)) }

  borrowing func write(_ name: String, _ bytes: [UInt8]) {
    let file = URL(fileURLWithPath: path + "/" + name)
    try! FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try! Data(bytes).write(to: file)
  }

  /// What reading comes upon in place of a file or a folder that it should find.
  enum Obstacle: String, CaseIterable, Sendable {
    case nothing, folder, file, ring
    /// A link that leads nowhere.
    case dangling
  }

  /// Removes what is at the name, and puts the obstacle there.
  borrowing func obstruct(_ name: String, with obstacle: Obstacle) {
    let place = path + "/" + name
    try! FileManager.default.removeItem(atPath: place)
    switch obstacle {
    case .nothing: break
    case .folder: try! FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: false)
    case .file: write(name, "0\n")
    case .ring: try! FileManager.default.createSymbolicLink(atPath: place, withDestinationPath: place)
    case .dangling: try! FileManager.default.createSymbolicLink(atPath: place, withDestinationPath: "/nowhere/at/all")
    }
  }

  /// One node's folder.
  borrowing func node(_ id: Int, cpus: String, distances: String, kibibytes: Int? = nil) {
    let folder = "sys/devices/system/node/node\(id)"
    write("\(folder)/cpulist", cpus + "\n")
    write("\(folder)/distance", distances + "\n")
    if let kibibytes {
      write("\(folder)/meminfo", "Node \(id) MemTotal:       \(kibibytes) kB\nNode \(id) MemFree: 1 kB\n")
    }
  }

  borrowing func cpus(online: String, possible: String? = nil) {
    write("sys/devices/system/cpu/online", online + "\n")
    write("sys/devices/system/cpu/possible", (possible ?? online) + "\n")
  }

  borrowing func nodes(online: String) {
    write("sys/devices/system/node/online", online + "\n")
  }

  borrowing func cache(
    cpu: Int, index: Int, level: Int, type: String, size: String, ways: Int, line: Int = 64, sets: Int, shared: String
  ) {
    let folder = "sys/devices/system/cpu/cpu\(cpu)/cache/index\(index)"
    write("\(folder)/level", "\(level)\n")
    write("\(folder)/type", "\(type)\n")
    write("\(folder)/size", "\(size)\n")
    write("\(folder)/ways_of_associativity", "\(ways)\n")
    write("\(folder)/coherency_line_size", "\(line)\n")
    write("\(folder)/number_of_sets", "\(sets)\n")
    write("\(folder)/shared_cpu_list", "\(shared)\n")
  }

  /// A sound machine of two nodes and four CPUs, each with a cache, and what it says of its process.
  static func sound() -> FakeRoot {
    let root = FakeRoot([
      "proc/self/status": "Name:\tx\nCpus_allowed_list:\t0-3\nMems_allowed_list:\t0-1\n",
      "proc/meminfo": "MemTotal:        4096 kB\nCommitLimit:     4096 kB\n",
    ])
    root.cpus(online: "0-3", possible: "0-7")
    root.nodes(online: "0-1")
    root.node(0, cpus: "0-1", distances: "10 20", kibibytes: 2048)
    root.node(1, cpus: "2-3", distances: "20 10", kibibytes: 2048)
    for cpu in 0...3 {
      root.cache(cpu: cpu, index: 0, level: 2, type: "Unified", size: "1024K", ways: 8, sets: 2048, shared: "\(cpu)")
    }
    return root
  }

  /// The files, as names below the root, sorted.
  borrowing func files() -> [String] {
    FileManager.default.subpaths(atPath: path)!.filter {
      var isFolder: ObjCBool = false
      return FileManager.default.fileExists(atPath: path + "/" + $0, isDirectory: &isFolder) && !isFolder.boolValue
    }.sorted()
  }

  /// That a topology read here cannot be: empty where it is sound. Whatever the files say, this holds.
  borrowing func unsound(_ topology: Topology) -> [String] {
    var found: [String] = []
    func check(_ holds: Bool, _ what: String) { if !holds { found.append(what) } }
    let ids = topology.nodes.map(\.id)
    check(!ids.isEmpty && ids == NodeSet(ids).ids, "nodes \(ids)")
    check(topology.nodes.map(\.cpus.count).reduce(0, +) == topology.online.count, "CPUs in no node, or in two")
    check(topology.nodes.reduce([]) { $0.union($1.cpus) } == topology.online, "not all CPUs in nodes")
    check(!topology.online.isEmpty && topology.online.isSubset(of: topology.possible), "online \(topology.online)")
    check(!topology.allowed.isEmpty && topology.allowed.isSubset(of: topology.online), "allowed \(topology.allowed)")
    check(
      !topology.allowedNodes.isEmpty && topology.allowedNodes.isSubset(of: NodeSet(ids)),
      "nodes allowed \(topology.allowedNodes)")
    for (position, node) in topology.nodes.enumerated() {
      check(
        node.distances.count == ids.count && node.distances.allSatisfy { (1...255).contains($0) }
          && node.distances.min() == node.distances[position], "distances \(node.distances)")
      check(topology.nearest(to: node.id).first == node.id && topology.nearest(to: node.id).sorted() == ids, "nearest")
    }
    for cache in topology.caches {
      check((1...9).contains(cache.level) && cache.size >= 0 && !cache.sharedBy.isEmpty, "cache \(cache)")
      check(cache.colors(pageSize: 4096) >= 1, "colors of \(cache)")
    }
    for warning in topology.warnings {
      check(
        warning.hasPrefix(path + "/") && !warning.contains(where: \.isNewline), "warning \(warning.debugDescription)")
      check(
        warning.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value < 127 }, "warning \(warning.debugDescription)")
    }
    check(Set(topology.warnings).count == topology.warnings.count, "warned twice")
    return found
  }
}
