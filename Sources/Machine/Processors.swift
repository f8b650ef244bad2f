// SPDX-License-Identifier: Apache-2.0
// The few facts of the machine that the engine itself needs, read at start by bare system calls: how many CPU ids are
// possible (sparse ids and CPUs added later included), which nodes there are, which CPU is on which node, which nodes
// are near.
// What cannot be read counts as one node with ANAX_CPUS_MAX possible CPUs. The richer picture is Topology's.
//
// | byte of a CPU in the table of nodes | transition | by | order |
// |---|---|---|---|
// | unknown → node | /sys lists the CPU | who starts the engine, before others run | plain |
// | unknown → node | the CPU was not online then | a slow path that runs on it; all find the same | relaxed |

import CAnax

@usableFromInline
package enum Processors {
  @_noLocks @_noAllocation
  package static func read() {
    let state = anax_state()
    var buffer = InlineArray<1024, UInt8>(repeating: 0)
    withUnsafeMutableBytes(of: &buffer) { raw in
      let bytes = raw.baseAddress!.assumingMemoryBound(to: UInt8.self)
      state.pointee.cpu_count = UInt64(beyondHighest("/sys/devices/system/cpu/possible", bytes))
      let count = Kernel.readFile("/sys/devices/system/node/online", into: bytes, count: most)
      // A path has room for three digits.
      let lastNode = count > 0 ? min(highestOfList(bytes, count), 999) : 0
      state.pointee.node_count = UInt64(lastNode <= 0 ? 1 : min(lastNode + 1, ANAX_NODES_MAX))
      state.pointee.nodes_online = 1
      state.pointee.nodes_with_memory = 1
      if lastNode <= 0 { return }
      var cpu = 0
      while cpu < ANAX_CPUS_MAX {
        anax_cpu_node_table()[cpu] = unknown
        cpu += 1
      }
      let online = maskOfList(bytes, count, below: ANAX_NODES_MAX)
      state.pointee.nodes_online = online
      readNodes(last: lastNode, online: online, bytes)
      let withMemory = Kernel.readFile("/sys/devices/system/node/has_memory", into: bytes, count: most)
      let mask = withMemory > 0 ? maskOfList(bytes, withMemory, below: 64) : 0
      state.pointee.nodes_with_memory = mask == 0 ? online : mask
    }
  }

  /// One more than the highest id of the CPUs that are online.
  @_noLocks @_noAllocation
  package static func online() -> Int {
    var buffer = InlineArray<1024, UInt8>(repeating: 0)
    return withUnsafeMutableBytes(of: &buffer) {
      beyondHighest("/sys/devices/system/cpu/online", $0.baseAddress!.assumingMemoryBound(to: UInt8.self))
    }
  }

  @_noLocks @_noAllocation
  static func beyondHighest(_ path: StaticString, _ bytes: UnsafeMutablePointer<UInt8>) -> Int {
    let count = Kernel.readFile(path, into: bytes, count: most)
    let highest = count > 0 ? highestOfList(bytes, count) : -1
    return highest < 0 || highest >= ANAX_CPUS_MAX ? Int(ANAX_CPUS_MAX) : highest + 1
  }

  /// The home that a node's CPUs use: its own, or, from node 16 on and for what came later, another one's in turns.
  @_noLocks @_noAllocation
  package static func home(ofNode node: Int) -> Int {
    let state = anax_state()
    let online = state.pointee.nodes_online
    if node < Int(state.pointee.node_count), online &>> UInt64(node) & 1 == 1 { return node }
    return turn(UInt64(node), of: online)
  }

  /// Whose turn it is of those that have a bit in the mask, which is not 0.
  @_noLocks @_noAllocation
  package static func turn(_ number: UInt64, of mask: UInt64) -> Int {
    var mask = mask
    var skipped = number % UInt64(mask.nonzeroBitCount)
    while skipped > 0 {
      mask &= mask &- 1
      skipped -= 1
    }
    return mask.trailingZeroBitCount
  }

  /// Bytes that are read of a file. What they cut off a list of CPUs is asked for later, as of CPUs that were offline.
  static var most: Int { @_noLocks @_noAllocation get { 1023 } }

  /// The byte of a CPU that no node listed at the start.
  @usableFromInline static var unknown: UInt8 { @_noLocks @_noAllocation get { 0xff } }

  /// The node of a CPU, or nil where that is not known yet.
  @inlinable @_noLocks @_noAllocation
  package static func knownNode(ofCPU cpu: Int) -> Int? {
    if anax_state().pointee.node_count == 1 { return 0 }
    let node = anax_load8_relaxed(anax_cpu_node_table() + cpu)
    return node == unknown ? nil : Int(node)
  }

  /// For a CPU that was not online at the start: its node, if this thread runs on it, which is then known; else the
  /// node of the CPU that it runs on.
  @usableFromInline @inline(never) @_noLocks @_noAllocation
  package static func askNode(ofCPU cpu: Int) -> Int {
    var here: UInt32 = 0
    var node: UInt32 = 0
    let result = withUnsafeMutablePointer(to: &here) { here in
      withUnsafeMutablePointer(to: &node) { node in
        Kernel.call(anax_sys_getcpu, Int(bitPattern: here), Int(bitPattern: node), 0)
      }
    }
    if Kernel.failed(result) { return 0 }
    let home = home(ofNode: Int(node))
    if Int(here) == cpu { _ = anax_exchange8(anax_cpu_node_table() + cpu, UInt8(home)) }
    return home
  }

  /// The highest number of a list such as "0-3,8"; -1 where there is none, or it has no end.
  @_noLocks @_noAllocation
  static func highestOfList(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int {
    var highest = -1
    eachRange(bytes, count) { _, last in highest = max(highest, last) }
    return highest > 1 << 23 || count >= most ? -1 : highest
  }

  /// A bit for each number of a list below the limit, at most 64.
  @_noLocks @_noAllocation
  static func maskOfList(_ bytes: UnsafePointer<UInt8>, _ count: Int, below limit: Int) -> UInt64 {
    var mask: UInt64 = 0
    eachOfList(bytes, count) { number in if number < limit { mask |= 1 &<< UInt64(number) } }
    return mask
  }

  @_noLocks @_noAllocation
  static func readNodes(last: Int, online: UInt64, _ bytes: UnsafeMutablePointer<UInt8>) {
    let nodes = Int(anax_state().pointee.node_count)
    var node = 0
    while node <= last {
      var path = NodePath(node: node, file: "cpulist")
      var count = path.read(into: bytes, count: most)
      let home = UInt8(home(ofNode: node))
      eachOfList(bytes, count) { cpu in if cpu < ANAX_CPUS_MAX { anax_cpu_node_table()[cpu] = home } }
      if node < nodes {
        path = NodePath(node: node, file: "distance")
        count = path.read(into: bytes, count: most)
        orderByDistance(bytes, count, node: node, nodes: nodes, online: online)
      }
      node += 1
    }
  }

  /// Each number of a list such as "0-3,8", up to ANAX_CPUS_MAX.
  @inline(__always) @_noLocks @_noAllocation
  static func eachOfList(_ bytes: UnsafePointer<UInt8>, _ count: Int, _ body: (Int) -> Void) {
    eachRange(bytes, count) { first, last in
      var each = first
      while each <= last, each < ANAX_CPUS_MAX {
        body(each)
        each += 1
      }
    }
  }

  /// Each range of a list, a number alone as one of itself. Of a list that fills the buffer the last one is left out:
  /// it may be cut.
  @inline(__always) @_noLocks @_noAllocation
  static func eachRange(_ bytes: UnsafePointer<UInt8>, _ count: Int, _ body: (_ first: Int, _ last: Int) -> Void) {
    var first = -1
    var number = -1
    var index = 0
    while index < (count < most ? count &+ 1 : count) {
      let byte = index < count ? bytes[index] : 10
      let digit = Int(byte) - 48
      if digit >= 0 && digit <= 9 {
        number = min((number < 0 ? 0 : number) * 10 + digit, 1 << 24)
      } else if byte == 45 {
        first = number
        number = -1
      } else {
        if number >= 0 { body(first < 0 ? number : first, number) }
        first = -1
        number = -1
      }
      index += 1
    }
  }

  /// Row `node` of the order table: the nodes by distance, itself first; what cannot be read, or is not online, counts
  /// as far.
  /// The kernel writes a column for each node that is online, in rising order; `online` has a bit for each with a home.
  @_noLocks @_noAllocation
  static func orderByDistance(_ bytes: UnsafePointer<UInt8>, _ count: Int, node: Int, nodes: Int, online: UInt64) {
    var distances = InlineArray<16, Int>(repeating: 1 << 20)
    var columns = online
    var number = -1
    var index = 0
    while index <= count {
      let digit = index < count ? Int(bytes[index]) - 48 : -1
      if digit >= 0 && digit <= 9 {
        number = min((number < 0 ? 0 : number) * 10 + digit, 1 << 20)
      } else if number >= 0 {
        let column = columns.trailingZeroBitCount
        if column < nodes { distances[column] = number }
        columns &= columns &- 1
        number = -1
      }
      index += 1
    }
    distances[node] = -1
    let row = anax_node_order_table() + node * ANAX_NODES_MAX
    var rank = 0
    while rank < nodes {
      var best = 0
      var at = 1
      while at < nodes {
        if distances[at] < distances[best] { best = at }
        at += 1
      }
      row[rank] = UInt8(best)
      distances[best] = Int.max
      rank += 1
    }
  }
}

/// "/sys/devices/system/node/node" N "/" FILE, built on the stack.
struct NodePath {
  var bytes = InlineArray<64, UInt8>(repeating: 0)
  var count = 0

  @_noLocks @_noAllocation
  init(node: Int, file: StaticString) {
    append("/sys/devices/system/node/node")
    if node >= 100 { append(byte: UInt8(48 + node / 100 % 10)) }
    if node >= 10 { append(byte: UInt8(48 + node / 10 % 10)) }
    append(byte: UInt8(48 + node % 10))
    append("/")
    append(file)
  }

  @_noLocks @_noAllocation
  mutating func append(_ text: StaticString) {
    var index = 0
    while index < text.utf8CodeUnitCount {
      append(byte: text.utf8Start[index])
      index += 1
    }
  }

  @_noLocks @_noAllocation
  mutating func append(byte: UInt8) {
    bytes[count] = byte
    count += 1
  }

  @_noLocks @_noAllocation
  mutating func read(into buffer: UnsafeMutablePointer<UInt8>, count: Int) -> Int {
    withUnsafeBytes(of: &bytes) { Kernel.readFile($0.baseAddress!, into: buffer, count: count) }
  }
}
