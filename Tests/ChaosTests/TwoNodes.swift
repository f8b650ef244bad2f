// SPDX-License-Identifier: Apache-2.0
// A machine with two nodes, played while the engine starts: even CPUs are on node 0, odd ones on node 1. After that the
// kernel is the real one; which node memory really lies on does not matter to who may use it.

import CAnax
import Foundation
import Heap
import Machine
import PerCPU

enum TwoNodes {
  static let first = 9000
  nonisolated(unsafe) static var isRead = [Bool](repeating: false, count: 8)

  /// The nodes that have memory, as the file of the kernel says it.
  nonisolated(unsafe) static var hasMemory = "0-1\n"

  static func name(_ path: UnsafePointer<CChar>) -> Int? {
    let names = [
      "/sys/devices/system/node/online", "/sys/devices/system/node/node0/cpulist",
      "/sys/devices/system/node/node1/cpulist",
      "/sys/devices/system/node/node0/distance", "/sys/devices/system/node/node1/distance",
      "/sys/devices/system/node/has_memory",
    ]
    return names.firstIndex { strcmp($0, path) == 0 }
  }

  static func text(_ file: Int) -> String {
    let odd = stride(from: 1, to: 64, by: 2).map(String.init).joined(separator: ",")
    let even = stride(from: 0, to: 64, by: 2).map(String.init).joined(separator: ",")
    return ["0-1\n", even + "\n", odd + "\n", "10 20\n", "20 10\n", hasMemory][file]
  }

  static func start() -> Bool {
    anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
      if number == anax_sys_openat, let path = UnsafePointer<CChar>(bitPattern: b), let file = TwoNodes.name(path) {
        TwoNodes.isRead[file] = false
        return TwoNodes.first + file
      }
      if a >= TwoNodes.first, a < TwoNodes.first + 6 {
        if number == anax_sys_close { return 0 }
        if number == anax_sys_read {
          if TwoNodes.isRead[a - TwoNodes.first] { return 0 }
          TwoNodes.isRead[a - TwoNodes.first] = true
          let bytes = Array(TwoNodes.text(a - TwoNodes.first).utf8)
          memcpy(UnsafeMutableRawPointer(bitPattern: b)!, bytes, min(bytes.count, c))
          return min(bytes.count, c)
        }
      }
      return anax_system_call(number, a, b, c, d, e, f)
    }
    let started = Engine.ensureStarted()
    anax_state().pointee.fake_kernel = nil
    return started && anax_state().pointee.node_count == 2
  }

  /// This thread stays on CPUs of one node. On rung A the kernel says a thread's node, and that is not played: there it
  /// goes to CPUs of which the play says the same.
  static func stayOnOneNode() {
    let isByKernel = anax_state().pointee.rung == UInt64(ANAX_RUNG_A)
    // CPUs' nodes are played in turns.
    let number = isByKernel ? Int(anax_rseq_read_node(anax_rseq_area_offset())) : CPUBlocks.anyCPU()
    var mask = CPUMask()
    for cpu in stride(from: number % 2, to: 64, by: 2) { mask.insert(cpu) }
    _ = Kernel.setAffinity(mask)
  }
}
