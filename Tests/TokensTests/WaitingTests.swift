// SPDX-License-Identifier: Apache-2.0
// The slow paths step by step: one thread waits, and a fake futex plays the kernel and all other threads, who change
// the word while it sleeps. Each case is a process of its own: the fake is process-wide.

import CAnax
import CAnaxTokens
import Glibc
import LockFree
import Machine
import Testing
import Tokens

@testable import Anax

/// One call of the futex.
private struct Call: Equatable {
  var isWait: Bool
  /// What the word must be, or how many are woken.
  var value: UInt64
  var mask: Int
  var isTimed = false
}

/// What the sleeps answer, in turn; each may change the word first. Then sleeps answer EAGAIN.
private nonisolated(unsafe) var answers: [() -> Int] = []
private nonisolated(unsafe) var calls: [Call] = []
private let other: UInt32 = 999

/// Seconds that this thread had a processor.
private func processorTime() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

private let fakeFutex: anax_fake_kernel = { number, a, b, c, d, e, f in
  if number != anax_sys_futex { return anax_system_call(number, a, b, c, d, e, f) }
  let isWait = b == 9 | 128
  precondition(isWait || b == 10 | 128, "process-private bitset operations only")
  calls.append(Call(isWait: isWait, value: UInt64(c), mask: f, isTimed: isWait && d != 0))
  if !isWait { return 0 }
  if calls.count > 100 { fatalError("it sleeps again and again") }
  return answers.isEmpty ? -Int(EAGAIN) : answers.removeFirst()()
}

/// A token whose word is set by hand, and which nobody spins for.
private struct Stage {
  let token = Token("stage", policy: .fixed(tries: 0))

  /// `fair`: after how many nanoseconds of sleep a waiter asks for its turn.
  init(_ bits: UInt64, fair: Int64 = 1_000_000_000) {
    _ = ThreadRecord.current()
    #expect(throws: Never.self) { try Tunable.tokenFair.set(fair) }
    anax_state().pointee.fake_kernel = fakeFutex
    set(bits)
  }

  func set(_ bits: UInt64) { AtomicWord(anax_token_word(token.state)).storeRelaxed(bits) }
  var bits: UInt64 { token.word.bits }
  /// What another holder's release does to the word.
  func release() { set(token.word.released().word.bits) }
  var sleeps: [Call] { calls.filter(\.isWait) }
  var wakes: [Call] { calls.filter { !$0.isWait } }
}

private let held = Word.held(by: other)
private let waiting = Word.oneWaiting
private let awake = Word.awake

@Suite struct WaitingTests {
  @Test func aSleepThatFindsTheWordChangedTriesAgain() async {
    await #expect(processExitsWith: .success) {
      let stage = Stage(held)
      answers = [
        {
          #expect(stage.bits == held | waiting, "the waiter has cleared awake before it sleeps")
          stage.release()
          return -Int(EAGAIN)
        }
      ]
      stage.token.acquire()
      #expect(stage.sleeps == [Call(isWait: true, value: 1, mask: 1)])
      #expect(stage.bits == Word.held(by: anax_token_thread().pointee.id))
      #expect(stage.token.statistics.parked == 1 && stage.token.statistics.collisions == 1)
      stage.token.release()
      #expect(stage.bits == 0 && stage.wakes.isEmpty)
    }
  }

  @Test func interruptionsAndWakeUpsForNoReasonAreBorne() async {
    await #expect(processExitsWith: .success) {
      let stage = Stage(held)
      answers = [
        { -Int(EINTR) }, { 0 }, { -Int(EINTR) }, { 0 },
        {
          #expect(stage.bits == held | waiting | Word.front)
          stage.release()
          return 0
        },
      ]
      stage.token.acquire()
      // From the first wake-up on it sleeps in front.
      let inFront = Call(isWait: true, value: 1 | Word.front, mask: 5)
      let first = Call(isWait: true, value: 1, mask: 1)
      #expect(stage.sleeps == [first, first, inFront, inFront, inFront])
      #expect(stage.token.isHeld && stage.token.word.waiting == 0)
      stage.token.release()
      #expect(stage.bits == 0)
    }
  }

  /// A newcomer takes the token between the wake-up and the try.
  @Test func aWaiterThatIsPassedSleepsInFrontAndClearsAwake() async {
    await #expect(processExitsWith: .success) {
      let stage = Stage(held)
      answers = [
        {
          stage.release()
          #expect(stage.bits & awake != 0)
          stage.set(stage.bits | held)
          return 0
        },
        {
          #expect(stage.bits & awake == 0, "it sleeps: the next release must wake it")
          #expect(stage.token.word.released().wake == .oneInFront, "and it before any other")
          stage.release()
          return 0
        },
      ]
      stage.token.acquire()
      // The second sleep notes another count of wake-ups.
      #expect(stage.sleeps.map(\.value) == [1, 1 | Word.oneWake | Word.front])
      #expect(stage.sleeps.map(\.mask) == [1, 5])
      stage.token.release()
      #expect(stage.bits == 0)
    }
  }

  /// A release finds nobody asleep, and a newcomer takes the token: the half must not be what the one on its way noted.
  @Test func aReleaseThatWakesNobodyIsSeenByWhoIsOnItsWay() async {
    await #expect(processExitsWith: .success) {
      let stage = Stage(held | waiting | awake)
      answers = [
        {
          // The one that was awake takes it, lets it go, and a newcomer takes it.
          let noted = stage.token.word.half
          stage.set(Word(stage.bits).released().word.takenByWaiter(other).bits)
          stage.release()
          stage.set(stage.token.word.takenExclusively(by: other).bits)
          #expect(stage.token.word.half != noted)
          return -Int(EAGAIN)
        },
        {
          #expect(stage.bits & awake == 0, "it has taken over awake, and cleared it")
          stage.release()
          return 0
        },
      ]
      stage.token.acquire()
      #expect(stage.sleeps.first == Call(isWait: true, value: 3, mask: 1), "awake is another's: it stays")
      stage.token.release()
      #expect(stage.bits == 0)
    }
  }

  @Test func whileOneIsAwakeTheFastPathsServe() async {
    await #expect(processExitsWith: .success) {
      let steady = 2 * waiting | awake | 3 * TokenWord.oneWake
      let stage = Stage(steady)
      let thread = ThreadRecord.current()
      #expect(!Requests.hit(stage.token.state))
      stage.token.withToken {}
      // The slow path has seen what to expect.
      #expect(thread.pointee.free == steady && stage.bits == steady)
      #expect(Requests.hit(stage.token.state))
      #expect(stage.token.isHeld && stage.bits == steady | TokenWord.held(by: thread.pointee.id))
      #expect(Requests.releaseHit(stage.token.state))
      #expect(!stage.token.isHeld && stage.bits == steady)
      // Another token is free in another way: it is had, and then expected.
      let other = Token("other")
      other.withToken {}
      #expect(other.word.bits == 0 && thread.pointee.free == 0 && Requests.hit(other.state))
      other.release()
      #expect(calls.isEmpty)
      // The awake one has gone to sleep again: the release looks, and wakes.
      stage.token.acquire()
      stage.set(stage.bits & ~awake)
      stage.token.release()
      #expect(stage.wakes == [Call(isWait: false, value: 1, mask: 1)])
      #expect(TokenWord(stage.bits).isAwake && thread.pointee.free == stage.bits)
      // Where a turn is owed, nobody is served so.
      stage.set(stage.bits | TokenWord.exclusiveTurn)
      #expect(!stage.token.tryAcquire() && thread.pointee.free != stage.bits)
      stage.set(0)
    }
  }

  @Test func inAForkedChildAnAwakeWaiterIsNotBelievedIn() async {
    await #expect(processExitsWith: .success) {
      let steady = waiting | awake | TokenWord.oneWake
      let stage = Stage(steady)
      stage.token.withToken {}
      let thread = ThreadRecord.current()
      #expect(thread.pointee.free == steady)
      anaxTokenForked()
      #expect(thread.pointee.free == 0)
      stage.token.withToken {}
      #expect(thread.pointee.free == 0 && stage.bits == 0)
    }
  }

  @Test func givesUpAtItsDeadline() async {
    await #expect(processExitsWith: .success) {
      let stage = Stage(held)
      answers = [
        {
          usleep(320_000); return -Int(ETIMEDOUT)
        }
      ]
      // Longer than a busy machine keeps a thread from running: it must come to its sleep.
      #expect(throws: TokenError.self) { try stage.token.acquire(timeout: .milliseconds(300)) }
      #expect(stage.sleeps == [Call(isWait: true, value: 1, mask: 1, isTimed: true)])
      #expect(stage.bits == held && !stage.token.isHeld && stage.wakes.isEmpty)
      // One whose time is up takes what it can have.
      answers = [
        {
          usleep(320_000); stage.release(); return -Int(ETIMEDOUT)
        }
      ]
      #expect(throws: Never.self) { try stage.token.acquire(timeout: .milliseconds(300)) }
      stage.token.release()
      #expect(stage.bits == 0)
    }
  }

  /// The one in front has gone, and its mark is left: the first of the others is woken.
  @Test func aReleaseThatFindsNobodyInFrontWakesAnother() async {
    await #expect(processExitsWith: .success) {
      let stage = Stage(0)
      stage.token.acquire()
      stage.set(stage.bits | waiting | Word.front)
      stage.token.release()
      #expect(stage.wakes == [Call(isWait: false, value: 1, mask: 4), Call(isWait: false, value: 1, mask: 1)])
      stage.set(0)
    }
  }

  /// Whoever could not go on because of the one that gives up is woken.
  @Test func givingUpWakesWhomItHeldUp() async {
    await #expect(processExitsWith: .success) {
      // Shared by another; sharers sleep because of this exclusive request.
      let one = Word.shared | Word.oneHolder
      let stage = Stage(one)
      answers = [
        {
          stage.set(stage.bits | Word.sharedParked)
          usleep(320_000)
          return -Int(ETIMEDOUT)
        }
      ]
      #expect(throws: TokenError.self) { try stage.token.acquire(timeout: .milliseconds(300)) }
      #expect(stage.bits == one)
      #expect(stage.wakes == [Call(isWait: false, value: UInt64(Int32.max), mask: 2)])
      stage.set(0)
    }
  }

  /// It has slept for longer than the bound, a newcomer has passed it, and then it is the next: nobody else, awake or
  /// not.
  @Test func asksForItsTurnAndTakesIt() async {
    await #expect(processExitsWith: .success) {
      let stage = Stage(held, fair: 10_000)
      answers = [
        {
          usleep(100)
          return 0
        },
        {
          #expect(stage.bits == held | waiting | Word.exclusiveTurn, "it has slept for longer than the bound")
          #expect(stage.token.statistics.turns == 0, "asked for, not yet had")
          stage.release()
          let free = stage.token.word
          #expect(!free.admitsExclusive(itsTurn: false) && !free.admitsShared(slept: true))
          return 0
        },
      ]
      stage.token.acquire()
      #expect(stage.sleeps.map(\.mask) == [1, 13])
      #expect(!stage.token.word.hasTurn && stage.token.statistics.turns == 1)
      stage.token.release()
      #expect(stage.bits == 0)
    }
  }

  /// At most one turn within the bound: who comes second waits for it, however long it has waited.
  @Test func turnsAreABoundApart() async {
    await #expect(processExitsWith: .success) {
      let stage = Stage(held, fair: 10_000_000)
      func setDue(_ time: UInt64) { AtomicWord(anax_token_turn_due(stage.token.state)).storeRelaxed(time) }
      setDue(.max)
      let begun = anax_clock()
      answers = [
        {
          usleep(30_000)
          return 0
        },
        {
          #expect(!stage.token.word.hasTurn, "another's turn was less than a bound ago")
          setDue(0)
          return 0
        },
        {
          #expect(stage.token.word.hasTurn)
          stage.release()
          return 0
        },
      ]
      stage.token.acquire()
      #expect(AtomicWord(anax_token_turn_due(stage.token.state)).loadRelaxed() >= begun + 40_000_000)
      stage.token.release()
    }
  }

  /// It has asked for its turn and gives up.
  @Test func givesItsTurnBack() async {
    await #expect(processExitsWith: .success) {
      let stage = Stage(held | waiting, fair: 10_000)
      answers = [
        {
          usleep(100); return 0
        },
        {
          #expect(stage.bits & Word.exclusiveTurn != 0)
          usleep(320_000)
          return -Int(ETIMEDOUT)
        },
      ]
      #expect(throws: TokenError.self) { try stage.token.acquire(timeout: .milliseconds(300)) }
      #expect(stage.bits & Word.exclusiveTurn == 0 && stage.token.word.waiting == 1)
      #expect(stage.token.statistics.turns == 0)
      // The next release wakes the other.
      #expect(stage.token.word.released().wake == .oneExclusive)
      stage.set(0)
    }
  }

  /// A waiter that another's turn keeps out sleeps, though the token is free, and a release wakes the one whose turn it
  /// is.
  @Test func underAnothersTurnAFreeTokenIsLeft() async {
    await #expect(processExitsWith: .success) {
      let stage = Stage(held | waiting | Word.exclusiveTurn)
      answers = [
        {
          #expect(stage.bits == held | 2 * waiting | Word.exclusiveTurn)
          let released = stage.token.word.released()
          #expect(released.wake == .whoseTurnItIs)
          stage.set(released.word.bits)
          return -Int(EAGAIN)
        },
        {
          // The token is free, and not for this one: the other takes it and lets it go.
          #expect(stage.token.word.isFree)
          stage.set(stage.token.word.takenByWaiter(other).bits)
          stage.release()
          return -Int(EAGAIN)
        },
      ]
      stage.token.acquire()
      #expect(stage.sleeps.count == 2)
      stage.token.release()
      #expect(stage.bits == 0)
    }
  }

  @Test func sharersSleepForTheirOwnWakeUpAndLookAgain() async {
    await #expect(processExitsWith: .success) {
      let stage = Stage(held | waiting, fair: 10_000)
      answers = [
        {
          #expect(stage.bits == held | waiting | Word.sharedParked)
          usleep(100)
          return -Int(ETIMEDOUT)
        },
        {
          #expect(stage.bits & Word.sharedTurn != 0, "unwoken for longer than the bound: it asks")
          let released = stage.token.word.released()
          #expect(released.wake == .allShared)
          stage.set(released.word.bits)
          return 0
        },
      ]
      stage.token.acquireShared()
      #expect(stage.sleeps.allSatisfy { $0.mask == 2 && $0.isTimed } && stage.sleeps.count == 2)
      #expect(
        stage.bits & ~Word.wakesMask == Word.shared | Word.oneHolder | waiting, "before the one that waits, by its turn"
      )
      stage.token.release()
      #expect(stage.wakes == [Call(isWait: false, value: 1, mask: 1)])
      stage.set(0)
    }
  }

  /// Ten milliseconds of spinning before the first sleep, and none after forty sleeps that ended by themselves. By the
  /// thread's own processor time, which others cannot lengthen.
  @Test func whoWasNotWokenDoesNotSpinAnew() async {
    await #expect(processExitsWith: .success) {
      let stage = Stage(held | waiting)
      stage.token.policy = .fixed(tries: 100, delay: 100_000)
      answers =
        Array(repeating: { -Int(ETIMEDOUT) }, count: 39) + [
          {
            stage.set(0)
            return -Int(ETIMEDOUT)
          }
        ]
      let begun = processorTime()
      stage.token.acquireShared()
      #expect(stage.sleeps.count == 40 && processorTime() - begun < 0.2)
      stage.token.release()
      #expect(stage.bits == 0)
    }
  }

  @Test func releasesWakeWhomTheyServe() async {
    await #expect(processExitsWith: .success) {
      let stage = Stage(0)
      let mine = Word.held(by: anax_token_thread().pointee.id)
      stage.token.acquire()
      stage.set(mine | waiting)
      stage.token.release()
      stage.set(0)
      stage.token.acquire()
      stage.set(mine | Word.sharedParked)
      stage.token.release()
      #expect(stage.bits == 0)
      stage.token.acquire()
      stage.set(mine | waiting | awake)
      stage.token.release()
      stage.set(0)
      #expect(
        calls == [
          Call(isWait: false, value: 1, mask: 1), Call(isWait: false, value: UInt64(Int32.max), mask: 2),
        ], "who is awake needs no wake-up")
    }
  }

  /// Others hold the second token: the first is let go before the sleep, and at the deadline it is there again.
  @Test func aDeadlineRestoresWhatWasHeld() async {
    await #expect(processExitsWith: .success) {
      let stage = Stage(held)
      let first = Token("first")
      let place = UInt(bitPattern: first.state)
      first.acquire()
      answers = [
        {
          let word = anax_token_word(UnsafeMutablePointer<anax_token>(bitPattern: place)!)
          #expect(AtomicWord(word).loadRelaxed() == 0, "nobody waits with a token in hand")
          usleep(320_000)
          return -Int(ETIMEDOUT)
        }
      ]
      let error = #expect(throws: TokenError.self) { try stage.token.acquire(timeout: .milliseconds(300)) }
      if case .timedOut(let overrun)? = error {
        #expect(overrun > .zero && overrun < .seconds(5))
      } else {
        Issue.record("\(String(describing: error))")
      }
      #expect(first.isHeld && first.word.isExclusive && first.lettings == 1 && !stage.token.isHeld)
      #expect(stage.bits == held)
      first.release()
      stage.set(0)
    }
  }
}
