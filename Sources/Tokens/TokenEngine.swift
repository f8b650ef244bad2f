// SPDX-License-Identifier: Apache-2.0
// The tokens' beginning: once a process, in the first slow path of any token, on one thread; who comes meanwhile sleeps
// until it is done. In the child of a fork that came in between it begins anew: the thread that would end it is not
// there. Makes the tables of thread records and statistics, has ends watched, and counts the processors.

import CAnax
import CAnaxTokens
import LockFree
import Machine

package enum TokenEngine {
  @_noLocks @_noAllocation
  package static func start() {
    let address = anax_token_state_started_word(anax_token_state())
    let started = AtomicWord(address)
    if started.loadAcquire() == 2 { return }
    var none: UInt64 = 0
    if !started.compareExchange(&none, 1) {
      while started.loadAcquire() != 2 {
        _ = Futex.wait(Futex.half(of: address), 1, .exclusive, until: anax_clock() &+ 1_000_000)
      }
      return
    }
    Tunable.start()
    let state = anax_token_state()
    state.pointee.threads = reserve(threadStride * Int(ANAX_TOKEN_THREADS_MAX + 1))
    state.pointee.statistics = reserve(statisticsStride * Int(ANAX_TOKEN_STATISTICS_MAX + 1))
    state.pointee.epoch = 1
    let processors = CPULimit.processors()
    state.pointee.processors = processors
    // This thread alone may be bound to one CPU: the first that sleeps looks again.
    state.pointee.processors_due = processors < 2 ? 0 : anax_clock() &+ readInterval
    state.pointee.ticks_then = anax_ticks()
    state.pointee.clock_then = anax_clock()
    if !anax_token_watch() { TokenStop.noKey() }
    started.storeRelease(2)
  }

  static var readInterval: UInt64 { @_noLocks @_noAllocation get { 1_000_000_000 } }

  /// Reads anew, once a second at most and by a thread that is about to sleep, how many processors there are: threads
  /// may be bound to CPUs, and quotas set, at any time. Threads are asked until two CPUs are known, at most 1024 of
  /// them.
  @_noLocks @_noAllocation
  static func lookAtProcessors(_ now: UInt64) {
    let state = anax_token_state()
    let due = AtomicWord(anax_token_state_processors_due_word(state))
    var then = due.loadRelaxed()
    if now < then || !due.compareExchange(&then, now &+ readInterval) { return }
    var allowed = CPULimit.Allowed()
    allowed.add(thread: 0)
    var number: UInt32 = 1
    while allowed.count < 2, number < min(threads.end, 1025) {
      if ThreadRecord.isAlive(number) { allowed.add(thread: Int(ThreadRecord.record(number).pointee.kernel_id)) }
      number += 1
    }
    AtomicWord(anax_token_state_processors_word(state)).storeRelaxed(CPULimit.processors(allowed))
  }

  @_noLocks @_noAllocation
  static func reserve(_ bytes: Int) -> UInt64 {
    let address = Kernel.reserve(bytes: UInt64(bytes), writable: true)
    if address == 0 { TokenStop.noMemory() }
    return address
  }

  static var threadStride: Int { @_noLocks @_noAllocation get { (MemoryLayout<anax_token_thread>.stride + 63) & ~63 } }
  static var statisticsStride: Int {
    @_noLocks @_noAllocation get { (MemoryLayout<anax_token_statistics>.stride + 63) & ~63 }
  }

  static var threads: RecordTable {
    @_noLocks @_noAllocation get {
      let state = anax_token_state()
      return RecordTable(
        base: state.pointee.threads, stride: threadStride, link: Int(ANAX_TOKEN_THREAD_LINK),
        capacity: Int(ANAX_TOKEN_THREADS_MAX + 1), top: anax_token_state_thread_top_word(state),
        free: anax_token_state_thread_free_word(state))
    }
  }

  static var statistics: RecordTable {
    @_noLocks @_noAllocation get {
      let state = anax_token_state()
      return RecordTable(
        base: state.pointee.statistics, stride: statisticsStride,
        link: Int(ANAX_TOKEN_STATISTICS_LINK),
        capacity: Int(ANAX_TOKEN_STATISTICS_MAX + 1), top: anax_token_state_statistics_top_word(state),
        free: anax_token_state_statistics_free_word(state))
    }
  }

  /// Nanoseconds of a span of the cycle counter. The counter's speed is known from the time since the start.
  /// At most 2^63 - 1.
  @_noLocks @_noAllocation
  package static func nanoseconds(ofTicks ticks: UInt64) -> UInt64 {
    let state = anax_token_state()
    if AtomicWord(anax_token_state_started_word(state)).loadAcquire() != 2 { return 0 }
    let passedTicks = Double(Self.ticks(since: state.pointee.ticks_then))
    let passed = Double(max(Int64(bitPattern: anax_clock() &- state.pointee.clock_then), 0))
    let nanoseconds = passedTicks == 0 ? 0 : Double(ticks) * passed / passedTicks
    return nanoseconds < 0x1p63 ? UInt64(nanoseconds) : UInt64(Int64.max)
  }

  /// Ticks of the cycle counter from then to now. The counters of two processors may differ: never less than none.
  @inline(__always) @_noLocks @_noAllocation
  package static func ticks(since then: UInt64) -> UInt64 { UInt64(max(Int64(bitPattern: anax_ticks() &- then), 0)) }
}
