// SPDX-License-Identifier: Apache-2.0
// Requests and releases as a thread makes them: the slow paths behind the inlined hits of the Swift face. Any thread,
// for itself; not in signal handlers.

import CAnax
import CAnaxTokens
import LockFree
import Machine

@usableFromInline
package enum Requests {
  package enum Outcome { case taken, timedOut, orphaned }

  // MARK: The hits, inlined

  /// The exclusive request that finds the token as the thread expects it, free, and the thread with room.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package static func hit(_ token: TokenState) -> Bool {
    let thread = anax_token_thread()
    let count = thread.pointee.count
    var free = thread.pointee.free
    if count >= thread.pointee.limit
      || !anax_compare_exchange(anax_token_word(token), &free, thread.pointee.mine)
    {
      return false
    }
    let hold = anax_token_holds(thread) + Int(count)
    anax_token_hold_set(hold, token, 1)
    anax_token_thread_set_count(thread, count &+ 1)
    if token.pointee.last != thread.pointee.id { noteOther(token, thread) }
    return true
  }

  @usableFromInline @inline(never) @_noLocks @_noAllocation
  static func noteOther(_ token: TokenState, _ thread: UnsafeMutablePointer<anax_token_thread>) {
    Taking.noteTaken(token, shared: false, thread)
  }

  /// The release of the thread's last hold, taken once and exclusively, where nobody need be woken.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package static func releaseHit(_ token: TokenState) -> Bool {
    let thread = anax_token_thread()
    let place = Int(thread.pointee.count) &- 1
    if place < 0 { return false }
    let hold = anax_token_holds(thread) + place
    var mine = thread.pointee.mine
    if !anax_token_hold_is(hold, token, 1)
      || !anax_compare_exchange(anax_token_word(token), &mine, thread.pointee.free)
    {
      return false
    }
    anax_token_thread_set_count(thread, UInt32(truncatingIfNeeded: place))
    return true
  }

  /// The shared request that finds the token shared or free, and nobody waiting.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package static func sharedHit(_ token: TokenState) -> Bool {
    let thread = anax_token_thread()
    let count = thread.pointee.count
    if count != 0 || thread.pointee.limit == 0 { return false }
    var old = anax_load_relaxed(anax_token_word(token))
    if TokenWord(old).countsPerCPU {
      if !Readers.enter(token) { return false }
      anax_token_hold_set(anax_token_holds(thread), token, 1 | Hold.shared | Hold.perCPU)
      anax_token_thread_set_count(thread, 1)
      Taking.noteShared(token, thread)
      return true
    }
    while TokenWord(old).admitsShared(slept: false) {
      if anax_compare_exchange(anax_token_word(token), &old, TokenWord(old).takenShared(slept: false).bits) {
        let hold = anax_token_holds(thread)
        anax_token_hold_set(hold, token, 1 | Hold.shared)
        anax_token_thread_set_count(thread, 1)
        Taking.noteShared(token, thread)
        return true
      }
    }
    return false
  }

  /// The release of a shared hold that is the thread's only one, where nobody need be woken.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package static func sharedReleaseHit(_ token: TokenState) -> Bool {
    let thread = anax_token_thread()
    let hold = anax_token_holds(thread)
    if thread.pointee.count != 1 { return false }
    if anax_token_hold_is(hold, token, 1 | Hold.shared | Hold.perCPU) {
      anax_token_thread_set_count(thread, 0)
      Readers.leave(token)
      return true
    }
    if !anax_token_hold_is(hold, token, 1 | Hold.shared) { return false }
    var old = anax_load_relaxed(anax_token_word(token))
    while true {
      let now = TokenWord(old)
      // The last one looks whom to wake; with nobody there, it leaves 0.
      if now.sharedCount == 1, old != TokenWord.shared | TokenWord.oneHolder { return false }
      let new = now.sharedCount == 1 ? 0 : old &- TokenWord.oneHolder
      if anax_compare_exchange(anax_token_word(token), &old, new) {
        anax_token_thread_set_count(thread, 0)
        return true
      }
    }
  }

  /// As `hit`, for an access to a serialized value: until its end the fast paths are closed, so that every request is
  /// looked at.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package static func openHit(_ token: TokenState) -> Bool {
    if !hit(token) { return false }
    let thread = anax_token_thread()
    anax_token_hold_set_state(anax_token_holds(thread) + (Int(thread.pointee.count) &- 1), 1 | Hold.pinned)
    thread.pointee.pinned = 1
    thread.pointee.limit = 0
    return true
  }

  /// The end of the thread's only open access, where nobody need be woken.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package static func closeHit(_ token: TokenState) -> Bool {
    let thread = anax_token_thread()
    let place = Int(thread.pointee.count) &- 1
    if place < 0 || thread.pointee.pinned != 1 { return false }
    let hold = anax_token_holds(thread) + place
    var mine = thread.pointee.mine
    if !anax_token_hold_is(hold, token, 1 | Hold.pinned)
      || !anax_compare_exchange(anax_token_word(token), &mine, thread.pointee.free)
    {
      return false
    }
    anax_token_thread_set_count(thread, UInt32(truncatingIfNeeded: place))
    thread.pointee.pinned = 0
    thread.pointee.limit = UInt32(ANAX_TOKENS_HELD_MAX)
    return true
  }

  // MARK: Requests

  @usableFromInline @inline(never) @_noLocks @_noAllocation
  package static func acquire(_ token: TokenState) {
    if request(token, shared: false, until: .max) == .orphaned {
      TokenStop.orphan(token, owner: Orphans.owner(of: token) ?? 0)
    }
  }

  @usableFromInline @inline(never) @_noLocks @_noAllocation
  package static func acquireShared(_ token: TokenState) {
    if request(token, shared: true, until: .max) == .orphaned {
      TokenStop.orphan(token, owner: Orphans.owner(of: token) ?? 0)
    }
  }

  /// Takes the token, waiting until `deadline` of the clock at most. Where it must wait, everything that the thread
  /// holds is let go and taken again.
  @_noLocks @_noAllocation
  package static func request(_ token: TokenState, shared: Bool, until deadline: UInt64) -> Outcome {
    let thread = ThreadRecord.current()
    if thread.pointee.pinned > 0 { TokenStop.requestInAccess(token, thread) }
    let place = Hold.place(token, in: thread)
    if place >= 0 {
      deepen(place, shared: shared, thread)
      return .taken
    }
    let count = Int(thread.pointee.count)
    if count >= Int(ANAX_TOKENS_HELD_MAX) { TokenStop.tooMany(token) }
    if Orphans.owner(of: token) != nil { return .orphaned }
    let state = Hold.fresh(shared: shared)
    if shared, Readers.tryEnter(token, thread) {
      Hold.append(token, state | Hold.perCPU, to: thread)
      return .taken
    }
    if count == 0 {
      if Taking.once(token, shared: shared, thread) {
        Orphans.tidy(token)
      } else if !Waiting.forToken(token, shared: shared, thread, until: deadline) {
        return late(token, shared: shared)
      }
      Hold.append(token, state, to: thread)
      return .taken
    }
    if Taking.spinning(token, shared: shared, thread, until: deadline) {
      Orphans.tidy(token)
      Hold.append(token, state, to: thread)
      return .taken
    }
    HeldSet.letGo(thread)
    Hold.append(token, state, to: thread)
    return HeldSet.take(thread, first: count, until: deadline) ? .taken : late(token, shared: shared)
  }

  /// Why a request's time was up.
  @_noLocks @_noAllocation
  static func late(_ token: TokenState, shared: Bool) -> Outcome {
    Orphans.owner(of: token) != nil || !shared && Orphans.share(token) ? .orphaned : .timedOut
  }

  /// One try; never lets anything go.
  @usableFromInline @inline(never) @_noLocks @_noAllocation
  package static func tryAcquire(_ token: TokenState, shared: Bool) -> Bool {
    let thread = ThreadRecord.current()
    let place = Hold.place(token, in: thread)
    if place >= 0 {
      let state = anax_token_holds(thread)[place].state
      if Hold.isPinned(state) || Hold.isShared(state) && !shared { return false }
      deepen(place, shared: shared, thread)
      return true
    }
    let count = Int(thread.pointee.count)
    if count >= Int(ANAX_TOKENS_HELD_MAX) { TokenStop.tooMany(token) }
    if shared, Readers.tryEnter(token, thread) {
      Hold.append(token, Hold.fresh(shared: true) | Hold.perCPU, to: thread)
      return true
    }
    if !Taking.once(token, shared: shared, thread) {
      if !Orphans.arePossible { return false }
      Orphans.clean(token)
      if !Taking.once(token, shared: shared, thread) { return false }
    }
    Orphans.tidy(token)
    Hold.append(token, Hold.fresh(shared: shared), to: thread)
    return true
  }

  /// A request for a token that the thread has.
  @_noLocks @_noAllocation
  static func deepen(_ place: Int, shared: Bool, _ thread: Thread) {
    let hold = anax_token_holds(thread) + place
    if Hold.isShared(hold.pointee.state), !shared { TokenStop.exclusiveInShared(hold.pointee.token!) }
    anax_token_hold_set_state(hold, hold.pointee.state &+ 1)
  }

  // MARK: Accesses to serialized values

  /// Takes the value's token and pins it.
  @usableFromInline @inline(never) @_noLocks @_noAllocation
  package static func open(_ token: TokenState, shared: Bool) {
    if shared { acquireShared(token) } else { acquire(token) }
    pin(token)
  }

  @usableFromInline @inline(never) @_noLocks @_noAllocation
  package static func tryOpen(_ token: TokenState) -> Bool {
    if !tryAcquire(token, shared: false) { return false }
    pin(token)
    return true
  }

  /// From now on the hold may not be let go. It must be the only request for its token.
  @usableFromInline @inline(never) @_noLocks @_noAllocation
  package static func pin(_ token: TokenState) {
    let thread = anax_token_thread()
    let hold = anax_token_holds(thread) + Hold.place(token, in: thread)
    if Hold.depth(hold.pointee.state) != 1 { TokenStop.accessedTwice(token) }
    anax_token_hold_set_state(hold, hold.pointee.state | Hold.pinned)
    thread.pointee.pinned += 1
    ThreadRecord.openFastPath(thread)
  }

  @usableFromInline @inline(never) @_noLocks @_noAllocation
  package static func close(_ token: TokenState) {
    let thread = anax_token_thread()
    let place = Hold.place(token, in: thread)
    if place < 0 { TokenStop.notHeld(token) }
    let state = anax_token_holds(thread)[place].state
    Hold.remove(place, from: thread)
    thread.pointee.pinned -= 1
    ThreadRecord.openFastPath(thread)
    Releasing.letGo(token, state)
  }

  // MARK: Releases and changes of mode

  @usableFromInline @inline(never) @_noLocks @_noAllocation
  package static func release(_ token: TokenState) {
    let thread = anax_token_thread()
    let place = Hold.place(token, in: thread)
    if place < 0 { TokenStop.notHeld(token) }
    let hold = anax_token_holds(thread) + place
    if Hold.depth(hold.pointee.state) > 1 {
      anax_token_hold_set_state(hold, hold.pointee.state &- 1)
      return
    }
    let state = hold.pointee.state
    Hold.remove(place, from: thread)
    Releasing.letGo(token, state)
  }

  /// The thread's only exclusive hold becomes shared.
  @_noLocks @_noAllocation
  package static func downgrade(_ token: TokenState) {
    let thread = anax_token_thread()
    let place = Hold.place(token, in: thread)
    if place < 0 { TokenStop.notHeld(token, "downgrade of") }
    let hold = anax_token_holds(thread) + place
    if Hold.isShared(hold.pointee.state) || Hold.depth(hold.pointee.state) != 1 { TokenStop.downgradeOfNested(token) }
    anax_token_hold_set_state(hold, hold.pointee.state | Hold.shared)
    if anax_token_state().pointee.sanitized != 0 { anax_token_annotate_releasing(token, false) }
    Releasing.downgrade(token)
    if anax_token_state().pointee.sanitized != 0 { anax_token_annotate_taken(token, true) }
  }

  /// The thread's shared hold becomes exclusive if nobody else shares it. Whoever waits goes on waiting.
  @_noLocks @_noAllocation
  package static func tryUpgrade(_ token: TokenState) -> Bool {
    let thread = anax_token_thread()
    let place = Hold.place(token, in: thread)
    if place < 0 { TokenStop.notHeld(token, "upgrade of") }
    let hold = anax_token_holds(thread) + place
    if !Hold.isShared(hold.pointee.state) { return true }
    let isPerCPU = Hold.isPerCPU(hold.pointee.state)
    let word = AtomicWord(anax_token_word(token))
    let own: UInt64 = isPerCPU ? 1 : 0
    if Readers.count(token) != own { return false }
    var old = word.loadRelaxed()
    while isPerCPU ? TokenWord(old).admitsExclusive(itsTurn: false) : TokenWord(old).sharedCount == 1 {
      if word.compareExchange(&old, TokenWord(old).upgraded(to: thread.pointee.id).bits) {
        if !Readers.areGone(token, but: own) {
          if isPerCPU { Releasing.letGo(token) } else { Releasing.downgrade(token) }
          return false
        }
        if anax_token_state().pointee.sanitized != 0 { anax_token_annotate_releasing(token, true) }
        anax_token_hold_set_state(hold, hold.pointee.state & ~(Hold.shared | Hold.perCPU))
        if isPerCPU { Readers.leave(token) }
        Taking.noteTaken(token, shared: false, thread)
        return true
      }
    }
    return false
  }
}
