// SPDX-License-Identifier: Apache-2.0
// What the tests of tokens share: threads that are joined, waiting for a moment to come, a token's word, and what a
// process said.

import CAnax
import CAnaxTokens
import Glibc
import LockFree
import Tokens

@testable import Anax

/// A thread that is joined.
struct Worker {
  private final class Start {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  private let handle: pthread_t

  init(_ body: @escaping @Sendable () -> Void) {
    var handle = pthread_t()
    let result = pthread_create(
      &handle, nil,
      { start in
        Unmanaged<Start>.fromOpaque(start!).takeRetainedValue().body()
        return nil
      }, Unmanaged.passRetained(Start(body)).toOpaque())
    precondition(result == 0)
    self.handle = handle
  }

  func join() { pthread_join(handle, nil) }

  /// Sends the thread a signal.
  func interrupt(_ signal: Int32) { pthread_kill(handle, signal) }
}

/// Runs the body on so many threads at once, and waits for all.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  let workers = (0..<count).map { index in Worker { body(index) } }
  for worker in workers { worker.join() }
}

/// Whether it becomes true within ten seconds.
func eventually(_ condition: () -> Bool) -> Bool {
  for _ in 0..<10_000 {
    if condition() { return true }
    usleep(1000)
  }
  return condition()
}

/// A number that threads add to without a lock.
final class Tally: @unchecked Sendable {
  private let word = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
  init() { word.initialize(to: 0) }
  deinit { word.deallocate() }
  func add(_ value: UInt64 = 1) { _ = AtomicWord(word).add(value) }
  var value: UInt64 { AtomicWord(word).loadAcquire() }
}

/// A number that only the holder of a token may touch: a second holder at the same time loses additions.
final class Guarded: @unchecked Sendable {
  var value = 0
}

extension Token {
  var word: TokenWord { TokenWord(AtomicWord(anax_token_word(state)).loadAcquire()) }

  /// How many share it, counted in the word or beside it.
  var sharers: UInt64 { word.sharedCount + Readers.count(state) }

  /// As it was made: nobody has it, nobody waits.
  var isUntouched: Bool { word.bits & ~TokenWord.countsPerCPU == 0 && sharers == 0 }

  /// Whether so many exclusive requests wait, and so many sleeps have begun.
  func hasWaiting(_ count: UInt64, parked: Int) -> Bool {
    word.waiting == count && statistics.parked >= parked
  }
}

/// The lines of standard error that are Anax's.
func said(_ bytes: [UInt8]) -> [String] {
  String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init).filter { $0.hasPrefix("anax: ") }
}
