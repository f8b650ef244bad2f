// SPDX-License-Identifier: Apache-2.0
// Blocking points that are not the wait for a token: a declared blocking call, and the sleep on a token's condition
// (tsleep and wakeup).
// All of the thread's tokens are let go before, and taken again after.
//
// | word `condition` | by | order |
// |---|---|---|
// | read | a sleeper, while it holds the token | relaxed: the token's word, or a sharer's line, orders it |
// | + 1, then sleepers are woken | anybody | release |
// A wake-up between the sleeper's release of the token and its sleep changes the word, so that it does not sleep.

import CAnax
import CAnaxTokens
import LockFree
import Machine

@usableFromInline
package enum BlockingPoints {
  /// The holds of a thread during its blocking call, on the call's stack. Meanwhile the thread holds nothing, so that
  /// what it calls may ask for tokens, also for these, and block again.
  @usableFromInline
  package struct SetAside {
    var count: UInt32 = 0
    var holds = InlineArray<32, anax_token_hold>(repeating: anax_token_hold())

    @usableFromInline
    package init() {}
  }

  /// Before a blocking call; `end` must follow.
  @usableFromInline @inline(never) @_noLocks @_noAllocation
  package static func begin(_ aside: inout SetAside) {
    let thread = anax_token_thread()
    let count = thread.pointee.count
    if count == 0 { return }
    HeldSet.letGo(thread, at: "Token.blocking")
    aside.count = count
    var place = 0
    while place < Int(count) {
      aside.holds[place] = anax_token_holds(thread)[place]
      place += 1
    }
    anax_token_thread_set_count(thread, 0)
  }

  @usableFromInline @inline(never) @_noLocks @_noAllocation
  package static func end(_ aside: inout SetAside) {
    let thread = anax_token_thread()
    if thread.pointee.count > 0 { TokenStop.heldAfterBlocking(thread) }
    if aside.count == 0 { return }
    var place = 0
    while place < Int(aside.count) {
      anax_token_hold_set(anax_token_holds(thread) + place, aside.holds[place].token, aside.holds[place].state)
      place += 1
    }
    anax_token_thread_set_count(thread, aside.count)
    HeldSet.take(thread)
  }

  /// Lets all go, sleeps until somebody wakes the token's sleepers, and takes all again. False: the deadline passed.
  /// May also return true for no reason.
  @_noLocks @_noAllocation
  package static func sleep(_ token: TokenState, until deadline: UInt64) -> Bool {
    let thread = anax_token_thread()
    if Hold.place(token, in: thread) < 0 { TokenStop.notHeld(token, "sleep on") }
    let condition = anax_token_condition(token)
    let seen = anax_load32_relaxed(condition)
    HeldSet.letGo(thread, at: "Token.sleep")
    let result = Futex.wait(condition, seen, .exclusive, until: deadline)
    HeldSet.take(thread)
    if case .timedOut = result { return false }
    return true
  }

  @_noLocks @_noAllocation
  package static func wake(_ token: TokenState, count: Int) {
    let condition = anax_token_condition(token)
    anax_fetch_add32_release(condition, 1)
    Futex.wake(condition, .exclusive, count: count)
  }
}
