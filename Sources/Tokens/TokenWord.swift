// SPDX-License-Identifier: Apache-2.0
// A token's state: one 64-bit word, changed by compare-and-swap (and one subtraction) from any thread. Waiters sleep on its lower
// half, so everything that ends a wait is there; the upper half is bookkeeping whose changes wake nobody.
//
// | bits | name | means |
// |---|---|---|
// | 0 | exclusive | one thread has it; `owner` says who |
// | 1 | awake | some exclusive waiter is awake and will try before it sleeps: a release need not wake one |
// | 2 | exclusiveTurn | when free, only a waiter that was woken may take it, exclusively; newcomers wait |
// | 3 | sharedTurn | the same for shared waiters |
// | 4 | sharedParked | shared waiters may be asleep |
// | 8...31 | shared | threads that have it shared |
// | 32...47 | owner | record of the exclusive holder |
// | 48...63 | waiting | exclusive requests that wait, asleep or not; while there are any, new shared requests wait too |
// Zero is free without waiters: the fast paths know only 0 and "mine, nobody waits".
//
// | transition | by | order |
// |---|---|---|
// | 0 → exclusive, owner | newcomer, fast path | acquire |
// | mine → 0 | holder, fast path; fails as soon as anybody waits | release |
// | free, no turn → + exclusive, owner | newcomer or waiter (a waiter also: − waiting, − awake) | acquire |
// | free, exclusiveTurn → + exclusive, owner, − exclusiveTurn | a waiter that has slept, or that asked | acquire |
// | not exclusive, no turn, waiting 0 → shared + 1 | newcomer or waiter | acquire |
// | not exclusive, no exclusiveTurn → shared + 1, − sharedTurn | a shared waiter that has slept, or that asked | acquire |
// | any → waiting + 1, awake | an exclusive request that begins to wait where nobody is awake | relaxed |
// | any → waiting + 1 | one that begins to wait where somebody is | relaxed |
// | taken → − awake | the awake waiter, before it sleeps | relaxed |
// | taken → + sharedParked | a shared waiter, before it sleeps | relaxed |
// | taken, no turn → + exclusiveTurn or sharedTurn | a waiter whose wait exceeds the bound, once per bound and token | relaxed |
// | exclusive → − exclusive, owner, + awake; then one exclusive sleeper is woken | holder, where some wait and none is awake | release |
// | exclusive → − exclusive, owner | holder, where one is awake | release |
// | exclusive → − exclusive, owner, sharedParked; then all shared sleepers are woken | holder, where no exclusive one waits, or shared ones have the turn | release |
// | shared − 1 | shared holder; the last one then wakes an exclusive sleeper where some wait and none is awake | release |
// | → waiting − 1, − awake, − its turn; then whoever can go on is woken | a waiter that gives up | release |
// | exclusive → shared 1; shared 1 → exclusive | downgrade (release), upgrade (acquire) | |
// After the releasing change no memory of the token is touched: waking needs only its address, and a wake-up that comes to an
// address that is something else by now is one that every sleeper must bear anyway.
//
// No wake-up is lost: who sleeps has changed or read the lower half while the token was taken, and sleeps only while that half is
// the same; every change that could let it go on changes that half first and wakes then. `awake` is set by a release only together
// with a wake-up; where that found nobody asleep, whoever was on the way to sleep finds the half changed and takes over `awake`.
// A turn is set only by a waiter that is awake, and cleared by whoever takes it or by it when it gives up.
//
// Why weaker orders suffice where the model is sequentially consistent: all transitions are read-modify-writes of one word, which
// have one total order in every order mode; data are published by the release of the holder and the acquire of the taker on that
// word; the kernel compares the half under the lock of its wait queue, which a waker takes too. `generation` and `last` are written
// by holders only. `turn_due`, `spinners` and `policy` decide nothing but when to ask, spin and how long.

import CAnax
import LockFree

@usableFromInline
package struct TokenWord: Equatable {
  @usableFromInline package var bits: UInt64

  @inlinable @inline(__always) @_noLocks @_noAllocation
  package init(_ bits: UInt64) { self.bits = bits }

  @inlinable package static var exclusive: UInt64 { @_noLocks @_noAllocation get { 1 } }
  @inlinable package static var awake: UInt64 { @_noLocks @_noAllocation get { 2 } }
  @inlinable package static var exclusiveTurn: UInt64 { @_noLocks @_noAllocation get { 4 } }
  @inlinable package static var sharedTurn: UInt64 { @_noLocks @_noAllocation get { 8 } }
  @inlinable package static var sharedParked: UInt64 { @_noLocks @_noAllocation get { 16 } }
  @inlinable package static var oneShared: UInt64 { @_noLocks @_noAllocation get { 1 << 8 } }
  @inlinable package static var sharedMask: UInt64 { @_noLocks @_noAllocation get { 0xffff_ff00 } }
  @inlinable package static var ownerMask: UInt64 { @_noLocks @_noAllocation get { 0xffff << 32 } }
  @inlinable package static var oneWaiting: UInt64 { @_noLocks @_noAllocation get { 1 << 48 } }

  /// The word of a token that thread `id` has exclusively and for which nobody waits.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package static func held(by id: UInt32) -> UInt64 { UInt64(id) << 32 | exclusive }

  @inlinable package var isExclusive: Bool { @_noLocks @_noAllocation get { bits & Self.exclusive != 0 } }
  @inlinable package var isAwake: Bool { @_noLocks @_noAllocation get { bits & Self.awake != 0 } }
  @inlinable package var sharedCount: UInt64 { @_noLocks @_noAllocation get { (bits & Self.sharedMask) >> 8 } }
  @inlinable package var owner: UInt32 { @_noLocks @_noAllocation get { UInt32(bits >> 32 & 0xffff) } }
  @inlinable package var waiting: UInt64 { @_noLocks @_noAllocation get { bits >> 48 } }
  @inlinable package var hasTurn: Bool {
    @_noLocks @_noAllocation get { bits & (Self.exclusiveTurn | Self.sharedTurn) != 0 }
  }
  /// Nobody has it, in either mode.
  @inlinable package var isFree: Bool {
    @_noLocks @_noAllocation get { bits & (Self.exclusive | Self.sharedMask) == 0 }
  }
  /// What waiters sleep on.
  @inlinable package var half: UInt32 { @_noLocks @_noAllocation get { UInt32(truncatingIfNeeded: bits) } }

  /// May an exclusive request take it now? `slept`: it was woken, or asked for its turn.
  @inlinable @_noLocks @_noAllocation
  package func admitsExclusive(slept: Bool) -> Bool {
    isFree && bits & Self.sharedTurn == 0 && (slept || bits & Self.exclusiveTurn == 0)
  }

  /// May a shared request take it now?
  @inlinable @_noLocks @_noAllocation
  package func admitsShared(slept: Bool) -> Bool {
    if bits & (Self.exclusive | Self.exclusiveTurn) != 0 { return false }
    return slept || bits & Self.sharedTurn == 0 && waiting == 0
  }

  /// The word when a request of thread `id` that did not wait takes it exclusively.
  @inlinable @_noLocks @_noAllocation
  package func takenExclusively(by id: UInt32) -> TokenWord { TokenWord(bits | Self.held(by: id)) }

  /// The same for a waiter, which leaves the waiters.
  @inlinable @_noLocks @_noAllocation
  package func takenByWaiter(_ id: UInt32) -> TokenWord {
    TokenWord((bits & ~(Self.awake | Self.exclusiveTurn)) &- Self.oneWaiting | Self.held(by: id))
  }

  /// The word when a shared request takes it; `slept` also uses up the shared waiters' turn.
  @inlinable @_noLocks @_noAllocation
  package func takenShared(slept: Bool) -> TokenWord {
    TokenWord((slept ? bits & ~Self.sharedTurn : bits) &+ Self.oneShared)
  }

  /// Whom a change that lets others go on must wake.
  package enum Wake { case nobody, oneExclusive, allShared }

  /// The word after its exclusive holder let it go, and who is to be woken then.
  @_noLocks @_noAllocation
  package func released() -> (word: TokenWord, wake: Wake) {
    TokenWord(bits & ~(Self.exclusive | Self.ownerMask)).settled()
  }

  /// Whom to wake when the word becomes this, and the word with that noted.
  @_noLocks @_noAllocation
  package func settled() -> (word: TokenWord, wake: Wake) {
    if isExclusive { return (self, .nobody) }
    let parked = bits & Self.sharedParked != 0
    if parked && (waiting == 0 && bits & Self.exclusiveTurn == 0 || bits & Self.sharedTurn != 0) {
      return (TokenWord(bits & ~Self.sharedParked), .allShared)
    }
    if waiting == 0 { return (TokenWord(bits & ~(Self.awake | Self.exclusiveTurn)), .nobody) }
    if isFree && !isAwake && bits & Self.sharedTurn == 0 { return (TokenWord(bits | Self.awake), .oneExclusive) }
    return (self, .nobody)
  }
}
