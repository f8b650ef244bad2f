// SPDX-License-Identifier: Apache-2.0
// Runs in a virtual machine of several nodes: the Swift face of nodes, with the kernel as the judge (Judge.swift). Each
// argument is a case. Prints the rung and how it was built, and "guest: passed CASE" after each, unless it could not be
// tried; else what was wrong, and ends with 1.

import Anax
import CAnax
import Glibc

/// The topology is what /sys says.
func topology() {
  let topology = Topology.current()
  require(topology.warnings.isEmpty, "warnings: \(topology.warnings)")
  require(topology.nodes.map(\.id) == Judge.nodes, "nodes \(topology.nodes.map(\.id))")
  for node in topology.nodes {
    require(node.cpus.ids == Judge.cpus(ofNode: node.id), "CPUs of node \(node.id): \(node.cpus)")
    require(node.distances == Judge.distances(ofNode: node.id), "distances of node \(node.id): \(node.distances)")
    let order = topology.nearest(to: node.id).map { node.distances[Judge.nodes.firstIndex(of: $0)!] }
    require(order.first == 10 && order == order.sorted(), "nearest to node \(node.id): \(order)")
    do throws(NodeError) {
      let ids = try topology.pinnedCPUIDs(onNode: node.id)
      require(ids == Judge.cpus(ofNode: node.id), "CPUs to pin on node \(node.id): \(ids)")
    } catch {
      require(node.cpus.isEmpty && error == .noUsableCPU(node: node.id), "\(error)")
    }
  }
  require(topology.online.ids == Judge.ids("/sys/devices/system/cpu/online"), "online \(topology.online)")
  require(
    topology.allowedNodes.intersection(NodeSet(Judge.ids("/sys/devices/system/node/has_memory"))).ids == Judge.usable,
    "allowed \(topology.allowedNodes)")
}

/// Work on a node is on its CPUs, with its memory, and leaves no trace.
func working() throws {
  let before = CurrentThread.pinnedCPUIDs
  for node in Judge.nodes {
    let cpus = Judge.cpus(ofNode: node)
    // No pages that lie somewhere already.
    Memory.purge()
    try withNode(node) {
      require(CurrentThread.pinnedCPUIDs == (cpus.isEmpty ? before : cpus), "CPUs of work on node \(node)")
      require(cpus.isEmpty || cpus.contains(Judge.cpu), "work on node \(node) is on CPU \(Judge.cpu)")
      let run = try PageRun(count: 300)
      run.bytes.initializeMemory(as: UInt8.self, repeating: 1)
      let spread = Judge.spread(run.bytes)
      require(spread == [Judge.expected(node): 300], "work on node \(node) has memory on \(spread)")
      require(cpus.isEmpty || Memory.home(of: run.address) == node, "its home is \(Memory.home(of: run.address) ?? -1)")
    }
    require(
      Judge.policy == Judge.policyAtStart && CurrentThread.pinnedCPUIDs == before,
      "work on node \(node) left something behind")
  }
  for node in [-1, 63, 1 << 40] {
    do {
      try withNode(node) { fail("work on node \(node)") }
    } catch NodeError.noSuchNode(node) {}
  }
  let last = before[before.count - 1]
  try CurrentThread.withPinnedCPUIDs([last]) { require(Judge.cpu == last, "pinned to CPU \(last), on \(Judge.cpu)") }
  do throws(NodeError) {
    try CurrentThread.pin(pinnedCPUIDs: [4000])
    fail("pinned to CPU 4000")
  } catch { require(error == .unusableCPUs([4000]), "\(error)") }
}

/// Runs of pages lie where they are wished.
func pages() throws {
  for node in Judge.nodes {
    for count in [1, 5, 700] {
      let run = try PageRun(count: count, placement: .node(node))
      run.bytes.initializeMemory(as: UInt8.self, repeating: 1)
      let spread = Judge.spread(run.bytes)
      require(spread == [Judge.expected(node): count], "\(count) pages for node \(node) lie on \(spread)")
      require(Memory.node(of: run.address) == Judge.expected(node), "Memory.node(of:)")
      require(
        Memory.home(of: run.address) == node, "home \(Memory.home(of: run.address) ?? -1) of a run of node \(node)")
    }
    let page = try PageObject().page(at: 3, placement: .node(node))
    page.bytes.initializeMemory(as: UInt8.self, repeating: 1)
    require(Judge.node(of: page.address) == Judge.expected(node), "an object's page for node \(node)")
  }
  let run = try PageRun(count: 600, placement: .interleaved)
  run.bytes.initializeMemory(as: UInt8.self, repeating: 1)
  let spread = Judge.spread(run.bytes)
  let share = 600 / Judge.usable.count
  require(Judge.usable.allSatisfy { abs(spread[$0, default: 0] - share) <= 1 }, "interleaved pages lie on \(spread)")
  do throws(PageError) {
    _ = try PageRun(count: 1, placement: .node(Judge.nodes.count))
    fail("a run of a node that does not exist")
  } catch { require(error == .node(Judge.nodes.count, nodes: Memory.nodes), "\(error)") }
}

/// Items lie where they are wished, and do not come back to who did not wish it.
func zones(limit: Int) throws {
  for size in [200, 9000] {
    let zone = try RawZone("wish", itemSize: size, limit: limit)
    var items: [UnsafeMutableRawPointer] = []
    let here = Judge.nodes.first { Judge.cpus(ofNode: $0).contains(Judge.cpu) }!
    for node in Judge.nodes {
      var right = 0
      let wanted = Judge.expected(node)
      for _ in 0..<100 {
        let item = try zone.allocate(placement: .node(node))
        memset(item, 1, size)
        require(Memory.home(of: item) == node, "home \(Memory.home(of: item) ?? -1) of an item of node \(node)")
        if Judge.node(of: item) == wanted, Judge.node(of: item + size - 1) == wanted {
          right += 1
        }
        items.append(item)
      }
      // For the node of the CPU a wish is none: there the user's policy comes first.
      require(
        right >= 99 || node == here && Judge.policyAtStart.mode != 0,
        "of 100 items of \(size) bytes for node \(node) \(right) lie there")
    }
    require(Judge.policy == Judge.policyAtStart, "a policy was left behind")
    for item in items { zone.deallocate(item) }
    items = []
    for _ in 0..<500 {
      items.append(try zone.allocate())
      require(
        Memory.home(of: items.last!) == here, "an item of node \(Memory.home(of: items.last!) ?? -1) without a wish")
    }
    var homes: [Int: Int] = [:]
    var astray = 0
    for _ in 0..<(Judge.usable.count * 100) {
      let item = try zone.allocate(placement: .interleaved)
      memset(item, 1, size)
      items.append(item)
      let home = Memory.home(of: item)!
      homes[home, default: 0] += 1
      // The turn of the CPU's node is without a wish.
      if home != here || Judge.policyAtStart.mode == 0, Judge.node(of: item) != home { astray += 1 }
    }
    require(astray <= Judge.usable.count, "\(astray) interleaved items of \(size) bytes lie on other nodes")
    require(homes.keys.sorted() == Judge.usable, "homes of interleaved items: \(homes)")
    require(homes.values.allSatisfy { $0 == 100 }, "homes of interleaved items: \(homes)")
    for item in items { zone.deallocate(item) }
    do throws(ZoneError) {
      _ = try zone.allocate(placement: .node(-1))
      fail("an item of node -1")
    } catch { require(error == .node(-1, nodes: Memory.nodes), "\(error)") }
    try zone.destroy()
  }
}

/// What Anax counts is what the judge counts.
func census() throws {
  Memory.purge()
  let before = Memory.placement()
  let home = Judge.nodes.first { Judge.cpus(ofNode: $0).contains(Judge.cpu) }!
  // A node other than its own, by this thread's policy: pages of this home that lie elsewhere.
  let other = Judge.usable.last { $0 != Judge.expected(home) }!
  var mask = UInt64(1) << UInt64(other)
  require(
    withUnsafeMutablePointer(to: &mask) {
      anax_system_call(Int(anax_sys_set_mempolicy), 1, Int(bitPattern: $0), 65, 0, 0, 0)
    } == 0, "set_mempolicy")
  let run = try PageRun(count: 500)
  run.bytes.initializeMemory(as: UInt8.self, repeating: 1)
  require(anax_system_call(Int(anax_sys_set_mempolicy), 0, 0, 0, 0, 0, 0) == 0, "set_mempolicy")
  let after = Memory.placement()
  require(Judge.spread(run.bytes) == [other: 500], "the policy was not kept")
  require(
    after[home][other] - before[home][other] == 500,
    "of 500 pages elsewhere \(after[home][other] - before[home][other]) are counted")
}

_ = Judge.policyAtStart
// Starts the engine.
_ = Memory.nodes
#if DEBUG
  let configuration = "debug"
#else
  let configuration = "release"
#endif
print("guest: rung \(UnicodeScalar(UInt8(truncatingIfNeeded: anax_state().pointee.rung))), \(configuration)")
// Where it begins is known.
try CurrentThread.withPinnedCPUIDs([CurrentThread.pinnedCPUIDs[0]]) {
  for name in CommandLine.arguments.dropFirst() {
    switch name {
    case "topology", "working": break
    case "pages": try pages()
    case "zones":
      try zones(limit: 0)
      try zones(limit: 100_000)
    case "census": try census()
    case "inspect": try inspect()
    case "ready":
      try ready(pages: 1)
      try ready(pages: 4)
      try ready(pages: 1, of: PageObject())
    case "moved": try moved()
    case "crowded": try crowded()
    case "color": if try !color() { continue }
    default: fail("no case '\(name)'")
    }
    if name != "topology", name != "working" { print("guest: passed \(name)") }
  }
}
// These look at where the thread may run.
if CommandLine.arguments.contains("topology") {
  topology()
  print("guest: passed topology")
}
if CommandLine.arguments.contains("working") {
  try working()
  print("guest: passed working")
}
