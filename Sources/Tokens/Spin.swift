// SPDX-License-Identifier: Apache-2.0
// One waiter's spinning: how many tries are left and how long it pauses before the next. On its own stack; nobody else sees it.
//
// PAUSE is not a unit of time: 10 cycles on one processor, 140 on another. So delays are given in nanoseconds, and one PAUSE is
// measured at the first contention. Bursts of PAUSE stay below the window (4096 cycles, KVM's default) beyond which a hypervisor
// may take the processor away; between bursts the word is read, and the wait ends when it has become free.

import CAnax
import CAnaxTokens
import LockFree
import Machine

package struct Spin {
  var tries: UInt64
  var pauses: UInt64
  let most: UInt64
  let growth: UInt64

  /// PAUSEs that never make a hypervisor exit: 16 are at most some 2,500 cycles.
  static var burst: UInt64 { @_noLocks @_noAllocation get { 16 } }

  /// Begins with the policy in force for the token. No tries where spinning cannot help: less than two processors' worth of time.
  @_noLocks @_noAllocation
  package init(_ token: TokenState) {
    let policy = PackedPolicy.inForce(token)
    tries = anax_token_state().pointee.processors < 2 ? 0 : policy.tries
    growth = policy.growth
    pauses = Spin.pauses(inNanoseconds: policy.delay)
    most = Spin.pauses(inNanoseconds: max(policy.longest, policy.delay))
  }

  /// At least 1.
  @_noLocks @_noAllocation
  package static func pauses(inNanoseconds nanoseconds: UInt64) -> UInt64 {
    nanoseconds == 0 ? 1 : max(1, nanoseconds &* 1000 / pausePicoseconds)
  }

  /// The same for a thread that holds others meanwhile: an eighth of the tries. Two threads that want each other's tokens spin in vain.
  @_noLocks @_noAllocation
  package init(holdingOthers token: TokenState) {
    self.init(token)
    tries = tries / 8
  }

  /// Waits once, and reads the word. False: no tries are left.
  @_noLocks @_noAllocation
  package mutating func wait(_ word: AtomicWord, _ seen: inout UInt64) -> Bool {
    if tries == 0 { return false }
    tries &-= 1
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
    AtomicWord(anax_token_state_pause_picoseconds_word(anax_token_state())).storeRelaxed(measured)
    return measured
  }
}
