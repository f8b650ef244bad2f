// SPDX-License-Identifier: Apache-2.0
//
// The topology as text for people and as JSON for programs. Owns both forms; what is in one is in the other, where the
// drawing is counted with the text.
import Anax
import Topology

struct TopologyReport {
  let topology: Topology
  let limits: Limits
  /// These two of this process; of another they are not to be seen.
  var support: PerCPUSupport?
  var rung: RungInForce?
  let heap: HeapPicture
  var engine: EngineView?
  /// Whose CPUs, nodes, limits and heap these are, where it is not this one.
  var process: InspectedProcess?

  var warnings: [String] {
    topology.warnings + (engine?.differences(from: topology) ?? []) + limits.warnings + heap.warnings
  }

  // MARK: Text

  var text: String {
    var lines: [String] = []
    func line(_ label: String, _ value: String) {
      lines.append(label + String(repeating: " ", count: max(1, 18 - label.count)) + value)
    }
    if let process { line("process", "\(process.id) (\(process.name))") }
    line("CPUs", "possible \(topology.possible), online \(topology.online), allowed \(topology.allowed)")
    for node in topology.nodes {
      let cpus = node.cpus.isEmpty ? "no CPU" : "CPUs \(node.cpus)"
      let memory = node.memory.map { ", " + Self.bytes($0) } ?? ""
      let allowed = topology.allowedNodes.contains(node.id) ? "" : ", not allowed"
      line("node \(node.id)", "\(cpus)\(memory)\(allowed), distances \(Self.list(node.distances))")
    }
    for (label, value) in topology.cacheLines { line(label, value) }
    let colors = topology.colors(pageSize: limits.pageSize)
    if let way = topology.coloringCache(pageSize: limits.pageSize)?.waySize {
      line("colors", "\(colors) (a way of the L2 cache is \(Self.bytes(UInt64(way))))")
    } else {
      line("colors", "\(colors) (the L2 cache is not described)")
    }
    line("page", Self.bytes(UInt64(limits.pageSize)))
    line("address", "\(limits.addressBits) bits")
    line("CPU quota", Self.bound(limits.cpuQuota) { "\($0) CPUs" })
    line("memory maximum", Self.bound(limits.memoryMaximum, Self.bytes))
    line("memory high", Self.bound(limits.memoryHigh, Self.bytes))
    line("address space", Self.bound(limits.addressSpace, Self.bytes))
    line("overcommit", limits.overcommit.map { "\($0)" } ?? "unknown")
    line("commit limit", limits.commitLimit.map(Self.bytes) ?? "unknown")
    if let rung { line("rung", "\(rung.letter): \(rung.reason)") }
    if let support {
      line(
        "rseq area", support.areaBytes == 0 ? "none" : "\(support.areaBytes) bytes, \(support.featureBytes) of features"
      )
      line("rseq features", "node_id \(Self.word(support.hasNodeID)), mm_cid \(Self.word(support.hasConcurrencyID))")
      line("membarrier rseq", Self.word(support.canStopSections))
    }
    for warning in warnings { line("warning", warning) }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func list(_ numbers: [Int]) -> String { numbers.map { "\($0)" }.joined(separator: " ") }

  private static func word(_ value: Bool) -> String { value ? "yes" : "no" }

  private static func bound<Value>(_ bound: Limits.Bound<Value>?, _ text: (Value) -> String) -> String {
    bound.map { "\(text($0.value)) (\($0.source))" } ?? "none"
  }

  /// In the largest unit that leaves at most one decimal: "1.5 GiB".
  static func bytes(_ bytes: UInt64) -> String {
    var unit = 0
    var size = Double(bytes)
    while size >= 1024, unit < 4 {
      size /= 1024
      unit += 1
    }
    let rounded = (size * 10).rounded() / 10
    let number = rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
    return "\(number) \(["B", "KiB", "MiB", "GiB", "TiB"][unit])"
  }

  // MARK: JSON

  var json: JSON {
    .object([
      "process": process.map(json) ?? .null,
      "cpus": .object([
        "possible": .string(topology.possible.description),
        "online": .string(topology.online.description),
        "allowed": .string(topology.allowed.description),
      ]),
      "nodes": .array(topology.nodes.map(json)),
      "caches": .array(topology.caches.map(json)),
      "regions": .array(heap.regions.map(json)),
      "colors": .integer(Int64(topology.colors(pageSize: limits.pageSize))),
      "coloring_way_bytes": .optional(topology.coloringCache(pageSize: limits.pageSize)?.waySize) {
        .integer(Int64($0))
      },
      "limits": .object([
        "page_bytes": .integer(Int64(limits.pageSize)),
        "address_bits": .integer(Int64(limits.addressBits)),
        "cpu_quota": json(limits.cpuQuota) { .number($0) },
        "memory_maximum_bytes": json(limits.memoryMaximum, Self.integer),
        "memory_high_bytes": json(limits.memoryHigh, Self.integer),
        "address_space_bytes": json(limits.addressSpace, Self.integer),
        "overcommit": .optional(limits.overcommit) { .string("\($0)") },
        "commit_limit_bytes": .optional(limits.commitLimit, Self.integer),
      ]),
      "rung": rungJSON,
      "warnings": .array(warnings.map { .string($0) }),
    ])
  }

  private var rungJSON: JSON {
    guard let rung, let support else { return .null }
    return .object([
      "letter": .string(rung.letter),
      "reason": .string(rung.reason),
      "rseq_area_bytes": .integer(Int64(support.areaBytes)),
      "rseq_feature_bytes": .integer(Int64(support.featureBytes)),
      "node_id": .boolean(support.hasNodeID),
      "mm_cid": .boolean(support.hasConcurrencyID),
      "membarrier_rseq": .boolean(support.canStopSections),
    ])
  }

  private func json(_ process: InspectedProcess) -> JSON {
    .object([
      "id": .integer(Int64(process.id)),
      "name": .string(process.name),
      "tables": json(heap.surroundings?.tables ?? [:]),
      "other": json(heap.surroundings?.other ?? [:]),
    ])
  }

  private func json(_ pages: HeapPicture.Pages) -> JSON {
    .array(pages.rows.map { .object(["node": .integer(Int64($0.node)), "count": .integer(Int64($0.count))]) })
  }

  private static func integer(_ value: UInt64) -> JSON { .integer(Int64(clamping: value)) }

  private func json<Value>(_ bound: Limits.Bound<Value>?, _ value: (Value) -> JSON) -> JSON {
    .optional(bound) { .object(["value": value($0.value), "source": .string($0.source)]) }
  }

  private func json(_ node: Topology.Node) -> JSON {
    .object([
      "id": .integer(Int64(node.id)),
      "cpus": .string(node.cpus.description),
      "memory_bytes": .optional(node.memory, Self.integer),
      "allowed": .boolean(topology.allowedNodes.contains(node.id)),
      "home": .optional(engine?.home(ofNode: node.id)) { .integer(Int64($0)) },
      "distances": .array(node.distances.map { .integer(Int64($0)) }),
    ])
  }

  private func json(_ region: HeapPicture.Region) -> JSON {
    .object([
      "home": .integer(Int64(region.home)),
      "start": .string("0x" + String(region.addresses.lowerBound, radix: 16)),
      "bytes": .integer(Int64(region.addresses.count)),
      "pages": json(region.pages),
    ])
  }

  private func json(_ cache: Topology.Cache) -> JSON {
    .object([
      "level": .integer(Int64(cache.level)),
      "kind": .string("\(cache.kind)"),
      "size_bytes": .integer(Int64(cache.size)),
      "ways": .integer(Int64(cache.ways)),
      "sets": .integer(Int64(cache.sets)),
      "line_bytes": .integer(Int64(cache.line)),
      "shared_by": .string(cache.sharedBy.description),
    ])
  }
}

extension Topology {
  /// One line for all caches of equal level, kind and geometry.
  var cacheLines: [(label: String, value: String)] {
    var lines: [(label: String, value: String)] = []
    var rest = caches
    while let first = rest.first {
      func isAlike(_ other: Cache) -> Bool {
        var other = other
        other.sharedBy = first.sharedBy
        return other == first
      }
      let shares = rest.filter(isAlike).map(\.sharedBy)
      rest.removeAll(where: isAlike)
      let owners =
        shares.allSatisfy { $0.count == 1 }
        ? "one for each CPU" : "shared by CPUs " + shares.map(\.description).joined(separator: " | ")
      let geometry = "\(first.ways) ways of \(first.sets) sets of \(first.line) B"
      lines.append(
        ("L\(first.level) \(first.kind)", "\(TopologyReport.bytes(UInt64(first.size))), \(geometry), \(owners)"))
    }
    return lines
  }
}
