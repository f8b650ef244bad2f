// SPDX-License-Identifier: Apache-2.0
//
// Threads that start together: each runs the body with its index, once all are there. Signals that end the program are
// blocked in them, so that they reach the main thread.

import Report
import CAnax
import Glibc
import Machine

/// One 64-bit word that threads share, on a cache line of its own.
final class SharedWord: @unchecked Sendable {
  // What is behind the pointer is touched by atomic operations alone.
  let pointer: UnsafeMutablePointer<UInt64>

  init(_ value: UInt64 = 0) {
    let bytes = UnsafeMutableRawPointer.allocate(byteCount: 128, alignment: 128)
    pointer = bytes.initializeMemory(as: UInt64.self, repeating: 0, count: 16)
    pointer.pointee = value
  }

  deinit { UnsafeMutableRawPointer(pointer).deallocate() }

  @inline(__always) var value: UInt64 {
    get { anax_load_acquire(pointer) }
    set { anax_store_release(pointer, newValue) }
  }

  @discardableResult
  @inline(__always) func add(_ value: UInt64) -> UInt64 { anax_fetch_add(pointer, value) }
}

struct Team {
  private final class Start {
    let index: Int
    let body: @Sendable (Int) -> Void
    let ready: SharedWord
    let go: SharedWord
    let ended: SharedWord

    init(
      _ index: Int, _ ready: SharedWord, _ go: SharedWord, _ ended: SharedWord,
      _ body: @escaping @Sendable (Int) -> Void
    ) {
      (self.index, self.ready, self.go, self.ended, self.body) = (index, ready, go, ended, body)
    }
  }

  private var threads: [pthread_t] = []
  private let go = SharedWord()
  private let ended = SharedWord()

  /// Starts the threads, and lets them go when all are there.
  init(count: Int, _ body: @escaping @Sendable (Int) -> Void) throws(CellFailure) {
    let ready = SharedWord()
    var blocked = sigset_t()
    var before = sigset_t()
    sigemptyset(&blocked)
    sigaddset(&blocked, SIGINT)
    sigaddset(&blocked, SIGTERM)
    pthread_sigmask(SIG_BLOCK, &blocked, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    for index in 0..<count {
      var thread = pthread_t()
      let error = pthread_create(
        &thread, nil,
        { argument in
          let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
          start.ready.add(1)
          while start.go.value == 0 { sched_yield() }
          if start.go.value == 1 { start.body(start.index) }
          start.ended.add(1)
          return nil
        }, Unmanaged.passRetained(Start(index, ready, go, ended, body)).toOpaque())
      guard error == 0 else {
        go.value = 2
        for thread in threads { pthread_join(thread, nil) }
        throw CellFailure("a thread could not be started: \(String(cString: strerror(error)))")
      }
      threads.append(thread)
    }
    while ready.value < UInt64(count) { sched_yield() }
    go.value = 1
  }

  /// Waits for all of them. Throws when they have not ended after `limit` seconds: then they are left as they are, and
  /// whoever measures should say so and end.
  func join(limit: Double = 60) throws(CellFailure) {
    let start = Clock.seconds
    while ended.value < UInt64(threads.count) {
      if Clock.seconds - start > limit {
        let missing = UInt64(threads.count) - ended.value
        throw CellFailure("\(missing) of \(threads.count) threads did not end within \(Text.clock(limit))")
      }
      Clock.sleep(0.0002)
    }
    for thread in threads { pthread_join(thread, nil) }
  }

  /// Keeps the calling thread on one CPU for its life; false where that is refused.
  static func pin(to cpu: Int) -> Bool {
    var set = [UInt64](repeating: 0, count: cpu / 64 + 1)
    set[cpu / 64] = 1 << UInt64(cpu % 64)
    return set.withUnsafeBytes {
      Kernel.call(anax_sys_sched_setaffinity, 0, $0.count, Int(bitPattern: $0.baseAddress)) == 0
    }
  }
}
