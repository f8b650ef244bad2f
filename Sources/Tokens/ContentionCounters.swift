// SPDX-License-Identifier: Apache-2.0
// What contention costs, counted where it happens: a request that finds its token free counts nothing. A thread
// collects in its own record and adds to the token's and to the process's counters when it sleeps, turns to another
// token, or has 256 events: counters that all waiters write would be a second line to fight for. A reader adds what the
// threads have not yet handed in.
//
// | field | written by | order |
// |---|---|---|
// | pending | its thread, plain words read by others | relaxed |
// | a token's record, the total | any thread at a flush | relaxed add |
// | life | who takes or gives a record | relaxed; what was pending for an earlier life goes to the total alone |

import CAnax
import CAnaxTokens
import LockFree

package typealias Counters = UnsafeMutablePointer<anax_token_statistics>

package enum ContentionCounters {
  /// What is counted by ones.
  package enum Event { case parked, turn, pass }

  /// A wait ended after `ticks`: the thread has the token, or its deadline has passed.
  @_noLocks @_noAllocation
  package static func waited(_ token: TokenState, _ thread: Thread, ticks: UInt64, slept: Bool, expired: Bool = false) {
    let pending = open(token, thread)
    add(anax_token_statistics_collisions_word(pending), 1)
    if expired {
      add(anax_token_statistics_expired_word(pending), 1)
    } else if !slept {
      add(anax_token_statistics_spun_word(pending), 1)
    }
    add(anax_token_statistics_total_word(pending), ticks)
    if ticks > pending.pointee.longest { AtomicWord(anax_token_statistics_longest_word(pending)).storeRelaxed(ticks) }
    let bucket = min(63 &- max(ticks, 1).leadingZeroBitCount, Int(ANAX_TOKEN_BUCKETS) - 1)
    add(anax_token_buckets(pending) + bucket, 1)
    thread.pointee.pending_events &+= 1
    if slept || thread.pointee.pending_events >= 256 { flush(thread) }
    if !expired { anax_token_call_hook(token, ticks, slept) }
  }

  @_noLocks @_noAllocation
  package static func count(_ event: Event, _ token: TokenState, _ thread: Thread) {
    let pending = open(token, thread)
    thread.pointee.pending_events &+= 1
    switch event {
    case .parked: add(anax_token_statistics_parked_word(pending), 1)
    case .turn: add(anax_token_statistics_turns_word(pending), 1)
    case .pass: add(anax_token_statistics_passes_word(pending), 1)
    }
  }

  /// The thread's own counters for the token; what it had for another is handed in.
  @_noLocks @_noAllocation
  static func open(_ token: TokenState, _ thread: Thread) -> Counters {
    let number = number(of: token)
    let life = Self.life(number)
    if thread.pointee.pending_number != number || thread.pointee.pending_life != life {
      flush(thread)
      anax_store32_relaxed(anax_token_thread_pending_number_word(thread), number)
      anax_store32_relaxed(anax_token_thread_pending_life_word(thread), life)
    }
    return anax_token_thread_pending(thread)
  }

  /// The number of the token's record, made at its first contention; 0 where all are taken.
  @_noLocks @_noAllocation
  static func number(of token: TokenState) -> UInt32 {
    let word = anax_token_statistics_number(token)
    let known = anax_load32_acquire(word)
    if known != 0 { return known }
    let fresh = TokenEngine.statistics.take()
    if fresh == 0 { return 0 }
    startLife(fresh)
    if anax_compare_exchange32(word, 0, fresh) { return fresh }
    TokenEngine.statistics.give(fresh)
    return anax_load32_relaxed(word)
  }

  /// Which token the record counts for, of those that have had it.
  @_noLocks @_noAllocation
  static func life(_ number: UInt32) -> UInt32 {
    number == 0 ? 0 : anax_load32_relaxed(anax_token_statistics_life_word(record(number)))
  }

  @_noLocks @_noAllocation
  static func startLife(_ number: UInt32) {
    anax_store32_relaxed(anax_token_statistics_life_word(record(number)), life(number) &+ 1)
  }

  /// The token ends: its record goes to another.
  @_noLocks @_noAllocation
  package static func give(_ token: TokenState) {
    let number = anax_load32_relaxed(anax_token_statistics_number(token))
    if number == 0 { return }
    let counters = record(number)
    startLife(number)
    eachWord(counters) { AtomicWord($0).storeRelaxed(0) }
    TokenEngine.statistics.give(number)
  }

  /// Adds what the thread has collected to the token's counters and the process's.
  @_noLocks @_noAllocation
  package static func flush(_ thread: Thread) {
    if thread.pointee.pending_events == 0 { return }
    thread.pointee.pending_events = 0
    let pending = anax_token_thread_pending(thread)
    let number = thread.pointee.pending_number
    if number != 0, life(number) == thread.pointee.pending_life { addAll(pending, to: record(number)) }
    addAll(pending, to: anax_token_total(anax_token_state()))
    eachWord(pending) { AtomicWord($0).storeRelaxed(0) }
  }

  /// A token's counters, or the process's, with what threads have not handed in; zero before the first contention.
  @_noLocks @_noAllocation
  package static func read(_ token: TokenState?) -> anax_token_statistics {
    var sum = anax_token_statistics()
    if AtomicWord(anax_token_state_started_word(anax_token_state())).loadAcquire() != 2 { return sum }
    let number = token.map { anax_load32_relaxed(anax_token_statistics_number($0)) }
    if number == 0 { return sum }
    withUnsafeMutablePointer(to: &sum) { sum in
      addAll(number.map { record($0) } ?? anax_token_total(anax_token_state()), to: sum)
      var other: UInt32 = 1
      while other < TokenEngine.threads.end {
        let thread = ThreadRecord.record(other)
        if ThreadRecord.isAlive(other), number.map({ isPending($0, in: thread) }) ?? true {
          addAll(anax_token_thread_pending(thread), to: sum)
        }
        other += 1
      }
    }
    return sum
  }

  /// Whether what a thread has collected belongs to the token that has this record now.
  @_noLocks @_noAllocation
  static func isPending(_ number: UInt32, in thread: Thread) -> Bool {
    anax_load32_relaxed(anax_token_thread_pending_number_word(thread)) == number
      && anax_load32_relaxed(anax_token_thread_pending_life_word(thread)) == life(number)
  }

  @_noLocks @_noAllocation
  static func record(_ number: UInt32) -> Counters {
    TokenEngine.statistics.address(number).assumingMemoryBound(to: anax_token_statistics.self)
  }

  /// A counter that one thread writes and others read.
  @_noLocks @_noAllocation
  static func add(_ word: UnsafeMutablePointer<UInt64>, _ value: UInt64) {
    AtomicWord(word).storeRelaxed(AtomicWord(word).loadRelaxed() &+ value)
  }

  @_noLocks @_noAllocation
  static func addAll(_ from: Counters, to: Counters) {
    let longest = AtomicWord(anax_token_statistics_longest_word(to))
    let theirs = AtomicWord(anax_token_statistics_longest_word(from)).loadRelaxed()
    var known = longest.loadRelaxed()
    while theirs > known, !longest.compareExchange(&known, theirs) {}
    let source = UnsafeMutableRawPointer(from)
    let target = UnsafeMutableRawPointer(to)
    eachWord(from) {
      let offset = UnsafeMutableRawPointer($0) - source
      let value = AtomicWord($0).loadRelaxed()
      if value == 0 || $0 == anax_token_statistics_longest_word(from) { return }
      AtomicWord((target + offset).assumingMemoryBound(to: UInt64.self)).add(value)
    }
  }

  @inline(__always) @_noLocks @_noAllocation
  static func eachWord(_ counters: Counters, _ body: (UnsafeMutablePointer<UInt64>) -> Void) {
    body(anax_token_statistics_collisions_word(counters))
    body(anax_token_statistics_spun_word(counters))
    body(anax_token_statistics_expired_word(counters))
    body(anax_token_statistics_parked_word(counters))
    body(anax_token_statistics_turns_word(counters))
    body(anax_token_statistics_passes_word(counters))
    body(anax_token_statistics_longest_word(counters))
    body(anax_token_statistics_total_word(counters))
    var bucket = 0
    while bucket < Int(ANAX_TOKEN_BUCKETS) {
      body(anax_token_buckets(counters) + bucket)
      bucket += 1
    }
  }
}
