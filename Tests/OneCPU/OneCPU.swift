// SPDX-License-Identifier: Apache-2.0
// The calling thread on one CPU, for tests of what lies there. A restartable section is aborted where its thread loses
// the CPU in it, and what it was to take or keep then goes another way: a test that says which way it goes keeps its
// CPU, where it may (CAP_SYS_NICE, or RLIMIT_RTPRIO).

import Glibc
import Machine

package enum OneCPU {
  /// SCHED_RESET_ON_FORK.
  private static let resetOnFork: CInt = 0x4000_0000

  /// Whether it may run there.
  package static func isAllowed(_ cpu: Int) -> Bool { Kernel.affinity()?.contains(cpu) ?? false }

  /// It runs there from now on.
  package static func stay(on cpu: Int) {
    var mask = CPUMask()
    mask.insert(cpu)
    _ = Kernel.setAffinity(mask)
  }

  /// Ordinary threads do not take the CPU from it any more, but for what the kernel sees to that they get: a twentieth
  /// of each second. Threads that it starts, and children, are ordinary.
  package static func keep() {
    var first = sched_param(sched_priority: 1)
    _ = sched_setscheduler(0, SCHED_FIFO | resetOnFork, &first)
  }

  /// It takes turns with others again: before it waits for a thread that may be on its CPU.
  package static func takeTurns() {
    var ordinary = sched_param(sched_priority: 0)
    // Without CAP_SYS_NICE that mark cannot be taken away.
    _ = sched_setscheduler(0, SCHED_OTHER | resetOnFork, &ordinary)
  }
}
