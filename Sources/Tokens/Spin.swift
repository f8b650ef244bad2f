// SPDX-License-Identifier: Apache-2.0
// One waiter's spinning: how many tries are left and how long it pauses before the next. On its own stack; others see only that one
// more spins there (Spinners), until its end.
//
// PAUSE is not a unit of time: 10 cycles on one processor, 140 on another. So delays are given in nanoseconds, and one PAUSE is
// measured at the first contention. Bursts of PAUSE stay below the window (4096 cycles, KVM's default) beyond which a hypervisor
// may take the processor away; between bursts the word is read, and the wait ends when it has become free.

import CAnax
import CAnaxTokens
import LockFree
import Machine

package struct Spin {
  let token: TokenState
  var tries: UInt64
  /// Tries before it is counted; `.max`: it is.
  var free = Spinners.free
  var pauses: UInt64
  let most: UInt64
  let growth: UInt64

  /// PAUSEs that never make a hypervisor exit: 16 are at most some 2,500 cycles.
  static var burst: UInt64 { @_noLocks @_noAllocation get { 16 } }

  /// Begins with the policy in force for the token. No tries where spinning cannot help: less than two processors' worth of time.
  @_noLocks @_noAllocation
  package init(_ token: TokenState) {
    self.token = token
    let policy = PackedPolicy.inForce(token)
    tries = anax_token_state().pointee.processors < 2 ? 0 : policy.tries
    growth = policy.growth
    pauses = Spin.pauses(inNanoseconds: policy.delay)
    most = growth == 0 ? pauses : Spin.pauses(inNanoseconds: max(policy.longest, policy.delay))
  }

  /// At least 1.
  @inline(__always) @_noLocks @_noAllocation
  package static func pauses(inNanoseconds nanoseconds: UInt64) -> UInt64 {
    max(1, nanoseconds &* pausesPerNanosecond &>> 32)
  }

  /// The same for a thread that holds others meanwhile: an eighth of the tries. Two threads that want each other's tokens spin in vain.
  @_noLocks @_noAllocation
  package init(holdingOthers token: TokenState) {
    self.init(token)
    tries = tries / 8
  }

  /// Before its thread sleeps, and when it has the token: it spins no longer.
  @inline(__always) @_noLocks @_noAllocation
  mutating func end() {
    if free == .max { Spinners.leave(token) }
    free = 0
    tries = 0
  }

  /// Whether it may try once more: no tries are left, or too many spin for long.
  @inline(__always) @_noLocks @_noAllocation
  mutating func mayGoOn() -> Bool {
    if tries == 0 { return false }
    tries &-= 1
    if free == .max { return true }
    if free > 0 {
      free &-= 1
      return true
    }
    if Spinners.enter(token) { free = .max } else { tries = 0 }
    return free == .max
  }

  /// Waits once, and reads the word. False: it may not.
  @_noLocks @_noAllocation
  package mutating func wait(_ word: AtomicWord, _ seen: inout UInt64) -> Bool {
    if !mayGoOn() { return false }
    var left = pauses
    while left > 0 {
      var count = min(left, Spin.burst)
      left &-= count
      while count > 0 {
        anax_pause()
        count &-= 1
      }
      seen = word.loadRelaxed()
      if TokenWord(seen).isFree { break }
    }
    if growth != 0 { pauses = min(growth == 1 ? pauses &+ (pauses &+ 1) / 2 : pauses &* 2, most) }
    return true
  }

  /// As a fraction of 2^32: a wait is made of it without a division.
  @inline(__always)
  static var pausesPerNanosecond: UInt64 {
    @_noLocks @_noAllocation get {
      let known = AtomicWord(anax_token_state_pauses_per_nanosecond_word(anax_token_state())).loadRelaxed()
      return known != 0 ? known : (1000 &<< 32) / pausePicoseconds
    }
  }

  /// Of one PAUSE.
  package static var pausePicoseconds: UInt64 {
    @_noLocks @_noAllocation get {
      let known = AtomicWord(anax_token_state_pause_picoseconds_word(anax_token_state())).loadRelaxed()
      return known != 0 ? known : measurePause()
    }
  }

  /// Measures a PAUSE: the least of eight bursts, some 10 microseconds in all.
  @_noLocks @_noAllocation
  package static func measurePause() -> UInt64 {
    var least = UInt64.max
    var round = 0
    while round < 8 {
      let begun = anax_clock()
      var count = 0
      while count < 32 {
        anax_pause()
        count += 1
      }
      least = min(least, anax_clock() &- begun)
      round += 1
    }
    let measured = max(least &* 1000 / 32, 1)
    AtomicWord(anax_token_state_pauses_per_nanosecond_word(anax_token_state())).storeRelaxed((1000 &<< 32) / measured)
    AtomicWord(anax_token_state_pause_picoseconds_word(anax_token_state())).storeRelaxed(measured)
    return measured
  }
}
