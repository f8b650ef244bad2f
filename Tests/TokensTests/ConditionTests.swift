// SPDX-License-Identifier: Apache-2.0
// Timed requests, and sleeping on a token's condition.

import Glibc
import Testing
import Tokens

@testable import Anax

@Suite struct ConditionTests {
  @Test func timedRequests() throws {
    let token = Token("busy")
    #expect(try token.acquire(timeout: .zero) >= .zero)
    Worker {
      let begun = ContinuousClock.now
      let error = #expect(throws: TokenError.self) { try token.acquire(timeout: .milliseconds(30)) }
      #expect(ContinuousClock.now - begun >= .milliseconds(30))
      #expect("\(error!)".contains("could not be had in time"))
      #expect(throws: TokenError.self) { try token.acquireShared(timeout: .milliseconds(2)) }
      #expect(throws: TokenError.self) { try token.acquire(timeout: .zero) }
      #expect(throws: TokenError.self) { try token.acquire(timeout: .seconds(-5)) }
      #expect(!token.isHeld)
    }.join()
    #expect(token.word.waiting == 0)
    token.release()
    try token.acquireShared(timeout: .milliseconds(1))
    try token.acquireShared(timeout: .seconds(1 << 40))
    token.release()
    token.release()
    #expect(token.word.bits == 0)
  }

  /// Ten seconds of spinning, had they no deadline.
  @Test func spinningEndsAtTheDeadline() {
    let token = Token("busy", policy: .fixed(tries: 10_000, delay: 1_000_000))
    let own = Token("own")
    token.acquire()
    Worker {
      let begun = ContinuousClock.now
      #expect(throws: TokenError.self) { try token.acquire(timeout: .milliseconds(3)) }
      #expect(throws: TokenError.self) { try token.acquireShared(timeout: .milliseconds(3)) }
      #expect(throws: TokenError.self) { try token.acquire(timeout: .zero) }
      own.withToken { _ = #expect(throws: TokenError.self) { try token.acquire(timeout: .milliseconds(3)) } }
      #expect(ContinuousClock.now - begun < .seconds(5))
    }.join()
    token.release()
    #expect(token.word.bits == 0)
  }

  /// Who waits without end is not held up by those that give up beside it.
  @Test func thoseWhoGiveUpLeaveNothingBehind() {
    let token = Token(policy: .fixed(tries: 0))
    let got = Tally()
    let late = Tally()
    let done = Tally()
    let end = ContinuousClock.now + .seconds(60)
    onThreads(6) { index in
      var round = 0
      // Until enough have given up, however the machine runs these threads.
      while index < 2 ? round < 200 || late.value < 50 && .now < end : done.value < 2 {
        if index < 2 {
          token.withToken { _ = usleep(20) }
          got.add()
        } else if (try? index == 5
          ? token.acquireShared(timeout: .microseconds(30))
          : token.acquire(
            timeout: .microseconds(round % 60))) != nil
        {
          token.release()
        } else {
          late.add()
        }
        round += 1
      }
      if index < 2 { done.add() }
    }
    #expect(got.value >= 400 && late.value >= 50)
    #expect(token.word.bits == 0)
  }

  @Test func sleepersAreWoken() {
    let token = Token("queue")
    let ready = Guarded()
    let done = Tally()
    let workers = (0..<3).map { _ in
      Worker {
        token.withToken {
          while ready.value == 0 { token.sleep() }
          ready.value -= 1
          #expect(token.isHeld && token.word.isExclusive)
        }
        done.add()
      }
    }
    usleep(20_000)
    #expect(eventually { token.tryWithToken { 1 } == 1 } && done.value == 0, "sleepers hold nothing")
    token.withToken { ready.value = 1 }
    token.wakeOne()
    #expect(eventually { done.value == 1 })
    token.withToken { ready.value = 2 }
    token.wakeAll()
    for worker in workers { worker.join() }
    #expect(done.value == 3 && token.word.bits == 0)
  }

  @Test func aTimedSleepEnds() {
    let token = Token()
    let second = Token()
    token.withToken {
      second.withToken {
        let begun = ContinuousClock.now
        while token.sleep(timeout: .milliseconds(20)) {}
        #expect(ContinuousClock.now - begun >= .milliseconds(20))
        #expect(token.isHeld && second.isHeld && second.lettings >= 1)
      }
    }
    token.wakeOne()
    token.wakeAll()
    #expect(token.word.bits == 0)
  }

  /// A sleep holds no wake-up back, and none gets lost between two threads that wake each other.
  @Test func pingPong() {
    let token = Token()
    let turn = Guarded()
    onThreads(2) { index in
      for _ in 0..<3000 {
        token.withToken {
          while turn.value % 2 != index { token.sleep() }
          turn.value += 1
        }
        token.wakeAll()
      }
    }
    #expect(turn.value == 6000)
  }
}
