// SPDX-License-Identifier: Apache-2.0
// The child of a fork has one thread, and words in which others stand. Each case is a process of its own that forks;
// what the child finds is its exit status.

import CAnax
import CAnaxTokens
import Glibc
import LockFree
import Testing
import Tokens

@testable import Anax

/// Forks; the child ends with what the body returns. How it ended: an exit status, or minus a signal; -99 where it
/// hung.
private func inChild(_ body: () -> Int32) -> Int32 {
  let fork = unsafeBitCast(dlsym(nil, "fork"), to: (@convention(c) () -> Int32).self)
  let child = fork()
  if child == 0 {
    // Threads that tests run on may have it blocked.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGALRM)
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    alarm(20)
    _exit(body())
  }
  var status: Int32 = 0
  precondition(waitpid(child, &status, 0) == child)
  let signal = status & 0x7f
  return signal == SIGALRM ? -99 : signal != 0 ? -signal : status >> 8 & 0xff
}

/// A thread that holds tokens until it is told to let them go.
private final class Holder: @unchecked Sendable {
  private let ready = Tally()
  private let over = Tally()
  private var worker: Worker?

  init(_ take: @escaping @Sendable () -> Void, _ letGo: @escaping @Sendable () -> Void) {
    worker = Worker { [ready, over] in
      take()
      ready.add()
      while over.value == 0 { usleep(200) }
      letGo()
    }
    precondition(eventually { ready.value == 1 })
  }

  func end() {
    over.add()
    worker?.join()
  }
}

/// Sets a word's marks by hand: what threads leave there that do not exist in the child.
private func mark(_ token: Token, _ bits: UInt64) { AtomicWord(anax_token_word(token.state)).storeRelaxed(bits) }

/// What a new process does with a token that nobody holds: take it in each way, by several threads, and leave nothing
/// behind.
private func use(_ token: Token) -> Bool {
  let guarded = Guarded()
  guard token.tryWithToken({ true }) == true, token.tryWithShared({ true }) == true else { return false }
  onThreads(4) { index in
    for _ in 0..<200 {
      if index == 3 { token.withShared {} } else { token.withToken { guarded.value += 1 } }
    }
  }
  return guarded.value == 600
}

@Suite struct ForkTests {
  @Test(arguments: [false, true]) func theForkingThreadGoesOnHolding(perCPU: Bool) async {
    await #expect(processExitsWith: .success) { [perCPU = perCPU as Bool] in
      let a = Token("a")
      let b = Token("b", readersPerCPU: perCPU)
      let value = Serialized(1)
      a.acquire()
      b.acquireShared()
      let status = inChild {
        guard a.isHeld, b.isHeld, a.word.isExclusive, b.sharers == 1 else { return 1 }
        nonisolated(unsafe) var blocked = true
        Worker { blocked = a.tryWithToken { true } != nil }.join()
        if blocked { return 2 }
        a.release()
        b.release()
        guard a.isUntouched, b.isUntouched, use(a), use(b) else { return 3 }
        return value.withValue { $0 } == 1 ? 0 : 4
      }
      #expect(status == 0)
      #expect(a.isHeld && b.isHeld)
      a.release()
      b.release()
      // In mid-access, and through two forks.
      let nested = value.withValue { value in
        value = 2
        return inChild { inChild { value == 2 ? 0 : 1 } }
      }
      #expect(nested == 0)
    }
  }

  @Test func whatAnotherThreadHeldIsAnError() async {
    await #expect(processExitsWith: .success) {
      let token = Token("left behind")
      let holder = Holder({ token.acquire() }, { token.release() })
      let status = inChild {
        if token.tryAcquire() || token.tryAcquireShared() { return 1 }
        do throws(TokenError) {
          try token.acquire(timeout: .milliseconds(50))
          return 2
        } catch {
          guard error == .orphaned("left behind"), "\(error)".contains("'left behind'") else { return 3 }
        }
        return Token("new").withToken { 0 }
      }
      #expect(status == 0)
      holder.end()
      #expect(token.withToken { true })
    }
  }

  @Test(arguments: [false, true]) func whatAnotherThreadSharedIsNotHadExclusively(perCPU: Bool) async {
    await #expect(processExitsWith: .success) { [perCPU = perCPU as Bool] in
      let token = Token("shared", readersPerCPU: perCPU)
      let other = Token("shared here", readersPerCPU: perCPU)
      let holder = Holder({ token.acquireShared() }, { token.release() })
      let status = inChild {
        guard token.tryWithShared({ true }) == true, token.withShared({ true }) else { return 1 }
        do throws(TokenError) {
          try token.acquire(timeout: .milliseconds(60))
          return 2
        } catch {
          guard error == .orphaned("shared") else { return 3 }
        }
        // What threads of this process share is waited for as ever.
        let mine = Holder({ other.acquireShared() }, { other.release() })
        do throws(TokenError) {
          try other.acquire(timeout: .milliseconds(5))
          return 4
        } catch {
          guard case .timedOut = error else { return 5 }
        }
        mine.end()
        // Sharing goes on.
        return token.withShared { 0 }
      }
      #expect(status == 0)
      #expect(inChild { token.withToken { 1 } } == -SIGABRT, "it would wait for ever")
      holder.end()
    }
  }

  @Test func askingForItIsNamed() async throws {
    let result = try await #require(processExitsWith: .success, observing: [\.standardErrorContent]) {
      let token = Token("left behind")
      let holder = Holder({ token.acquire() }, { token.release() })
      #expect(inChild { token.withToken { 1 } } == -SIGABRT)
      holder.end()
    }
    let lines = said(result.standardErrorContent)
    #expect(lines.count == 1)
    let line = lines.first ?? ""
    #expect(
      line.hasPrefix("anax: request for token 'left behind', which another thread held when this process was forked"))
    #expect(line.contains(" (thread ") && line.contains(" of the parent)"))
  }

  /// Marks of threads that do not exist here: awake, a turn, waiters, sleeping sharers, and all together.
  @Test func marksOfDeadWaitersHoldUpNobody() async {
    await #expect(processExitsWith: .success) {
      let waiting = TokenWord.oneWaiting
      let marks: [UInt64] = [
        waiting, waiting | TokenWord.awake, 3 * waiting | TokenWord.awake | 5 * TokenWord.oneWake,
        waiting | TokenWord.exclusiveTurn, waiting | TokenWord.exclusiveTurn | TokenWord.awake, TokenWord.sharedTurn,
        TokenWord.sharedTurn | waiting | TokenWord.awake, TokenWord.sharedParked,
        TokenWord.sharedTurn | TokenWord.sharedParked | 2 * waiting,
      ]
      Token().withShared {}
      for bits in marks {
        let first = Token()
        let second = Token()
        let third = Token()
        let status = inChild {
          for token in [first, second, third] { mark(token, bits) }
          // The first request is a try, an exclusive one, a shared one.
          if !use(first) { return 1 }
          second.withToken {}
          if !use(second) { return 2 }
          third.withShared {}
          if !use(third) { return 3 }
          return 0
        }
        #expect(status == 0, "\(bits)")
      }
    }
  }

  /// The first slow request that succeeds takes away what dead waiters left: then the fast paths serve again.
  @Test func deadWaitersDoNotKeepTheChildOffTheFastPath() async {
    await #expect(processExitsWith: .success) {
      Token().withShared {}
      let status = inChild {
        let token = Token("marked")
        mark(token, 3 * TokenWord.oneWaiting)
        token.withToken {}
        if token.word.bits != 0 { return 1 }
        mark(token, 2 * TokenWord.oneWaiting)
        if token.tryWithToken({ true }) != true || token.word.bits != 0 { return 2 }
        return 0
      }
      #expect(status == 0)
    }
  }

  /// The process is forked while another thread is in the middle of the tokens' start: in the child nobody ends it.
  @Test func aStartThatTheForkCutShortIsMadeAnew() async {
    await #expect(processExitsWith: .success) {
      anax_token_state().pointee.started = 1
      #expect(inChild { Token("first").withToken { Token("second").withShared { 0 } } } == 0)
      anax_token_state().pointee.started = 0
      #expect(inChild { inChild { Token("first").withToken { 0 } } } == 0)
      #expect(Token("first").withToken { true })
    }
  }

  /// Real waiters, asleep when the process is forked.
  @Test func realWaitersAreForgotten() async {
    await #expect(processExitsWith: .success) {
      let token = Token("busy", policy: .fixed(tries: 0))
      token.acquire()
      let workers = (0..<4).map { index in
        Worker { if index == 3 { token.withShared {} } else { token.withToken {} } }
      }
      #expect(eventually { token.hasWaiting(3, parked: 4) })
      let status = inChild {
        token.release()
        return use(token) ? 0 : 1
      }
      #expect(status == 0)
      token.release()
      for worker in workers { worker.join() }
      #expect(token.word.bits == 0)
    }
  }

  /// One that has taken the word and waits for the sharers, one of which forks, is a waiter and no holder.
  @Test func whoWaitedForSharersIsForgotten() async {
    await #expect(processExitsWith: .success) {
      let token = Token("shared", policy: .fixed(tries: 0), readersPerCPU: true)
      token.acquireShared()
      let writer = Worker { token.withToken {} }
      #expect(eventually { token.word.isExclusive && token.statistics.parked > 0 })
      let status = inChild {
        nonisolated(unsafe) var shared = false
        Worker { shared = token.withShared { true } }.join()
        if !shared { return 1 }
        Token.blocking {}
        guard token.isHeld, token.sharers == 1 else { return 2 }
        token.release()
        return use(token) ? 0 : 3
      }
      #expect(status == 0)
      token.release()
      writer.join()
      #expect(token.isUntouched)
    }
  }

  /// A sharer that the child does not have is told of, whatever others that come to share it do meanwhile.
  @Test func anOrphanedSharerIsFoundAmongLivingOnes() async {
    await #expect(processExitsWith: .success) {
      let token = Token("shared", readersPerCPU: true)
      let holder = Holder({ token.acquireShared() }, { token.release() })
      let status = inChild {
        let over = Tally()
        let other = Token("other")
        let busy = (0..<2).map { index in
          Worker {
            while over.value == 0 {
              if index == 0 {
                _ = token.tryWithShared {}
              } else {
                other.withToken { if (try? token.acquireShared(timeout: .milliseconds(30))) != nil { token.release() } }
              }
            }
          }
        }
        var orphaned = false
        for _ in 0..<20 where !orphaned {
          do throws(TokenError) {
            try token.acquire(timeout: .milliseconds(100))
            return 1
          } catch { orphaned = error == .orphaned("shared") }
        }
        over.add()
        for worker in busy { worker.join() }
        return orphaned ? 0 : 2
      }
      #expect(status == 0)
      holder.end()
    }
  }

  /// A thread that had holds in hand in mid-request does not come to life as another thread's record.
  @Test func recordsAreNotTakenOver() async {
    await #expect(processExitsWith: .success) {
      let token = Token("hammered")
      token.withToken {}
      let over = Tally()
      let hammer = Worker { while over.value == 0 { token.withToken {} } }
      for _ in 0..<100 {
        let status = inChild {
          nonisolated(unsafe) var wrong = false
          Worker {
            do throws(TokenError) {
              try token.acquire(timeout: .milliseconds(200))
              token.release()
            } catch {
              // Held when the process was forked; anything but a wait that runs out.
              if case .timedOut = error { wrong = true }
            }
          }.join()
          return wrong ? 1 : 0
        }
        #expect(status == 0)
      }
      over.add()
      hammer.join()
    }
  }

  /// A token may end in the child, whatever threads of the parent did with it; not while the child's own thread has it.
  @Test func tokensEndInTheChild() async {
    await #expect(processExitsWith: .success) {
      nonisolated(unsafe) var token: Token? = Token("ends")
      let holder = Holder({ token?.acquire() }, { token?.release() })
      #expect(
        inChild {
          token = nil; return 0
        } == 0)
      holder.end()
      token?.acquire()
      #expect(
        inChild {
          token = nil; return 0
        } == -SIGABRT)
      token?.release()
    }
  }
}
