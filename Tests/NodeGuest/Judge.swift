// SPDX-License-Identifier: Apache-2.0
// What the kernel says of the machine and of where pages lie, asked without Anax: files under /sys, and bare system
// calls.

import CAnax
import Glibc

/// Ends the process with what was wrong.
func fail(_ what: String) -> Never {
  print("guest: FAILED: \(what)")
  exit(1)
}

func require(_ condition: Bool, _ what: @autoclosure () -> String) {
  if !condition { fail(what()) }
}

enum Judge {
  static func text(_ path: String) -> String {
    guard let file = fopen(path, "r") else { return "" }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes[..<count], as: UTF8.self)
  }

  /// The numbers of a list such as "0-3,8".
  static func ids(_ path: String) -> [Int] {
    text(path).split { $0 == "," || $0.isWhitespace }.flatMap { part in
      let ends = part.split(separator: "-").compactMap { Int($0) }
      return Array(ends[0]...ends[ends.count - 1])
    }
  }

  static func cpus(ofNode node: Int) -> [Int] { ids("/sys/devices/system/node/node\(node)/cpulist") }
  static func distances(ofNode node: Int) -> [Int] {
    text("/sys/devices/system/node/node\(node)/distance").split { $0.isWhitespace }.compactMap { Int($0) }
  }
  static let nodes = ids("/sys/devices/system/node/online")

  /// Nodes that have memory and that this process may use.
  static var usable: [Int] {
    // MPOL_F_MEMS_ALLOWED
    let mask = policy(flags: 4).nodes
    return ids("/sys/devices/system/node/has_memory").filter { mask[$0 / 64] >> UInt64($0 % 64) & 1 == 1 }
  }

  /// Where memory that a node wants is to lie: there, or on the nearest that has some.
  static func expected(_ node: Int) -> Int {
    let distances = distances(ofNode: node)
    return usable.min { left, right in
      func distance(_ other: Int) -> Int { other == node ? 0 : distances[nodes.firstIndex(of: other)!] }
      return (distance(left), left) < (distance(right), right)
    }!
  }

  /// Where memory goes that the node has none left for.
  static func next(to node: Int) -> Int {
    let distances = distances(ofNode: node)
    return usable.filter { $0 != node }.min {
      (distances[nodes.firstIndex(of: $0)!], $0) < (distances[nodes.firstIndex(of: $1)!], $1)
    }!
  }

  /// Bytes of the node's memory that nobody uses.
  static func free(node: Int) -> Int { memory("MemFree:", ofNode: node) }

  /// Bytes of the node's memory.
  static func whole(node: Int) -> Int { memory("MemTotal:", ofNode: node) }

  private static func memory(_ word: String, ofNode node: Int) -> Int {
    let lines = text("/sys/devices/system/node/node\(node)/meminfo").split(separator: "\n")
    let words = lines.first { $0.contains(word) }?.split(separator: " ") ?? []
    return words.count > 3 ? (Int(words[3]) ?? 0) << 10 : 0
  }

  /// The node that a page in memory lies on.
  static func node(of page: UnsafeRawPointer) -> Int {
    var node: Int32 = -1
    let result = withUnsafeMutablePointer(to: &node) {
      // MPOL_F_NODE | MPOL_F_ADDR
      anax_system_call(Int(anax_sys_get_mempolicy), Int(bitPattern: $0), 0, 0, Int(bitPattern: page), 3, 0)
    }
    require(result == 0, "get_mempolicy of \(page): \(result)")
    return Int(node)
  }

  /// The nodes that pages lie on, as move_pages(2) tells them, which moves none when it is given no nodes; negative for
  /// one that is not in memory.
  static func nodes(of pages: [UnsafeMutableRawPointer]) -> [Int32] {
    var addresses = pages
    var status = [Int32](repeating: -1, count: pages.count)
    let result = addresses.withUnsafeMutableBufferPointer { addresses in
      status.withUnsafeMutableBufferPointer { status in
        anax_system_call(
          Int(anax_sys_move_pages), 0, addresses.count, Int(bitPattern: addresses.baseAddress), 0,
          Int(bitPattern: status.baseAddress), 0)
      }
    }
    require(result == 0, "move_pages: \(result)")
    return status
  }

  /// Pages on each node, of a range that is in memory.
  static func spread(_ bytes: UnsafeMutableRawBufferPointer) -> [Int: Int] {
    var spread: [Int: Int] = [:]
    for offset in stride(from: 0, to: bytes.count, by: 4096) {
      spread[node(of: bytes.baseAddress! + offset), default: 0] += 1
    }
    return spread
  }

  /// A thread's memory policy as the kernel tells it: its mode, 0 for the default, and its nodes.
  struct Policy: Equatable {
    var mode: Int32 = -1
    var nodes = [UInt64](repeating: 0, count: 16)
  }

  private static func policy(flags: Int) -> Policy {
    var policy = Policy()
    let result = withUnsafeMutablePointer(to: &policy.mode) { mode in
      policy.nodes.withUnsafeMutableBufferPointer { nodes in
        anax_system_call(
          Int(anax_sys_get_mempolicy), Int(bitPattern: mode), Int(bitPattern: nodes.baseAddress), 1024, 0, flags, 0)
      }
    }
    require(result == 0, "get_mempolicy: \(result)")
    return policy
  }

  /// This thread's policy.
  static var policy: Policy { policy(flags: 0) }

  /// The policy that the program was started with. Wishes come before it, and leave it as it is.
  static let policyAtStart = policy

  static var cpu: Int { Int(sched_getcpu()) }
}
