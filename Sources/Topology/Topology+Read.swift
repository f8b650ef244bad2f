// SPDX-License-Identifier: Apache-2.0
//
// Reads the topology from `/sys` and `/proc`, or from the same files under another root. Owns every check of them.

import Glibc

extension Topology {
  /// Reads the machine under `root`. Never fails: see `warnings`.
  package init(root: String = "/") {
    self.init(files: FileTree(root: root))
  }

  package init(files: FileTree) {
    var reader = TopologyReader(files: files)
    self = reader.read()
    // Milliseconds, 15 in all: a CPU that goes leaves one list after the other.
    for pause in [1, 2, 4, 8] where reader.isUnsettled {
      usleep(UInt32(pause) * 1000)
      reader = TopologyReader(files: files)
      self = reader.read()
    }
  }
}

struct TopologyReader {
  let files: FileTree
  private(set) var warnings: [String] = []
  /// A CPU or a node came or went while this was read, or that may be why a CPU has no node: it is worth reading again.
  private(set) var isUnsettled = false

  init(files: FileTree) { self.files = files }

  static let cpuFolder = "sys/devices/system/cpu"
  static let nodeFolder = "sys/devices/system/node"
  private static let status = "proc/self/status"

  mutating func read() -> Topology {
    let marks = [files.line("\(Self.cpuFolder)/online"), files.line("\(Self.nodeFolder)/online")]
    defer {
      if marks != [files.line("\(Self.cpuFolder)/online"), files.line("\(Self.nodeFolder)/online")] {
        isUnsettled = true
      }
    }
    let (possible, online) = cpus()
    let nodes: [Topology.Node]
    do throws(TopologyError) {
      nodes = try self.nodes(online: online)
    } catch {
      warn("\(error); going on with a single node")
      nodes = [singleNode(online: online)]
    }
    let nodeIDs = NodeSet(nodes.map(\.id))
    return Topology(
      nodes: nodes,
      possible: possible,
      online: online,
      allowed: allowed("Cpus_allowed_list", within: online),
      allowedNodes: allowed("Mems_allowed_list", within: nodeIDs),
      caches: caches(online: online),
      warnings: warnings)
  }

  /// Each is said once.
  mutating func warn(_ warning: String) {
    if !warnings.contains(warning) { warnings.append(warning) }
  }

  private mutating func ids(_ path: String) -> CPUSet? {
    do throws(TopologyError) {
      let ids: CPUSet = try files.ids(path)
      if ids.isEmpty { throw .impossible(path: files.location(path), reason: "lists no CPU") }
      return ids
    } catch {
      warn("\(error)")
      return nil
    }
  }

  /// A file's text, or nil; one that is there and cannot be read gives a warning.
  mutating func text(_ path: String) -> String? {
    do throws(TopologyError) {
      return try files.text(path)
    } catch {
      if case .unreadable(_, ENOENT) = error { return nil }
      warn("\(error)")
      return nil
    }
  }

  // MARK: CPUs

  private mutating func cpus() -> (possible: CPUSet, online: CPUSet) {
    let listedOnline = ids("\(Self.cpuFolder)/online")
    let listedPossible = ids("\(Self.cpuFolder)/possible")
    // A container may be shown no /sys.
    let online = listedOnline ?? listedPossible ?? listed("Cpus_allowed_list") ?? [0]
    let possible = listedPossible ?? online
    let strays = online.subtracting(possible)
    if !strays.isEmpty {
      warn("\(files.location(Self.cpuFolder))/online: has CPUs \(strays), which `possible` does not list")
    }
    return (possible.union(online), online)
  }

  private mutating func allowed<Kind>(_ key: String, within all: IDSet<Kind>) -> IDSet<Kind> {
    guard let listed: IDSet<Kind> = listed(key) else { return all }
    let usable = listed.intersection(all)
    if !usable.isEmpty { return usable }
    warn("\(files.location(Self.status)): \(key) has none of \(all)")
    return all
  }

  /// What the process's status lists; nil where it does not say.
  private mutating func listed<Kind>(_ key: String) -> IDSet<Kind>? {
    guard let status = text(Self.status) else { return nil }
    for line in status.split(separator: "\n") where line.hasPrefix(key + ":") {
      do throws(TopologyError) {
        let ids = try IDSet<Kind>(parsing: line.dropFirst(key.utf8.count + 1), source: files.location(Self.status))
        if ids.isEmpty { throw .impossible(path: files.location(Self.status), reason: "\(key) is empty") }
        return ids
      } catch {
        warn("\(error)")
        return nil
      }
    }
    // Nodes are told only where the kernel has cpusets.
    if Kind.self == Topology.CPU.self { warn("\(files.location(Self.status)): has no \(key)") }
    return nil
  }

  // MARK: Nodes

  private mutating func singleNode(online: CPUSet) -> Topology.Node {
    Topology.Node(id: 0, cpus: online, memory: memory(of: "proc/meminfo"), distances: [10])
  }

  private mutating func nodes(online: CPUSet) throws(TopologyError) -> [Topology.Node] {
    let listPath = "\(Self.nodeFolder)/online"
    let ids: [Int]
    do throws(TopologyError) {
      ids = Array(try files.ids(listPath) as NodeSet)
    } catch {
      // A kernel without NUMA has no such folder: that is one node, and nothing is wrong.
      if case .unreadable(_, ENOENT) = error, !files.exists(Self.nodeFolder) { return [singleNode(online: online)] }
      throw error
    }
    if ids.isEmpty { throw .impossible(path: files.location(listPath), reason: "lists no node") }

    var nodes: [Topology.Node] = []
    var placed = CPUSet()
    for id in ids {
      let folder = "\(Self.nodeFolder)/node\(id)"
      let listed: CPUSet = try files.ids("\(folder)/cpulist")
      let twice = placed.intersection(listed)
      if !twice.isEmpty {
        throw .impossible(
          path: files.location("\(folder)/cpulist"), reason: "has CPUs \(twice), which another node has too")
      }
      // A container may be shown fewer CPUs than its nodes have: that does not make the nodes wrong.
      let strays = listed.subtracting(online)
      if !strays.isEmpty {
        warn("\(files.location("\(folder)/cpulist")): has CPUs \(strays), which are not online; left out")
      }
      let cpus = listed.intersection(online)
      placed = placed.union(cpus)
      nodes.append(
        Topology.Node(
          id: id, cpus: cpus, memory: memory(of: "\(folder)/meminfo"),
          distances: try distances(of: id, at: ids.firstIndex(of: id)!, among: ids.count)))
    }
    let missing = online.subtracting(placed)
    if !missing.isEmpty {
      isUnsettled = true
      throw .impossible(path: files.location(Self.nodeFolder), reason: "no node has the online CPUs \(missing)")
    }
    return nodes
  }

  private func distances(of id: Int, at position: Int, among count: Int) throws(TopologyError) -> [Int] {
    let path = "\(Self.nodeFolder)/node\(id)/distance"
    let text = try files.text(path)
    let words = text.split { $0.isWhitespace }
    let distances = words.compactMap { Int($0) }
    let location = files.location(path)
    guard distances.count == words.count, distances.allSatisfy({ (1...255).contains($0) }) else {
      throw .malformed(source: location, text: String(text.trimmed), expected: "a row of distances from 1 to 255")
    }
    guard distances.count == count else {
      throw .impossible(path: location, reason: "has \(distances.count) distances for \(count) nodes")
    }
    guard distances.allSatisfy({ $0 >= distances[position] }) else {
      throw .impossible(path: location, reason: "another node is nearer to node \(id) than itself")
    }
    return distances
  }

  /// MemTotal of a `meminfo` file, in bytes.
  private mutating func memory(of path: String) -> UInt64? {
    guard let text = text(path) else { return nil }
    for line in text.split(separator: "\n") {
      let words = line.split { $0.isWhitespace }
      if let index = words.firstIndex(of: "MemTotal:"), index + 1 < words.count,
        let kibibytes = UInt64(words[index + 1]), kibibytes < 1 << 50
      {
        return kibibytes << 10
      }
    }
    warn("\(files.location(path)): has no MemTotal in kB")
    return nil
  }
}
