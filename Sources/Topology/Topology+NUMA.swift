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
    topology.take { Int(numa_distance(CInt($0), CInt($1))) }
    return topology
  }

  /// Takes over the distances that another source has, 0 where it has none, and tells where they differ.
  mutating func take(distances: (_ from: Int, _ to: Int) -> Int) {
    for (row, node) in nodes.enumerated() {
      for (column, other) in nodes.enumerated() {
        let distance = distances(node.id, other.id)
        if distance > 0, distance != node.distances[column] {
          warnings.append(
            "libnuma: node \(node.id) to node \(other.id) is \(distance), and /sys says \(node.distances[column])")
          nodes[row].distances[column] = distance
        }
      }
    }
  }
}
