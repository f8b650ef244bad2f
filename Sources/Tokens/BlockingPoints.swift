// SPDX-License-Identifier: Apache-2.0
// Blocking points that are not the wait for a token: a declared blocking call, and the sleep on a token's condition (tsleep and wakeup).
// All of the thread's tokens are let go before, and taken again after.
//
// | word `condition` | by | order |
// |---|---|---|
// | read | a sleeper, while it holds the token | relaxed: the token's word orders it |
// | + 1, then sleepers are woken | anybody | release |
// A wake-up between the sleeper's release of the token and its sleep changes the word, so that it does not sleep.

import CAnax
import CAnaxTokens
import LockFree
import Machine

@usableFromInline
package enum BlockingPoints {
  /// Before a blocking call. True: `end` must follow.
  @usableFromInline @inline(never) @_noLocks @_noAllocation
  package static func begin() -> Bool {
    let thread = anax_token_thread()
    if thread.pointee.count == 0 { return false }
    HeldSet.letGo(thread, at: "Token.blocking")
    return true
  }

  @usableFromInline @inline(never) @_noLocks @_noAllocation
  package static func end() { HeldSet.take(anax_token_thread()) }

  /// Lets all go, sleeps until somebody wakes the token's sleepers, and takes all again. False: the deadline passed. May also return
  /// true for no reason.
  @_noLocks @_noAllocation
  package static func sleep(_ token: TokenState, until deadline: UInt64) -> Bool {
    let thread = anax_token_thread()
    if Hold.place(token, in: thread) < 0 { TokenStop.notHeld(token) }
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
