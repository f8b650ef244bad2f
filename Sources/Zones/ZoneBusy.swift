// SPDX-License-Identifier: Apache-2.0
// How many requests of a user zone are on the slow path now, so that the zone is not ended under them: the word `busy`
// of its home on node 0. It counts for one process: a forked child does not have the threads that were in there. What a
// cache or a shard serves is not counted: an item that was taken there is out, and a zone with an item out does not
// end.
//
// | bits | mean |
// |---|---|
// | 0...31 | requests |
// | 32...63 | ForkEpoch's number of the process whose they are; another's: there are none |
//
// | transition | by | order |
// |---|---|---|
// | n → n + 1; another process's n → 1 of this one | who begins a request | CAS, acquire and release; then a fence |
// | n → n - 1, where the process is still the one it began in | the same at its end | CAS, acquire and release |
// Against ZoneRegistry.destroy: either the request sees the zone's end, or that sees the request. A thread stopped in
// here keeps its zone from being ended.

import CAnax
import LockFree
import PerCPU

enum ZoneBusy {
  @_noLocks @_noAllocation
  static func word(_ id: Int) -> AtomicWord { AtomicWord(anax_home_busy(Home(zone: id, node: 0).entry)) }

  static var process: UInt64 { @_noLocks @_noAllocation get { ForkEpoch.current() & 0xffff_ffff } }

  /// What to give `leave`.
  @_noLocks @_noAllocation
  static func enter(_ id: Int) -> UInt64 {
    let word = word(id)
    let process = process
    var old = word.loadRelaxed()
    while !word.compareExchange(&old, old &>> 32 == process ? old &+ 1 : process &<< 32 | 1) {}
    anax_fence()
    return process
  }

  @_noLocks @_noAllocation
  static func leave(_ id: Int, _ process: UInt64) {
    let word = word(id)
    var old = word.loadRelaxed()
    while old &>> 32 == process, !word.compareExchange(&old, old &- 1) {}
  }

  @_noLocks @_noAllocation
  static func isBusy(_ id: Int) -> Bool {
    let now = word(id).loadAcquire()
    return now &>> 32 == process && now & 0xffff_ffff != 0
  }
}
