// SPDX-License-Identifier: Apache-2.0
//
// What the engine in this process found of CPUs and nodes when it started. It reads the machine's files itself, bounded
// and without allocating, and goes by them; so where the checked description differs, the user is to know. Read only.
import CAnax
import Heap
import Machine
import Topology

struct EngineView: Hashable {
  /// How many regions there are.
  var homes: Int
  /// Those with a home of their own.
  var nodes: NodeSet
  /// The home of each CPU that it knows one for.
  var homeOfCPU: [Int: Int]

  /// nil where the engine has not started.
  static func current() -> EngineView? {
    guard Engine.ensureStarted() else { return nil }
    let state = anax_state().pointee
    let online = state.nodes_online
    return EngineView(
      homes: Int(state.node_count), nodes: NodeSet((0..<64).filter { online >> UInt64($0) & 1 == 1 }),
      homeOfCPU: Dictionary(
        uniqueKeysWithValues: (0..<Int(ANAX_CPUS_MAX)).compactMap { cpu in
          Processors.knownNode(ofCPU: cpu).map { (cpu, $0) }
        }))
  }

  /// The home that the node's CPUs use, as the engine chooses it; nil: it has none.
  func home(ofNode node: Int) -> Int? {
    if node < homes, nodes.contains(node) { return node }
    let mask = nodes.reduce(UInt64(0)) { $0 | 1 << UInt64($1) }
    return mask == 0 ? nil : Processors.turn(UInt64(node), of: mask)
  }

  /// A sentence for each thing that the topology has otherwise.
  func differences(from topology: Topology) -> [String] {
    var differences: [String] = []
    let most = Int(ANAX_NODES_MAX)
    let described = NodeSet(topology.nodes.map(\.id))
    let highest = described.last ?? 0
    if homes != min(highest + 1, most) || nodes != NodeSet(described.filter { $0 < most }) {
      differences.append(
        "the engine goes by \(homes) \(homes == 1 ? "home" : "homes") and has read of the nodes \(nodes); this "
          + "topology has the nodes \(described) (/sys/devices/system/node)")
    }
    // By the two homes, for one sentence for all CPUs alike.
    var cpus: [[Int?]: CPUSet] = [:]
    for node in topology.nodes {
      for cpu in node.cpus where cpu < Int(ANAX_CPUS_MAX) && homeOfCPU[cpu] != home(ofNode: node.id) {
        cpus[[homeOfCPU[cpu], node.id], default: []].insert(cpu)
      }
    }
    for (pair, cpus) in cpus.sorted(by: { $0.value.first! < $1.value.first! }) {
      let home = pair[0].map { "goes by home \($0)" } ?? "knows no home"
      differences.append(
        "for CPUs \(cpus) the engine \(home); this topology has them on node \(pair[1]!) "
          + "(/sys/devices/system/node/node\(pair[1]!)/cpulist)")
    }
    return differences
  }
}
