// SPDX-License-Identifier: Apache-2.0
// Time, as the engine sees it: slow paths look at the cycle counter now and then, and at most once a decay period one
// of them does a tick: depots give back what they did not need, empty slabs their pages, CPUs the pages they have left
// alone, old free pages go to the kernel. One tick at a time; who comes meanwhile passes by, unless the one at it has
// been for about sixteen seconds (ForkEpoch). `anax_tick()` and the helper thread do the same in a process that has
// fallen silent.

import CAnax
import LockFree
import Machine
import Pages
import PerCPU
import Zones

@usableFromInline
package enum Ticks {
  @_noLocks @_noAllocation
  static func start() { anax_state().pointee.last_tick = anax_ticks() }

  /// For slow paths: a tick where one is due.
  @_noLocks @_noAllocation
  package static func ride() {
    let state = anax_state()
    let last = AtomicWord(anax_state_last_tick(state))
    let now = anax_ticks()
    var then = last.loadRelaxed()
    // On x86-64, where the speed of the counter is not known, a decay of 1 s lasts 0.5 to 2 s.
    if now &- then < UInt64(max(Tunable.pageDecay.value, 100)) &* anax_ticks_per_millisecond() { return }
    if last.compareExchange(&then, now) { tick() }
  }

  @_noLocks @_noAllocation
  package static func tick() {
    let sweeping = anax_state_sweeping(anax_state())
    guard let lock = ForkEpoch.tryLock(sweeping) else { return }
    _ = Collector.depots(all: false)
    PageDrain.everything(idle: true)
    pages(all: false)
    ForkEpoch.unlock(sweeping, lock)
  }

  /// Gives back all that can be given back: caches, depots, empty slabs, free pages, pages inside slabs. Bytes returned
  /// to the kernel; 0 while another thread does the same.
  @_noLocks @_noAllocation
  package static func purge() -> UInt64 {
    let sweeping = anax_state_sweeping(anax_state())
    guard let lock = ForkEpoch.tryLock(sweeping) else { return 0 }
    Reclaim.everything()
    // Of CPUs whose block somebody else has swapped.
    PageDrain.everything()
    let thinned = Collector.depots(all: true)
    let returned = pages(all: true)
    ForkEpoch.unlock(sweeping, lock)
    return (returned &+ thinned) &<< anax_state().pointee.page_shift
  }

  @_noLocks @_noAllocation @discardableResult
  static func pages(all: Bool) -> UInt64 {
    var node = 0
    var returned: UInt64 = 0
    while node < Int(anax_state().pointee.node_count) {
      Purge.forgetMissed(node: Pages.node(node))
      returned &+= Purge.sweep(node: Pages.node(node), all: all, downTo: 0)
      node += 1
    }
    return returned
  }
}
