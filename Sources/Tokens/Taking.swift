// SPDX-License-Identifier: Apache-2.0
// Taking a token's word without sleeping, what a holder notes when it has it, and what a thread's fast paths expect of
// a word: `free` in its record, which is always `steady` (TokenWord.swift), and `mine`, the same taken by it. Any
// thread, for itself.

import CAnax
import CAnaxTokens
import LockFree

@usableFromInline
package enum Taking {
  /// One try. False: others have it, or come first.
  @_noLocks @_noAllocation
  static func once(_ token: TokenState, shared: Bool, _ thread: Thread) -> Bool {
    let word = AtomicWord(anax_token_word(token))
    var old = word.loadRelaxed()
    while true {
      let now = TokenWord(old)
      if shared ? !now.admitsShared(slept: false) : !now.admitsExclusive(itsTurn: false) { return false }
      // A look in time spares newcomers a word that is taken in vain.
      if !shared, now.countsPerCPU, Readers.count(token) != 0 { return false }
      let new = shared ? now.takenShared(slept: false) : now.takenExclusively(by: thread.pointee.id)
      if word.compareExchange(&old, new.bits) {
        if !shared, now.countsPerCPU, !Readers.areGone(token) {
          Releasing.letGo(token)
          return false
        }
        if !shared { expect(now, thread) }
        noteTaken(token, shared: shared, thread)
        return true
      }
    }
  }

  /// Tries as often as the spin policy says of a thread that holds others.
  @_noLocks @_noAllocation
  static func spinning(_ token: TokenState, shared: Bool, _ thread: Thread, until deadline: UInt64 = .max) -> Bool {
    if once(token, shared: shared, thread) { return true }
    let word = AtomicWord(anax_token_word(token))
    let begun = anax_ticks()
    var spin = Spin(holdingOthers: token, thread, until: deadline)
    defer { spin.end() }
    var seen = word.loadRelaxed()
    // Where others wait already, a turn at the token is not to be had by spinning.
    while TokenWord(seen).waiting < 2, !TokenWord(seen).hasTurn, spin.wait(word, &seen) {
      if once(token, shared: shared, thread) {
        ContentionCounters.waited(token, thread, ticks: TokenEngine.ticks(since: begun), slept: false)
        return true
      }
    }
    return false
  }

  /// What the thread's fast paths expect from now on, of whatever token: the word as it was last seen here where that
  /// would serve them again. In the child of a fork a waiter that stands for awake may not exist: there the slow path
  /// looks.
  @inline(__always) @_noLocks @_noAllocation
  static func expect(_ free: TokenWord, _ thread: Thread) {
    if !free.isSteady || free.bits != 0 && Orphans.arePossible { return }
    thread.pointee.free = free.bits
    thread.pointee.mine = free.takenExclusively(by: thread.pointee.id).bits
  }

  /// A sharer that is not the last exclusive holder itself. Several may store the same 0.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package static func noteShared(_ token: TokenState, _ thread: Thread) {
    let last = anax_load32_relaxed(anax_token_last(token))
    if last != 0, last != thread.pointee.id { anax_store32_relaxed(anax_token_last(token), 0) }
  }

  /// After every change of the word that gave the token to this thread. `generation` changes when another thread had it
  /// since this one did: exclusively (`last` is another's) or shared (`last` is 0).
  @_noLocks @_noAllocation
  package static func noteTaken(_ token: TokenState, shared: Bool, _ thread: Thread) {
    let last = anax_token_last(token)
    if shared {
      noteShared(token, thread)
    } else if anax_load32_relaxed(last) != thread.pointee.id {
      anax_store32_relaxed(last, thread.pointee.id)
      let generation = AtomicWord(anax_token_generation(token))
      generation.storeRelaxed(generation.loadRelaxed() &+ 1)
    }
    if anax_token_state().pointee.sanitized != 0 { anax_token_annotate_taken(token, shared) }
  }
}
