// SPDX-License-Identifier: Apache-2.0
// Sharers that are counted beside the word: what only tokens do that were made so. What they have in common with others
// is tested with these.

import CAnax
import CAnaxTokens
import Glibc
import LockFree
import Testing
import Tokens

@testable import Anax

@Suite struct ReadersTests {
  /// A thread that shares the token until it is told to let it go.
  private struct Sharer: ~Copyable {
    private let over = Tally()
    private let worker: Worker

    init(_ token: Token) {
      let ready = Tally()
      worker = Worker { [over] in
        token.withShared {
          ready.add()
          while over.value == 0 { usleep(100) }
        }
      }
      #expect(eventually { ready.value == 1 })
    }

    consuming func leave() {
      over.add()
      worker.join()
    }
  }

  @Test func theWordIsLeftAlone() {
    let token = Token(readersPerCPU: true)
    token.withShared {
      #expect(token.word.bits == TokenWord.countsPerCPU && token.sharers == 1)
      token.withShared { #expect(token.sharers == 1) }
      let other = Sharer(token)
      #expect(token.word.bits == TokenWord.countsPerCPU && token.sharers == 2)
      other.leave()
    }
    // By the slow way: while the thread holds another.
    Token().withToken { token.withShared { #expect(token.word.sharedCount == 0 && token.sharers == 1) } }
    #expect(token.tryWithShared { token.word.sharedCount == 0 } == true)
    #expect(token.isUntouched)
  }

  /// Spinning, and asleep.
  @Test(arguments: [0, 1_000_000]) func whoWantsItAloneWaitsForAll(tries: Int) {
    let token = Token(policy: .fixed(tries: tries, delay: 100), readersPerCPU: true)
    let first = Sharer(token)
    let second = Sharer(token)
    let entered = Tally()
    let writer = Worker { token.withToken { entered.add() } }
    #expect(eventually { token.word.isExclusive })
    if tries == 0 { #expect(eventually { token.statistics.parked > 0 }) }
    #expect(token.tryWithShared { true } == nil, "newcomers wait while it waits")
    first.leave()
    #expect(token.word.isExclusive && entered.value == 0)
    second.leave()
    writer.join()
    #expect(entered.value == 1 && token.isUntouched)
  }

  @Test func aDeadlineEndsTheWait() {
    let token = Token(policy: .fixed(tries: 0), readersPerCPU: true)
    let sharer = Sharer(token)
    #expect(throws: TokenError.self) { try token.acquire(timeout: .milliseconds(5)) }
    #expect(!token.tryAcquire())
    #expect(token.word.bits == TokenWord.countsPerCPU && token.sharers == 1)
    // Whoever came to wait meanwhile goes on.
    let late = Worker { #expect(throws: TokenError.self) { try token.acquire(timeout: .milliseconds(200)) } }
    #expect(eventually { token.word.isExclusive })
    token.withShared {}
    late.join()
    sharer.leave()
    #expect(token.isUntouched)
  }

  /// A hold that is counted on a line becomes exclusive where it is the only one.
  @Test func anUpgradeFromALine() {
    let token = Token(readersPerCPU: true)
    token.acquireShared()
    let other = Sharer(token)
    #expect(!token.tryUpgrade() && token.sharers == 2 && token.word.bits == TokenWord.countsPerCPU)
    other.leave()
    #expect(token.tryUpgrade() && token.word.isExclusive && token.sharers == 0)
    Worker { #expect(token.tryWithShared { true } == nil) }.join()
    token.release()
    #expect(token.isUntouched)
    // Another that waits to have it comes first.
    token.acquireShared()
    let writer = Worker { token.withToken {} }
    #expect(eventually { token.word.isExclusive })
    #expect(!token.tryUpgrade() && token.sharers == 1)
    token.release()
    writer.join()
    #expect(token.isUntouched)
  }

  /// Let go while its thread blocks, and taken again in the word.
  @Test func aBlockingPointLetsItGo() {
    let token = Token(readersPerCPU: true)
    token.withShared {
      let generation = token.generation
      Token.blocking { Worker { token.withToken {} }.join() }
      #expect(token.generation != generation && token.lettings == 1)
      #expect(token.word.sharedCount == 1 && token.sharers == 1)
      Worker { #expect(!token.tryAcquire()) }.join()
    }
    #expect(token.isUntouched)
  }

  /// Two that share what the other wants: each lets go what it has while it waits.
  @Test func twoInOppositeOrders() {
    let a = Token("a", readersPerCPU: true)
    let b = Token("b", readersPerCPU: true)
    let guarded = [Guarded(), Guarded()]
    onThreads(4) { index in
      let (first, second, mine) = index % 2 == 0 ? (a, b, guarded[1]) : (b, a, guarded[0])
      for _ in 0..<20_000 { first.withShared { second.withToken { mine.value += 1 } } }
    }
    #expect(guarded.map(\.value) == [40_000, 40_000])
    #expect(a.isUntouched && b.isUntouched)
  }

  /// Entered on one CPU and left on another.
  @Test func aThreadMayMove() {
    let token = Token(readersPerCPU: true)
    Worker {
      let all = CurrentThread.pinnedCPUIDs
      for cpu in all {
        guard (try? CurrentThread.pin(pinnedCPUIDs: [cpu])) != nil else { continue }
        token.acquireShared()
        try? CurrentThread.pin(pinnedCPUIDs: all.filter { $0 != cpu })
        #expect(token.sharers == 1)
        token.release()
        #expect(token.isUntouched)
      }
    }.join()
    token.withToken {}
  }

  @Test func aValueCanBeReadSo() {
    let value = Serialized(1, readersPerCPU: true)
    let inside = Tally()
    onThreads(2) { _ in
      value.withShared {
        #expect($0 == 1)
        inside.add()
        #expect(eventually { inside.value == 2 }, "two threads read it at once")
      }
    }
    value.withValue { $0 += 1 }
    #expect(value.withShared { $0 } == 2)
  }

  @Test func theEndOfOneThatIsSharedStopsTheProcess() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let (state, _) = TokenMemory.make(name: "shared", bytes: 0, countsPerCPU: true)
      Requests.acquireShared(state)
      TokenMemory.end(state)
    }
    #expect(said(result.standardErrorContent).first?.contains("'shared'") == true)
  }
}
