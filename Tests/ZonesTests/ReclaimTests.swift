// SPDX-License-Identifier: Apache-2.0
// Taking back all CPU caches at once.

import CAnax
import Foundation
import Heap
import LockFree
import Machine
import PerCPU
import Testing

@testable import Zones

private enum Calls {
  nonisolated(unsafe) static var barriers = 0
}

@Suite struct ReclaimTests {
  @Test func everyCPUIsInterruptedOnce() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_RUNG", "B", 1)
      #expect(Engine.ensureStarted())
      guard anax_state().pointee.rung == 66, anax_state().pointee.membarrier == 1 else { return }
      let room = 8
      let home = Lists.zone(100, size: 512, limit: 0)
      // Blocks of CPUs that need not exist: nobody runs there, and this thread fills their lists.
      anax_state().pointee.cpu_limit = 0
      for cpu in 0..<Int(anax_state().pointee.cpu_count) where cpu < room {
        CPUBlocks.open(cpu)
        let list = home.claimFromSlabs(wanted: 3, cpu: cpu)
        UnsafeMutablePointer<UInt64>(bitPattern: UInt(CPUBlocks.inUse(cpu)))![100] = list
      }
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        if number == anax_sys_membarrier { Calls.barriers += 1 }
        return anax_system_call(number, a, b, c, d, e, f)
      }
      Reclaim.everything()
      anax_state().pointee.fake_kernel = nil
      #expect(Calls.barriers == 1)
      #expect(ZoneCensus.figures(100).used == 0)
      #expect(CacheCensus.isClear(zone: 100))
      // All can be taken back again.
      Reclaim.everything()
      for cpu in 0..<min(Int(anax_state().pointee.cpu_count), room) { #expect(CPUBlocks.inUse(cpu) != CPUBlocks.empty) }
    }
  }

  /// Without another thread that brings the barrier about, every block stays in use, and is left over.
  @Test func whereTheKernelRefusesNothingIsLost() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_RUNG", "B", 1)
      #expect(Engine.ensureStarted())
      guard anax_state().pointee.rung == 66, anax_state().pointee.membarrier == 1 else { return }
      let count = min(Int(anax_state().pointee.cpu_count), 8)
      for cpu in 0..<count { CPUBlocks.open(cpu) }
      let before = (0..<count).map { CPUBlocks.inUse($0) }
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        if number == anax_sys_membarrier { return Int(-EPERM) }
        return anax_system_call(number, a, b, c, d, e, f)
      }
      Reclaim.everything()
      #expect((0..<count).map { CPUBlocks.inUse($0) } == before)
      #expect(anax_state().pointee.membarrier == 0 && anax_state().pointee.left_overs == 1)
    }
  }
}
