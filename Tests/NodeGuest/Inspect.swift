// SPDX-License-Identifier: Apache-2.0
// What the command tells of this process from outside, beside what the process has: CPUs, nodes, regions, and pages by
// home and node, to the page.

import Anax
import Glibc

/// The command is beside this program.
func inspect() throws {
  let shown = try withRuns(Judge.nodes[...]) { try Shown() }
  require(shown.allowed == "\(CPUSet(CurrentThread.pinnedCPUIDs))", "CPUs \(shown.allowed)")
  let hasMemory = NodeSet(Judge.ids("/sys/devices/system/node/has_memory"))
  require(
    NodeSet(shown.nodes).intersection(hasMemory) == NodeSet(Judge.usable), "nodes allowed \(shown.nodes)")
  require(shown.regions == Memory.regions, "regions \(shown.regions)")
  require(shown.pages == shown.placement, "pages \(shown.pages), and the process has \(shown.placement)")
  for node in Judge.nodes {
    let lies = Judge.expected(node)
    require((shown.pages[node][lies] ?? 0) >= 100 * (node + 1), "home \(node) has too few on \(lies): \(shown.pages)")
  }
  // Programs, libraries and stacks, and the engine's tables.
  require(shown.other > 100 && shown.tables > 10, "\(shown.other) other pages, \(shown.tables) of tables")
}

/// Runs of 100 pages and more for each node, in memory while the body runs.
private func withRuns<Result>(_ nodes: ArraySlice<Int>, _ body: () throws -> Result) throws -> Result {
  guard let node = nodes.first else { return try body() }
  let run = try PageRun(count: 100 * (node + 1), placement: .node(node))
  run.bytes.initializeMemory(as: UInt8.self, repeating: 1)
  return try withRuns(nodes.dropFirst(), body)
}

private struct Shown {
  var allowed = ""
  var nodes: [Int] = []
  var regions: [Range<UInt>] = []
  /// Of each region.
  var pages: [[Int: Int]] = []
  var tables = 0
  var other = 0
  /// What the process itself has, at the same time.
  var placement: [[Int: Int]] = []

  init() throws {
    let json = try JSON(
      parsing: output(of: ["/test/anax", "topology", "--process", "\(getpid())", "--format", "json"]))
    placement = Memory.placement().map { row in
      Dictionary(uniqueKeysWithValues: row.enumerated().filter { $0.element > 0 }.map { ($0.offset, $0.element) })
    }
    if case .string(let text)? = json["cpus"]?["allowed"] { allowed = text }
    for node in json["nodes"]?.elements ?? [] {
      if case .boolean(true)? = node["allowed"], let id = node["id"]?.number { nodes.append(id) }
    }
    for region in json["regions"]?.elements ?? [] {
      guard case .string(let start)? = region["start"], let address = UInt(start.dropFirst(2), radix: 16),
        let bytes = region["bytes"]?.number
      else { fail("a region without start and bytes") }
      regions.append(address..<address + UInt(bytes))
      pages.append(region["pages"]?.counts ?? [:])
    }
    tables = json["process"]?["tables"]?.counts.values.reduce(0, +) ?? 0
    other = json["process"]?["other"]?.counts.values.reduce(0, +) ?? 0
  }
}

extension JSON {
  fileprivate subscript(name: String) -> JSON? {
    if case .object(let members) = self { members[name] } else { nil }
  }

  fileprivate var elements: [JSON] { if case .array(let elements) = self { elements } else { [] } }

  fileprivate var number: Int? { if case .integer(let value) = self { Int(value) } else { nil } }

  /// Pages by node.
  fileprivate var counts: [Int: Int] {
    Dictionary(elements.map { ($0["node"]?.number ?? -1, $0["count"]?.number ?? 0) }) { $0 + $1 }
  }
}

/// What a program writes; it must end with 0.
private func output(of command: [String]) -> [UInt8] {
  var ends: [Int32] = [0, 0]
  require(pipe(&ends) == 0, "pipe")
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
  posix_spawn_file_actions_addclose(&actions, ends[0])
  var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
  var child: pid_t = 0
  require(posix_spawn(&child, command[0], &actions, nil, &arguments, environ) == 0, "\(command[0]) cannot be started")
  close(ends[1])
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 4096)
  while true {
    let count = read(ends[0], &buffer, buffer.count)
    if count <= 0 { break }
    bytes += buffer[..<count]
  }
  close(ends[0])
  var status: Int32 = 0
  require(waitpid(child, &status, 0) == child && status == 0, "\(command[0]) ended with \(status)")
  return bytes
}
