// SPDX-License-Identifier: Apache-2.0
// One waiter's spinning: how many tries are left and how long it pauses before the next. On its own stack; others see
// only that one more spins there (Spinners), until its end.
//
// PAUSE is not a unit of time: 10 cycles on one processor, 140 on another. So delays are given in nanoseconds, and one
// PAUSE is measured at the first contention.
//
// A hypervisor may take the processor from a loop of PAUSEs: on x86 the machine counts those that follow each other
// within a gap (128 cycles, KVM's default), and leaves the guest when they go on for a window (Intel: 4096 cycles; AMD:
// 3000 PAUSEs). So after every 16, however many tries and tokens they belong to, the thread does for 256 ticks of the
// cycle counter something else than PAUSE, which is a part of its delay. 16 are some 2,500 cycles where a PAUSE is
// longest. What a host is set to is not seen from here.
//
// At each burst's end the word is read, and the wait ends when it has become free, or at the deadline.

import CAnax
import CAnaxTokens
import LockFree
import Machine

package struct Spin {
  let token: TokenState
  var tries: UInt64
  /// Tries that are left before it is counted.
  var free = Spinners.free
  var isCounted = false
  var pauses: UInt64
  let most: UInt64
  let growth: UInt64
  let thread: Thread
  /// Nanoseconds of the clock; `.max`: none.
  let deadline: UInt64

  /// So many PAUSEs follow each other at most.
  package static var burst: UInt32 { @_noLocks @_noAllocation get { 16 } }

  /// Begins with the policy in force for the token. No tries where spinning cannot help: less than two processors'
  /// worth of time.
  @_noLocks @_noAllocation
  package init(_ token: TokenState, _ thread: Thread, until deadline: UInt64 = .max) {
    self.token = token
    self.thread = thread
    self.deadline = deadline
    let policy = PackedPolicy.inForce(token)
    let processors = AtomicWord(anax_token_state_processors_word(anax_token_state())).loadRelaxed()
    tries = processors < 2 ? 0 : policy.tries
    growth = policy.growth
    pauses = Spin.pauses(inNanoseconds: policy.delay)
    most = growth == 0 ? pauses : Spin.pauses(inNanoseconds: max(policy.longest, policy.delay))
  }

  /// At least 1.
  @inline(__always) @_noLocks @_noAllocation
  package static func pauses(inNanoseconds nanoseconds: UInt64) -> UInt64 {
    // The product first: shifts bind tighter.
    max(1, (nanoseconds &* pausesPerNanosecond) &>> 32)
  }

  /// The same for a thread that holds others meanwhile: an eighth of the tries. Two threads that want each other's
  /// tokens spin in vain.
  @_noLocks @_noAllocation
  package init(holdingOthers token: TokenState, _ thread: Thread, until deadline: UInt64) {
    self.init(token, thread, until: deadline)
    tries = tries / 8
  }

  /// Before its thread sleeps, and when it has the token: it spins no longer.
  @inline(__always) @_noLocks @_noAllocation
  mutating func end() {
    if isCounted { Spinners.leave(token) }
    isCounted = false
    tries = 0
  }

  /// Whether it may try once more: no tries are left, or too many spin for long.
  @inline(__always) @_noLocks @_noAllocation
  mutating func mayGoOn() -> Bool {
    if tries == 0 { return false }
    tries &-= 1
    if isCounted { return true }
    if free > 0 {
      free &-= 1
      return true
    }
    isCounted = Spinners.enter(token)
    if !isCounted { tries = 0 }
    return isCounted
  }

  /// Waits once, and reads the word. False: it may not.
  @_noLocks @_noAllocation
  package mutating func wait(_ word: AtomicWord, _ seen: inout UInt64) -> Bool {
    if !mayGoOn() { return false }
    var left = pauses
    while left > 0 {
      let room = Spin.burst &- min(thread.pointee.pauses, Spin.burst)
      if room == 0 {
        Spin.gap()
        thread.pointee.pauses = 0
        left &-= min(left, AtomicWord(anax_token_state_gap_pauses_word(anax_token_state())).loadRelaxed())
      } else {
        let count = min(left, UInt64(room))
        left &-= count
        thread.pointee.pauses &+= UInt32(count)
        Spin.pause(count)
      }
      seen = word.loadRelaxed()
      if TokenWord(seen).isFree { break }
      if deadline != .max, anax_clock() >= deadline {
        tries = 0
        break
      }
    }
    if growth != 0 { pauses = min(growth == 1 ? pauses &+ (pauses &+ 1) / 2 : pauses &* 2, most) }
    return true
  }

  @inline(__always) @_noLocks @_noAllocation
  static func pause(_ count: UInt64) {
    var left = count
    while left > 0 {
      anax_pause()
      left &-= 1
    }
  }

  /// A time without PAUSE that ends a loop of them for a hypervisor. Only x86's PAUSE can make it take the processor.
  @_noLocks @_noAllocation
  package static func gap() {
    #if arch(x86_64)
      let begun = anax_ticks()
      while anax_ticks() &- begun < 256 {}
    #endif
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

  /// Measures a PAUSE, and how many the gap is worth: the least of sixteen bursts, some 10 microseconds in all.
  @_noLocks @_noAllocation
  package static func measurePause() -> UInt64 {
    var least = UInt64.max
    var gap = UInt64.max
    var round = 0
    while round < 16 {
      let begun = anax_clock()
      pause(UInt64(burst))
      let middle = anax_clock()
      Spin.gap()
      least = min(least, middle &- begun)
      gap = min(gap, anax_clock() &- middle)
      round += 1
    }
    let measured = max(least &* 1000 / UInt64(burst), 1)
    AtomicWord(anax_token_state_gap_pauses_word(anax_token_state())).storeRelaxed(gap &* 1000 / measured)
    AtomicWord(anax_token_state_pauses_per_nanosecond_word(anax_token_state())).storeRelaxed((1000 &<< 32) / measured)
    AtomicWord(anax_token_state_pause_picoseconds_word(anax_token_state())).storeRelaxed(measured)
    return measured
  }
}
