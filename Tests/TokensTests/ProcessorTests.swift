// SPDX-License-Identifier: Apache-2.0
// How many processors' worth of time the tokens' waiters believe in, where threads may run on different CPUs. A fake
// kernel says where each thread may run; each case is a process of its own.

import CAnax
import CAnaxTokens
import Glibc
import Machine
import Testing
import Tokens

@testable import Anax

/// The kernel id of the thread that may run on CPU 0 alone; -1: all may only run there.
private nonisolated(unsafe) var pinned = 0

private let playAffinity: anax_fake_kernel = { number, a, b, c, d, e, f in
  if number == anax_sys_openat { return -Int(ENOENT) }
  if number != anax_sys_sched_getaffinity { return anax_system_call(number, a, b, c, d, e, f) }
  let who = a == 0 ? Int(anax_system_call(anax_sys_gettid, 0, 0, 0, 0, 0, 0)) : a
  UnsafeMutablePointer<UInt64>(bitPattern: c)!.pointee = pinned == -1 || who == pinned ? 1 : 6
  return 8
}

private var processors: UInt64 { anax_token_state().pointee.processors }

/// One wait for a token that ends in a sleep.
private func wait(for token: Token) {
  let parked = token.statistics.parked
  token.acquire()
  let waiter = Worker { token.withToken {} }
  #expect(eventually { token.statistics.parked > parked })
  token.release()
  waiter.join()
}

@Suite struct ProcessorTests {
  @Test func aFirstThreadBoundToOneCPUDoesNotSpeakForAll() async {
    await #expect(processExitsWith: .success) {
      pinned = Int(anax_system_call(anax_sys_gettid, 0, 0, 0, 0, 0, 0))
      anax_state().pointee.fake_kernel = playAffinity
      let token = Token()
      token.withShared {}
      #expect(processors == 1, "no other thread is known yet")
      wait(for: token)
      #expect(processors >= 2)
    }
  }

  /// All are bound to one CPU while the process runs; seen within about a second, here by hand.
  @Test func itIsReadAnewNowAndThen() async {
    await #expect(processExitsWith: .success) {
      anax_state().pointee.fake_kernel = playAffinity
      let token = Token()
      token.withShared {}
      #expect(processors == 2)
      pinned = -1
      wait(for: token)
      #expect(processors == 2, "not at every sleep")
      usleep(1_100_000)
      wait(for: token)
      #expect(processors == 1)
    }
  }
}
