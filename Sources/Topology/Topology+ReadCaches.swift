// SPDX-License-Identifier: Apache-2.0
//
// Reads what `/sys` says of the caches. Machines say more or less of them, so what is absent is no trouble; what is
// there and cannot be so gives a warning, and that cache goes without the figure, or is left out.

import Glibc

extension TopologyReader {
  /// So many caches are complained of by name: a machine may have thousands.
  private static let mostComplaints = 8

  mutating func caches(online: CPUSet) -> [Topology.Cache] {
    var seen = Set<Topology.Cache>()
    var caches: [Topology.Cache] = []
    var complaints: [TopologyError] = []
    for cpu in online {
      let folder = "\(Self.cpuFolder)/cpu\(cpu)/cache"
      do throws(TopologyError) {
        for name in try files.names(in: folder) where name.hasPrefix("index") {
          var reader = CacheReader(files: files, folder: "\(folder)/\(name)", cpu: cpu)
          if let cache = reader.read(), seen.insert(cache).inserted { caches.append(cache) }
          complaints += reader.complaints
        }
      } catch .unreadable(_, ENOENT) {
      } catch {
        complaints.append(error)
      }
    }
    for complaint in complaints.prefix(Self.mostComplaints) { warn("\(complaint)") }
    if complaints.count > Self.mostComplaints {
      warn(
        "\(files.location(Self.cpuFolder)): of the CPUs' caches \(complaints.count - Self.mostComplaints) more files "
          + "are of no use")
    }
    func order(_ cache: Topology.Cache) -> (Int, Int, String) {
      (cache.level, cache.sharedBy.first ?? 0, cache.kind.rawValue)
    }
    return caches.sorted { order($0) < order($1) }
  }
}

/// One folder `cpuN/cache/indexM`.
private struct CacheReader {
  let files: FileTree
  let folder: String
  let cpu: Int
  var complaints: [TopologyError] = []

  mutating func read() -> Topology.Cache? {
    let level = value("level", "a level from 1 to 9; the cache is left out") { text in
      Int(text).flatMap { (1...9).contains($0) ? $0 : nil }
    }
    let kind = value("type", "Data, Instruction or Unified; the cache is left out") {
      Topology.Cache.Kind(rawValue: String($0))
    }
    guard let level, let kind else {
      if complaints.isEmpty { complain("has no level and type; the cache is left out") }
      return nil
    }
    let cache = Topology.Cache(
      level: level, kind: kind, size: value("size", "a size such as 1024K", Self.bytes) ?? 0,
      ways: number("ways_of_associativity"), line: number("coherency_line_size"), sets: number("number_of_sets"),
      sharedBy: sharedBy())
    if cache.size > 0, cache.ways > 0, cache.line > 0, cache.sets > 0,
      cache.ways * cache.line != cache.size / cache.sets
    {
      complain("\(cache.ways) ways of \(cache.sets) sets of \(cache.line) bytes are not \(cache.size) bytes")
    }
    return cache
  }

  private mutating func complain(_ reason: String) {
    complaints.append(.impossible(path: files.location(folder), reason: reason))
  }

  /// What a file says; nil where there is none, or where it says nothing of use.
  private mutating func value<Value>(_ name: String, _ expected: String, _ read: (Substring) -> Value?) -> Value? {
    let path = "\(folder)/\(name)"
    do throws(TopologyError) {
      let text = try files.text(path, most: 4096).trimmed
      if let value = read(text) { return value }
      throw .malformed(source: files.location(path), text: String(text), expected: expected)
    } catch .unreadable(_, ENOENT) {
    } catch {
      complaints.append(error)
    }
    return nil
  }

  private mutating func number(_ name: String) -> Int {
    value(name, "a number below 2^30") { text in Int(text).flatMap { (0..<1 << 30).contains($0) ? $0 : nil } } ?? 0
  }

  /// The CPU itself, where the machine does not say.
  private mutating func sharedBy() -> CPUSet {
    let path = "\(folder)/shared_cpu_list"
    do throws(TopologyError) {
      let cpus: CPUSet = try files.ids(path)
      if cpus.contains(cpu) { return cpus }
      throw .impossible(path: files.location(path), reason: "lacks CPU \(cpu), whose cache it is")
    } catch .unreadable(_, ENOENT) {
    } catch {
      complaints.append(error)
    }
    return [cpu]
  }

  /// "1024K" in bytes.
  private static func bytes(_ text: Substring) -> Int? {
    let shift: Int
    switch text.last {
    case "K": shift = 10
    case "M": shift = 20
    case "G": shift = 30
    default: shift = 0
    }
    guard let number = Int(shift == 0 ? text : text.dropLast()), (0..<1 << 30).contains(number) else { return nil }
    return number << shift
  }
}
