// SPDX-License-Identifier: Apache-2.0
// A thread's record: made in the thread's first slow path, given back at its end. It is what a token's word names as
// owner, so that a fork, which changes kernel ids, changes no owner: the forking thread goes on in the child with the
// same record; the records of the other threads belong to an epoch that has passed.

import CAnax
import CAnaxTokens
import LockFree
import Machine

package enum ThreadRecord {
  /// The calling thread's record, made if need be. Constant time; the first call of a thread costs some microseconds.
  @_noLocks @_noAllocation
  package static func current() -> Thread {
    let thread = anax_token_thread()
    return anax_token_is_nobody(thread) ? make() : thread
  }

  @inline(never) @_noLocks @_noAllocation
  static func make() -> Thread {
    TokenEngine.start()
    let table = TokenEngine.threads
    let number = table.take()
    if number == 0 { TokenStop.tooManyThreads() }
    let thread = record(number)
    thread.pointee.id = number
    Taking.expect(TokenWord(0), thread)
    anax_token_thread_set_count(thread, 0)
    thread.pointee.pinned = 0
    thread.pointee.kernel_id = UInt32(truncatingIfNeeded: Kernel.call(anax_sys_gettid))
    AtomicWord(anax_token_thread_waiting_word(thread)).storeRelaxed(0)
    AtomicWord(anax_token_thread_epoch_word(thread)).storeRelease(epoch)
    openFastPath(thread)
    anax_token_thread_set(thread)
    if !anax_token_watch_thread(thread) { TokenStop.noKey() }
    return thread
  }

  /// The fast path serves where nothing is pinned and no race detector must see each request.
  @_noLocks @_noAllocation
  package static func openFastPath(_ thread: Thread) {
    let open = thread.pointee.pinned == 0 && anax_token_state().pointee.sanitized == 0
    thread.pointee.limit = open ? UInt32(ANAX_TOKENS_HELD_MAX) : 0
  }

  static var epoch: UInt64 {
    @_noLocks @_noAllocation get { AtomicWord(anax_token_state_epoch_word(anax_token_state())).loadRelaxed() }
  }

  @_noLocks @_noAllocation
  static func record(_ number: UInt32) -> Thread {
    TokenEngine.threads.address(number).assumingMemoryBound(to: anax_token_thread.self)
  }

  /// Whether the record's thread lives in this process.
  @_noLocks @_noAllocation
  static func isAlive(_ number: UInt32) -> Bool {
    AtomicWord(anax_token_thread_epoch_word(record(number))).loadAcquire() == epoch
  }

  /// Whether the record's thread lived in a process that this one was forked from.
  @_noLocks @_noAllocation
  static func isOfParent(_ number: UInt32) -> Bool {
    let born = AtomicWord(anax_token_thread_epoch_word(record(number))).loadAcquire()
    return born != 0 && born != epoch
  }

  @_noLocks @_noAllocation
  static func give(_ thread: Thread) {
    AtomicWord(anax_token_thread_epoch_word(thread)).storeRelease(0)
    TokenEngine.threads.give(thread.pointee.id)
  }
}

/// The thread ends. One that holds a token cannot: nobody could ever take it again.
@c(anax_token_thread_ended) @_noLocks @_noAllocation
package func anaxTokenThreadEnded(_ thread: UnsafeMutablePointer<anax_token_thread>) {
  if thread.pointee.count > 0 { TokenStop.threadEnded(thread) }
  ContentionCounters.flush(thread)
  ThreadRecord.give(thread)
}

/// In the child of a fork: only the calling thread is left. What the others held stays taken. Their records are not
/// used again: one may be named in a word before or after its hold is listed, and would come to life as the owner.
@c(anax_token_forked) @_noLocks @_noAllocation
package func anaxTokenForked() {
  let started = AtomicWord(anax_token_state_started_word(anax_token_state()))
  if started.loadRelaxed() != 2 {
    // Another thread was in the middle of it.
    started.storeRelaxed(0)
    return
  }
  let epoch = AtomicWord(anax_token_state_epoch_word(anax_token_state())).add(1) &+ 1
  Spinners.reset()
  // The other threads are gone, and what they may run on.
  AtomicWord(anax_token_state_processors_due_word(anax_token_state())).storeRelaxed(0)
  let thread = anax_token_thread()
  if anax_token_is_nobody(thread) { return }
  AtomicWord(anax_token_thread_epoch_word(thread)).storeRelaxed(epoch)
  Taking.expect(TokenWord(0), thread)
  thread.pointee.kernel_id = UInt32(truncatingIfNeeded: Kernel.call(anax_sys_gettid))
}

@c(anax_token_exiting) @_noLocks @_noAllocation
package func anaxTokenExiting() {
  let thread = anax_token_thread()
  if thread.pointee.count > 0 { TokenStop.reportExit(thread) }
}
