// SPDX-License-Identifier: Apache-2.0
// Signals for the worker threads of a test: each is interrupted in turn, wherever it is. A timer's signals would all go
// to the main thread, which only waits. No handler runs in another thread, nor after its worker has left: the worker
// blocks the signal then, and handlers run in the thread that they interrupt. One set of workers a process.
// A handler must not allocate but from Anax: in a debug build a loop over a sequence does.

import CAnax
import Foundation
import LockFree
import Machine

package enum WorkerSignals {
  private static let signal = SIGUSR2
  private static let most = 64
  /// Set in a worker's thread id while somebody sends it a signal: it must not end meanwhile.
  private static let sending: UInt64 = 1 << 32

  // All in place before the first signal: a handler must not wait for what it has interrupted.
  nonisolated(unsafe) private static var handler: @convention(c) (Int32) -> Void = { _ in }
  nonisolated(unsafe) private static var words = UnsafeMutablePointer<UInt64>(bitPattern: 8)!

  private static var joined: AtomicWord { AtomicWord(words) }
  private static var ran: AtomicWord { AtomicWord(words + 1) }
  private static var strayed: AtomicWord { AtomicWord(words + 2) }
  private static var turn: AtomicWord { AtomicWord(words + 3) }
  /// A worker's thread id, 0 when it has left; and what tells its thread from others without asking the kernel.
  private static func id(_ worker: Int) -> AtomicWord { AtomicWord(words + 8 + worker * 2) }
  private static func thread(_ worker: Int) -> AtomicWord { AtomicWord(words + 9 + worker * 2) }

  /// Handlers that ran to their end in workers.
  package static var count: UInt64 { ran.loadAcquire() }
  /// Handlers that ran elsewhere: none may.
  package static var strays: UInt64 { strayed.loadAcquire() }

  /// What is to run in the workers from now on. Before they join.
  package static func prepare(_ handler: @escaping @convention(c) (Int32) -> Void) {
    words = .allocate(capacity: 8 + 2 * most)
    words.initialize(repeating: 0, count: 8 + 2 * most)
    self.handler = handler
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { number in
      let error = errno
      WorkerSignals.handler(number)
      (WorkerSignals.isWorker ? WorkerSignals.ran : WorkerSignals.strayed).add(1)
      errno = error
    }
    action.sa_flags = Int32(SA_RESTART)
    sigaction(signal, &action, nil)
  }

  private static var isWorker: Bool {
    var worker = min(Int(joined.loadAcquire()), most)
    while worker > 0 {
      worker -= 1
      if id(worker).loadAcquire() != 0, thread(worker).loadRelaxed() == anax_thread_word() { return true }
    }
    return false
  }

  /// This thread is a worker until it leaves.
  package static func join() {
    let worker = Int(joined.add(1))
    precondition(worker < most)
    thread(worker).storeRelease(anax_thread_word())
    id(worker).storeRelease(UInt64(Kernel.call(anax_sys_gettid)))
    mask(SIG_UNBLOCK)
  }

  package static func leave() {
    mask(SIG_BLOCK)
    let mine = UInt64(Kernel.call(anax_sys_gettid))
    for worker in 0..<Int(joined.loadAcquire()) where thread(worker).loadRelaxed() == anax_thread_word() {
      var known = mine
      while id(worker).loadAcquire() & ~sending == mine, !id(worker).compareExchange(&known, 0) { known = mine }
    }
  }

  private static func mask(_ how: Int32) {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, signal)
    pthread_sigmask(how, &set, nil)
  }

  /// One signal for the worker whose turn it is; `also` may do more to its thread.
  package static func interruptNext(also: (_ thread: Int, _ turn: Int) -> Void = { _, _ in }) {
    let workers = Int(joined.loadAcquire())
    if workers == 0 { return }
    let turn = Int(turn.add(1))
    let word = id(turn % workers)
    var thread = word.loadAcquire()
    if thread == 0 || thread & sending != 0 || !word.compareExchange(&thread, thread | sending) { return }
    also(Int(thread), turn / workers)
    _ = Kernel.call(anax_sys_tgkill, Kernel.call(anax_sys_getpid), Int(thread), Int(signal))
    word.storeRelease(thread)
  }

  /// Runs the body on so many workers at once, and interrupts one after the other, with a pause of so many microseconds
  /// after each `burst` signals, until every body has returned.
  package static func run(
    workers: Int, pause: UInt32 = 100, burst: UInt64 = 1,
    also: (_ thread: Int, _ turn: Int) -> Void = { _, _ in }, _ body: @escaping @Sendable (_ worker: Int) -> Void
  ) {
    for worker in 0..<workers {
      Thread {
        join()
        while joined.loadAcquire() < UInt64(workers) { sched_yield() }
        body(worker)
        leave()
      }.start()
    }
    while joined.loadAcquire() < UInt64(workers) { usleep(100) }
    var sent: UInt64 = 0
    while (0..<workers).contains(where: { id($0).loadAcquire() != 0 }) {
      interruptNext(also: also)
      sent += 1
      if sent % burst == 0 { usleep(pause) }
    }
  }
}
