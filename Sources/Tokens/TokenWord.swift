// SPDX-License-Identifier: Apache-2.0
// A token's state: one 64-bit word, changed by compare-and-swap alone, from any thread. Waiters sleep on its lower
// half, so everything that ends a wait is there; the upper half is bookkeeping whose changes wake nobody. What is said
// here of sharers, and of free and taken, is what the word knows: of a token that counts per CPU there may be sharers
// beside it, for whom whoever has taken the word waits, or lets it go again, before the token is its own
// (Readers.swift).
//
// | bits | name | means |
// |---|---|---|
// | 0 | exclusive | one thread has it; `holder` says who |
// | 1 | awake | some exclusive waiter that may take it is awake and will try before it sleeps: a release need not wake one |
// | 2 | exclusiveTurn | when free, only the exclusive waiter that set this may take it; everybody else waits |
// | 3 | sharedTurn | when free, only shared waiters that have slept, or asked, may take it; newcomers wait |
// | 4 | sharedParked | shared waiters may be asleep |
// | 5 | shared | threads have it shared; `holder` says how many |
// | 6 | front | an exclusive waiter that was woken and passed may sleep again: it is woken before the others |
// | 7 | countsPerCPU | for life: sharers may also be counted beside the word, a line a CPU (Readers.swift) |
// | 8...31 | wakes | how often a release has set `awake`; 0 again when nobody waits |
// | 32...47 | holder | record of the exclusive holder, or the number of sharers |
// | 48...63 | waiting | exclusive requests that sleep, are about to, or were woken; while there are any, new shared requests wait too |
// Zero, but for bit 7, is free without waiters. The exclusive fast paths change a word that they expect, which is
// `steady`: 0, or free with no turn owed and some waiter awake, and never one with bit 7. Each thread expects what it
// last saw where it took a token or let one go on a slow path, but for what a waiter took after its sleep
// (Taking.swift): while one waiter is awake and others sleep, nobody else looks at anything.
//
// The order is what is needed; each compare-and-swap acquires and releases. `taken` is also a word that is free but
// does not admit who does this.
//
// | transition | by | order |
// |---|---|---|
// | steady, as expected → + exclusive, holder | newcomer, fast path | acquire |
// | what that made of it → steady | holder, fast path; fails as soon as anybody came to wait, or sleeps again | release |
// | free, no turn → + exclusive, holder | newcomer or waiter (a waiter also: − waiting, − awake) | acquire |
// | free, exclusiveTurn → + exclusive, holder, − exclusiveTurn, − awake, waiting − 1 | the waiter that asked | acquire |
// | not exclusive, no turn, waiting 0 → shared, holder + 1 | newcomer or waiter | acquire |
// | not exclusive, no exclusiveTurn → shared, holder + 1, − sharedTurn | a shared waiter that has slept, or that asked | acquire |
// | taken → waiting + 1 | an exclusive request that has spun in vain, before it sleeps | relaxed |
// | taken, or another's turn → − awake, and + front where it was woken before | the awake waiter, before it sleeps | relaxed |
// | taken → + sharedParked | a shared waiter, before it sleeps | relaxed |
// | taken, no turn → + exclusiveTurn or sharedTurn | a waiter whose wait exceeds the bound, once per bound and token | relaxed |
// | taken → free, + awake, − front, wakes + 1; then one exclusive sleeper is woken, one in front first | last holder, where some wait and none is awake | release |
// | taken → free; then the one that has the exclusive turn is woken | last holder, where there is that turn | release |
// | taken → free | last holder, where one is awake | release |
// | taken → free, − sharedParked; then all shared sleepers are woken | last holder, where no exclusive one waits, or shared ones have the turn | release |
// | holder − 1 | a sharer that is not the last | release |
// | → waiting − 1, − awake, − its turn; then whoever can go on is woken | a waiter that gives up | release |
// | exclusive → shared, 1, and as a release for those that may share | the holder: downgrade | release |
// | shared, 1 → exclusive, holder | the only sharer: upgrade | acquire |
// | → − awake, − turns, waiting no more than wait in this process | in the child of a fork, a waiter or who has just taken it (Orphans.swift) | relaxed |
// | exclusive → free | in the child of a fork, who finds that its holder was still waiting (Orphans.swift) | relaxed |
// After the releasing change no memory of the token is touched: waking needs only its address, and a wake-up that comes
// to an address that is something else by now is one that every sleeper must bear anyway.
//
// A steady word that was taken and is found unchanged but for that is left as it was: `released` would have left the
// same, and woken nobody. It does not matter whether it is the same word all the while, or another's expectation.
//
// No wake-up is lost. A waiter sleeps only while the half is what it saw when the token was taken. If it saw `awake`
// clear, the next release sets it and wakes. If it saw `awake` set, either a waiter that is awake stands behind it,
// which takes the token or clears `awake` before it sleeps, and either way a later release wakes; or a release has set
// it and found nobody asleep: then `wakes` is another than any that a waiter had seen before, and a waiter that sees
// that, at a look or because its sleep is refused, takes over `awake`. `wakes` comes round after 2^24 wake-ups between
// a waiter's look and its sleep, and starts anew only while nobody waits.
// Only releases set `awake`, and none while there is an exclusive turn, which would exclude the one it stands for.
// A turn is set only by a waiter that is awake, and cleared by whoever takes it or by it when it gives up. Under an
// exclusive turn a free token stays free until the one whose turn it is takes it: so the half that it has noted cannot
// come back behind a release, and either it sees the release, or its sleep is refused, or it sleeps and is woken.
// `front` is a hint about the order: a release that finds nobody in front wakes the first of the others.
//
// Who is served. The kernel wakes in the order of arrival. Whoever was woken and passed by a newcomer sleeps again in
// front, so the next wake-up is its own: the waiter that is woken again and again is the one that has slept longest.
// When it has waited for `lwkt.token_fair`, and no turn was asked for within as long, it asks. So once per bound the
// oldest sleeper is served next, whatever newcomers do, and the k-th to fall asleep waits for at most k times: the
// bound, two sections, two wake-ups, and two spins, since a waiter spins when it was woken and when it has asked (tries
// times delay of its policy; 4 µs by default). A sleep that a signal breaks, or that was refused because the word
// changed, counts from when it begins again.
//
// Why weaker orders suffice where the model is sequentially consistent: all transitions are read-modify-writes of one
// word, which have one total order in every order mode; data are published by the release of the holder and the acquire
// of the taker on that word; the kernel compares the half under the lock of its wait queue, which a waker takes too.
// `generation` and `last` are written by holders only. `turn_due` and `policy` decide nothing but when to ask, spin and
// how long.

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
  @inlinable package static var shared: UInt64 { @_noLocks @_noAllocation get { 32 } }
  @inlinable package static var front: UInt64 { @_noLocks @_noAllocation get { 64 } }
  @inlinable package static var countsPerCPU: UInt64 { @_noLocks @_noAllocation get { 1 << 7 } }
  @inlinable package static var oneWake: UInt64 { @_noLocks @_noAllocation get { 1 << 8 } }
  @inlinable package static var wakesMask: UInt64 { @_noLocks @_noAllocation get { 0xffff_ff00 } }
  @inlinable package static var oneHolder: UInt64 { @_noLocks @_noAllocation get { 1 << 32 } }
  @inlinable package static var holderMask: UInt64 { @_noLocks @_noAllocation get { 0xffff << 32 } }
  @inlinable package static var oneWaiting: UInt64 { @_noLocks @_noAllocation get { 1 << 48 } }

  /// The word of a token that thread `id` has exclusively and for which nobody waits.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package static func held(by id: UInt32) -> UInt64 { UInt64(id) << 32 | exclusive }

  @inlinable package var isExclusive: Bool { @_noLocks @_noAllocation get { bits & Self.exclusive != 0 } }
  @inlinable package var countsPerCPU: Bool { @_noLocks @_noAllocation get { bits & Self.countsPerCPU != 0 } }
  @inlinable package var isAwake: Bool { @_noLocks @_noAllocation get { bits & Self.awake != 0 } }
  @inlinable package var sharedCount: UInt64 {
    @_noLocks @_noAllocation get { bits & Self.shared == 0 ? 0 : bits >> 32 & 0xffff }
  }
  @inlinable package var owner: UInt32 { @_noLocks @_noAllocation get { UInt32(bits >> 32 & 0xffff) } }
  @inlinable package var waiting: UInt64 { @_noLocks @_noAllocation get { bits >> 48 } }
  @inlinable package var hasTurn: Bool {
    @_noLocks @_noAllocation get { bits & (Self.exclusiveTurn | Self.sharedTurn) != 0 }
  }
  @inlinable package var wakes: UInt64 { @_noLocks @_noAllocation get { bits & Self.wakesMask } }
  /// Nobody has it, in either mode.
  @inlinable package var isFree: Bool {
    @_noLocks @_noAllocation get { bits & (Self.exclusive | Self.shared) == 0 }
  }
  /// What waiters sleep on.
  @inlinable package var half: UInt32 { @_noLocks @_noAllocation get { UInt32(truncatingIfNeeded: bits) } }

  /// May an exclusive request take it now? `itsTurn`: it has set the exclusive turn.
  @inlinable @_noLocks @_noAllocation
  package func admitsExclusive(itsTurn: Bool) -> Bool {
    isFree && bits & Self.sharedTurn == 0 && (itsTurn || bits & Self.exclusiveTurn == 0)
  }

  /// May a shared request take it now?
  @inlinable @_noLocks @_noAllocation
  package func admitsShared(slept: Bool) -> Bool {
    if bits & (Self.exclusive | Self.exclusiveTurn) != 0 { return false }
    return slept || bits & Self.sharedTurn == 0 && waiting == 0
  }

  /// Anybody may take it exclusively and leave it so again, and nobody need be woken: it is free, no turn is owed, and
  /// where some wait exclusively one is awake.
  package var isSteady: Bool {
    @_noLocks @_noAllocation get { bits == 0 || waiting > 0 && isAwake && isFree && !hasTurn && !countsPerCPU }
  }

  /// The word when a request of thread `id` that did not wait takes it exclusively.
  @inlinable @_noLocks @_noAllocation
  package func takenExclusively(by id: UInt32) -> TokenWord { TokenWord(bits | Self.held(by: id)) }

  /// The same for a waiter, which leaves the waiters.
  @inlinable @_noLocks @_noAllocation
  package func takenByWaiter(_ id: UInt32) -> TokenWord {
    let left = TokenWord((bits & ~(Self.awake | Self.exclusiveTurn)) &- Self.oneWaiting)
    return TokenWord((left.waiting == 0 ? left.bits & ~(Self.wakesMask | Self.front) : left.bits) | Self.held(by: id))
  }

  /// The word when an exclusive request is about to sleep.
  @_noLocks @_noAllocation
  package func standing() -> TokenWord { TokenWord(bits &+ Self.oneWaiting) }

  /// The word when a shared request takes it; `slept` also uses up the shared waiters' turn.
  @inlinable @_noLocks @_noAllocation
  package func takenShared(slept: Bool) -> TokenWord {
    TokenWord(((slept ? bits & ~Self.sharedTurn : bits) | Self.shared) &+ Self.oneHolder)
  }

  /// The word when the only sharer takes it exclusively.
  @_noLocks @_noAllocation
  package func upgraded(to id: UInt32) -> TokenWord {
    TokenWord(bits & ~(Self.shared | Self.holderMask) | Self.held(by: id))
  }

  /// The word when its exclusive holder keeps it shared, and who is to be woken then.
  @_noLocks @_noAllocation
  package func downgraded() -> (word: TokenWord, wake: Wake) {
    TokenWord(bits & ~(Self.exclusive | Self.holderMask) | Self.shared | Self.oneHolder).settled()
  }

  /// Whom a change that lets others go on must wake.
  package enum Wake { case nobody, oneExclusive, oneInFront, whoseTurnItIs, allShared }

  /// The word after one holder let it go, and who is to be woken then.
  @_noLocks @_noAllocation
  package func released() -> (word: TokenWord, wake: Wake) {
    if sharedCount > 1 { return (TokenWord(bits &- Self.oneHolder), .nobody) }
    return TokenWord(bits & ~(Self.exclusive | Self.shared | Self.holderMask)).settled()
  }

  /// Whom to wake when the word becomes this, and the word with that noted.
  @_noLocks @_noAllocation
  package func settled() -> (word: TokenWord, wake: Wake) {
    if isExclusive { return (self, .nobody) }
    let parked = bits & Self.sharedParked != 0
    let mine = bits & Self.sharedTurn != 0
    if parked && (waiting == 0 && bits & Self.exclusiveTurn == 0 || mine) {
      return (TokenWord(bits & ~Self.sharedParked), .allShared)
    }
    if waiting == 0 {
      return (TokenWord(bits & ~(Self.awake | Self.exclusiveTurn | Self.front | Self.wakesMask)), .nobody)
    }
    if !isFree || mine { return (self, .nobody) }
    if bits & Self.exclusiveTurn != 0 { return (self, .whoseTurnItIs) }
    return isAwake ? (self, .nobody) : (awakened(), bits & Self.front != 0 ? .oneInFront : .oneExclusive)
  }

  /// With `awake` set for a waiter that is to be woken.
  @_noLocks @_noAllocation
  func awakened() -> TokenWord {
    TokenWord(bits & ~(Self.wakesMask | Self.front) | (bits &+ Self.oneWake) & Self.wakesMask | Self.awake)
  }
}
