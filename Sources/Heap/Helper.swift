// SPDX-License-Identifier: Apache-2.0
// What the helper thread does: while something is free and dirty it does a tick each decay period; when the process has
// been silent for three of them it gives back everything, and then sleeps until a slow path sees dirty memory. One
// thread runs this, with all signals blocked; it never waits for anybody but the kernel's clock.
//
// The word `helper`, of which the low half is a futex:
//
// | bits | mean |
// |---|---|
// | 0 | there is a helper |
// | 1 | it sleeps until woken |
// | 8 | the main thread has ended: the helper must see when it is the last |
//
// | transition | by | order |
// |---|---|---|
// | 1 → 3 | the helper, which then looks for dirty memory once more | exchange |
// | 3 → 1 | who releases memory, and wakes it; or the helper | CAS, acquire and release |
// | 0 → 1 | the helper when it begins | fetch_or |
// | bit 8 | the main thread at its pthread_exit, whether the helper has begun or not | fetch_or |
// | any → 0 | the helper at its end; the child of a fork | release |
// A wake-up that is lost (the releaser read the word just before) costs a minute at most.

import CAnax
import LockFree
import Machine
import Pages
import PerCPU
import Zones

package enum Helper {
  static var present: UInt64 { @_noLocks @_noAllocation get { 1 } }
  static var asleep: UInt64 { @_noLocks @_noAllocation get { 2 } }
  static var mainEnded: UInt64 { @_noLocks @_noAllocation get { 256 } }
  /// Milliseconds between looks whether this thread is the last, once the main thread has ended.
  static var lastCheck: Int64 { @_noLocks @_noAllocation get { 1000 } }
  static var word: AtomicWord { @_noLocks @_noAllocation get { AtomicWord(anax_state_helper(anax_state())) } }

  /// The thread's whole life. Returns when no other thread is left.
  @_noLocks @_noAllocation
  package static func run() {
    if !Engine.ensureStarted() { return }
    // The main thread may have ended before this one began: its bit stays.
    word.claim(bits: present)
    var seen = activity()
    var quiet = 0
    while true {
      let period = max(Tunable.pageDecay.value, 100)
      let before = word.loadRelaxed()
      wait(while: before, milliseconds: before & mainEnded == 0 ? period : min(period, lastCheck))
      if mustEnd() { break }
      let now = activity()
      quiet = now == seen ? quiet + 1 : 0
      if quiet < 3 {
        AtomicWord(anax_state_last_tick(anax_state())).storeRelaxed(anax_ticks())
        Ticks.tick()
        seen = activity()
        continue
      }
      _ = Ticks.purge()
      seen = activity()
      if !sleep(seen) { break }
      quiet = 0
    }
    word.storeRelease(0)
  }

  /// Sleeps until something happens. False: the thread must end.
  @_noLocks @_noAllocation
  static func sleep(_ seen: UInt64) -> Bool {
    while true {
      var expected = present
      if !word.compareExchange(&expected, present | asleep), expected & mainEnded == 0 { return true }
      if activity() == seen {
        if expected & mainEnded == 0 {
          wait(while: present | asleep, milliseconds: 60_000)
        } else {
          wait(while: expected, milliseconds: lastCheck)
        }
      }
      let old = word.release(bits: asleep)
      if mustEnd() { return false }
      // Without the bit, somebody woke us.
      if expected & mainEnded == 0, old & asleep == 0 { return true }
      if activity() != seen { return true }
    }
  }

  @_noLocks @_noAllocation
  static func wait(while expected: UInt64, milliseconds: Int64) {
    var time = InlineArray<2, Int>(repeating: 0)
    time[0] = Int(milliseconds / 1000)
    time[1] = Int(milliseconds % 1000) * 1_000_000
    _ = withUnsafeMutableBytes(of: &time) {
      // FUTEX_WAIT_PRIVATE
      Kernel.call(
        anax_sys_futex, Int(bitPattern: anax_state_helper(anax_state())), 128, Int(expected),
        Int(bitPattern: $0.baseAddress), 0, 0)
    }
  }

  /// The main thread ended by itself: from now on the helper looks whether it is the last.
  @_noLocks @_noAllocation
  package static func noteMainEnded() {
    word.claim(bits: mainEnded)
    _ = Kernel.call(anax_sys_futex, Int(bitPattern: anax_state_helper(anax_state())), 129, 1)
  }

  /// In the child of a fork there is no helper. (What its sweep held is free there: ForkEpoch.)
  @_noLocks @_noAllocation
  package static func forget() { word.storeRelease(0) }

  /// Changes whenever memory moved between the levels, or more or fewer pages lie ready on CPUs. Not with a page that
  /// is taken from there and given back: nothing is kept for it that a purge would not leave.
  @_noLocks @_noAllocation
  static func activity() -> UInt64 {
    var sum: UInt64 = 0
    var node = 0
    while node < Int(anax_state().pointee.node_count) {
      let entry = Pages.node(node)
      sum = sum &* 31 &+ AtomicWord(anax_node_claimed_pages(entry)).loadRelaxed() &* 3
      sum = sum &+ PageCounters.ready(node: node)
      sum = sum &+ AtomicWord(anax_node_dirty_pages(entry)).loadRelaxed() &* 5
      sum = sum &+ AtomicWord(anax_node_depot_bytes(entry)).loadRelaxed() &* 7
      node += 1
    }
    return sum
  }

  /// Whether only this thread is left besides the ended main thread, or that cannot be told.
  @_noLocks @_noAllocation
  static func mustEnd() -> Bool {
    if word.loadRelaxed() & mainEnded == 0 { return false }
    var text = InlineArray<512, UInt8>(repeating: 0)
    let count = withUnsafeMutableBytes(of: &text) {
      Kernel.readFile("/proc/self/stat", into: $0.baseAddress!.assumingMemoryBound(to: UInt8.self), count: 512)
    }
    // Behind the name, which ends at the last parenthesis, the 18th field is the number of threads.
    var at = count - 1
    while at > 0, text[at] != 41 { at -= 1 }
    var field = 0
    while at < count, field < 18 {
      if text[at] == 32 { field += 1 }
      at += 1
    }
    var threads = 0
    while at < count, text[at] >= 48, text[at] <= 57 {
      threads = threads &* 10 &+ Int(text[at] &- 48)
      at += 1
    }
    return threads <= 2
  }
}
