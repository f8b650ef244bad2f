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
  }
}

private struct TopologyReader {
  let files: FileTree
  var warnings: [String] = []

  static let cpuFolder = "sys/devices/system/cpu"
  static let nodeFolder = "sys/devices/system/node"

  mutating func read() -> Topology {
    let (possible, online) = cpus()
    let nodes: [Topology.Node]
    do throws(TopologyError) {
      nodes = try self.nodes(online: online)
    } catch {
      warnings.append("\(error); going on with a single node")
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

  private mutating func ids(_ path: String) -> CPUSet? {
    do throws(TopologyError) {
      let ids: CPUSet = try files.ids(path)
      if ids.isEmpty { throw .impossible(path: files.location(path), reason: "lists no CPU") }
      return ids
    } catch {
      warnings.append("\(error)")
      return nil
    }
  }

  /// A file's text, or nil; one that is there and cannot be read gives a warning.
  private mutating func text(_ path: String) -> String? {
    do throws(TopologyError) {
      return try files.text(path)
    } catch {
      if case .unreadable(_, ENOENT) = error { return nil }
      let warning = "\(error)"
      if !warnings.contains(warning) { warnings.append(warning) }
      return nil
    }
  }

  // MARK: CPUs

  private mutating func cpus() -> (possible: CPUSet, online: CPUSet) {
    let listedOnline = ids("\(Self.cpuFolder)/online")
    let listedPossible = ids("\(Self.cpuFolder)/possible")
    let online = listedOnline ?? listedPossible ?? [0]
    let possible = listedPossible ?? online
    let strays = online.subtracting(possible)
    if !strays.isEmpty {
      warnings.append("\(files.location(Self.cpuFolder))/online: has CPUs \(strays), which `possible` does not list")
    }
    return (possible.union(online), online)
  }

  private mutating func allowed<Kind>(_ key: String, within all: IDSet<Kind>) -> IDSet<Kind> {
    let path = "proc/self/status"
    guard let status = text(path) else { return all }
    for line in status.split(separator: "\n") where line.hasPrefix(key + ":") {
      do throws(TopologyError) {
        let listed = try IDSet<Kind>(parsing: line.dropFirst(key.utf8.count + 1), source: files.location(path))
        let usable = listed.intersection(all)
        if usable.isEmpty {
          throw .impossible(path: files.location(path), reason: "\(key) has none of \(all)")
        }
        return usable
      } catch {
        warnings.append("\(error)")
        return all
      }
    }
    return all
  }

  // MARK: Nodes

  private mutating func singleNode(online: CPUSet) -> Topology.Node {
    Topology.Node(id: 0, cpus: online, memory: memory(of: "proc/meminfo"), distances: [10])
  }

  private mutating func nodes(online: CPUSet) throws(TopologyError) -> [Topology.Node] {
    // A kernel without NUMA has no such folder: that is one node, and nothing is wrong.
    guard files.exists(Self.nodeFolder) else { return [singleNode(online: online)] }
    let listPath = "\(Self.nodeFolder)/online"
    let ids = Array(try files.ids(listPath) as NodeSet)
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
        warnings.append("\(files.location("\(folder)/cpulist")): has CPUs \(strays), which are not online; left out")
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
    return nil
  }

  // MARK: Caches

  private mutating func caches(online: CPUSet) -> [Topology.Cache] {
    var seen = Set<Topology.Cache>()
    var caches: [Topology.Cache] = []
    for cpu in online {
      let folder = "\(Self.cpuFolder)/cpu\(cpu)/cache"
      for name in files.names(in: folder) where name.hasPrefix("index") {
        guard let cache = cache(at: "\(folder)/\(name)", of: cpu) else { continue }
        if seen.insert(cache).inserted { caches.append(cache) }
      }
    }
    func order(_ cache: Topology.Cache) -> (Int, Int, String) {
      (cache.level, cache.sharedBy.first ?? 0, cache.kind.rawValue)
    }
    return caches.sorted { order($0) < order($1) }
  }

  private mutating func cache(at path: String, of cpu: Int) -> Topology.Cache? {
    guard let level = files.line("\(path)/level").flatMap({ Int($0) }), (1...9).contains(level),
      let kind = files.line("\(path)/type").flatMap(Topology.Cache.Kind.init(rawValue:))
    else {
      warnings.append("\(files.location(path)): has no usable level and type; the cache is left out")
      return nil
    }
    func number(_ name: String) -> Int {
      files.line("\(path)/\(name)").flatMap { Int($0) }.map { $0 > 0 && $0 < 1 << 30 ? $0 : 0 } ?? 0
    }
    let sharedBy: CPUSet = (try? files.ids("\(path)/shared_cpu_list")) ?? []
    let cache = Topology.Cache(
      level: level, kind: kind,
      size: files.line("\(path)/size").flatMap(Self.bytes) ?? 0,
      ways: number("ways_of_associativity"), line: number("coherency_line_size"), sets: number("number_of_sets"),
      sharedBy: sharedBy.isEmpty ? [cpu] : sharedBy)
    if cache.size > 0, cache.ways > 0, cache.line > 0, cache.sets > 0,
      cache.ways * cache.line != cache.size / cache.sets
    {
      warnings.append(
        "\(files.location(path)): \(cache.ways) ways of \(cache.sets) sets of \(cache.line) bytes are not "
          + "\(cache.size) bytes")
    }
    return cache
  }

  /// "1024K" in bytes.
  private static func bytes(_ text: String) -> Int? {
    let shift: Int
    switch text.last {
    case "K": shift = 10
    case "M": shift = 20
    case "G": shift = 30
    default: shift = 0
    }
    guard let number = Int(shift == 0 ? text[...] : text.dropLast()), number >= 0, number < 1 << 30 else { return nil }
    return number << shift
  }
}
