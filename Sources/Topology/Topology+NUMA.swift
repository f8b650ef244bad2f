// SPDX-License-Identifier: Apache-2.0
//
// The running machine: `/sys` and `/proc` for its shape, libnuma for what the kernel will let this process use. libnuma
// allocates, so this belongs to the command and the Swift face, never to malloc's path.
import CNUMA

extension Topology {
  /// The machine this process runs on, as it is now.
  ///
  /// Reads some files for each CPU and each node: some milliseconds, and longer on large machines. It never fails: what
  /// cannot be read or cannot be so is replaced, and told by ``warnings``. Any thread; it allocates, so not in signal
  /// handlers.
  public static func current() -> Topology {
    var topology = Topology()
    guard numa_available() >= 0 else { return topology }
    // What a thread is pinned to, the main one too, says nothing of where others may be.
    let began = CPUSet(topology.online.filter { anax_numa_began_on(UInt32($0)) != 0 })
    if !began.isEmpty { topology.allowed = began }
    if let mask = numa_get_mems_allowed() {
      defer { numa_free_nodemask(mask) }
      let ids = topology.nodes.map(\.id)
      let usable = NodeSet(ids.filter { numa_bitmask_isbitset(mask, UInt32($0)) != 0 })
      if !usable.isEmpty { topology.allowedNodes = usable }
    }
    for (row, node) in topology.nodes.enumerated() {
      for (column, other) in topology.nodes.enumerated() {
        let distance = Int(numa_distance(CInt(node.id), CInt(other.id)))
        if distance > 0, distance != node.distances[column] {
          topology.warnings.append(
            "libnuma: node \(node.id) to node \(other.id) is \(distance), and /sys says \(node.distances[column])")
          topology.nodes[row].distances[column] = distance
        }
      }
    }
    return topology
  }
}
