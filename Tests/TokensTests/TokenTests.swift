// SPDX-License-Identifier: Apache-2.0
// The token as a program uses it.

import Glibc
import Testing
import Tokens

@testable import Anax

private struct Failure: Error, Equatable {}

/// A value that cannot be copied.
private struct Unique: ~Copyable {
  let number: Int
}

@Suite struct TokenTests {
  @Test func closuresReturnThrowAndRelease() {
    let token = Token("door")
    #expect(token.name == "door" && Token().name == "")
    #expect(token.withToken { token.isHeld ? 5 : 0 } == 5)
    #expect(token.withShared { token.isHeld ? 6 : 0 } == 6)
    #expect(token.tryWithToken { 7 } == 7)
    #expect(token.tryWithShared { 8 } == 8)
    #expect(throws: Failure()) { try token.withToken { () throws(Failure) -> Void in throw Failure() } }
    #expect(throws: Failure()) { try token.withShared { () throws(Failure) -> Void in throw Failure() } }
    #expect(throws: Failure()) { try token.tryWithToken { () throws(Failure) -> Void in throw Failure() } }
    let unique = token.withToken { Unique(number: 9) }
    let number = unique.number
    #expect(number == 9)
    #expect(!token.isHeld && token.word.bits == 0)
  }

  @Test func nestsInOneThread() {
    let token = Token()
    token.withToken {
      token.withToken { token.withShared { #expect(token.isHeld && token.word.isExclusive) } }
      #expect(token.tryWithToken { 1 } == 1)
      #expect(token.tryWithShared { 1 } == 1)
      #expect(token.isHeld)
    }
    token.withShared {
      token.withShared { #expect(token.word.sharedCount == 1) }
      #expect(token.tryWithShared { 1 } == 1)
      // It would wait for itself.
      #expect(token.tryWithToken { 1 } == nil)
    }
    #expect(token.word.bits == 0)
  }

  @Test func releasesComeInAnyOrder() {
    let tokens = (0..<4).map { Token("\($0)") }
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]] {
      for token in tokens { token.acquire() }
      for (count, place) in order.enumerated() {
        tokens[place].release()
        #expect(tokens.filter(\.isHeld).count == 3 - count)
        #expect(!tokens[place].isHeld && tokens[place].word.bits == 0)
      }
    }
    withTokens(tokens[2], tokens[0], tokens[2]) { #expect(tokens[0].isHeld && tokens[2].isHeld && !tokens[1].isHeld) }
    #expect(tokens.allSatisfy { $0.word.bits == 0 })
  }

  @Test func thirtyTwoAtOnce() {
    let tokens = (0..<32).map { _ in Token() }
    for token in tokens { token.acquire() }
    #expect(tokens.allSatisfy { $0.isHeld })
    tokens[5].acquire()
    tokens[5].release()
    for token in tokens { token.release() }
    #expect(tokens.allSatisfy { !$0.isHeld })
  }

  @Test(arguments: [false, true]) func triesFailWhileOthersHold(perCPU: Bool) {
    let token = Token(readersPerCPU: perCPU)
    token.withToken {
      Worker {
        #expect(!token.tryAcquire() && !token.tryAcquireShared() && token.tryWithToken { 1 } == nil)
        #expect(token.tryWithShared { 1 } == nil && !token.isHeld)
      }.join()
    }
    token.withShared {
      Worker {
        #expect(!token.tryAcquire())
        #expect(token.tryAcquireShared())
        #expect(token.sharers == 2)
        token.release()
      }.join()
    }
    #expect(token.isUntouched)
  }

  @Test(arguments: [false, true]) func downgradeAndUpgrade(perCPU: Bool) {
    let token = Token(readersPerCPU: perCPU)
    token.acquire()
    token.downgrade()
    #expect(token.sharers == 1 && !token.word.isExclusive && token.isHeld)
    Worker { #expect(token.tryWithShared { !token.tryUpgrade() } == true) }.join()
    #expect(token.tryUpgrade() && token.word.isExclusive && token.sharers == 0)
    // It is exclusive already.
    #expect(token.tryUpgrade())
    token.release()
    #expect(token.isUntouched)
  }

  /// Sharers that sleep go on when the holder downgrades.
  @Test(arguments: [false, true]) func downgradeWakesSharers(perCPU: Bool) {
    let token = Token(policy: .fixed(tries: 0), readersPerCPU: perCPU)
    token.acquire()
    let entered = Tally()
    let sharer = Worker { token.withShared { entered.add() } }
    #expect(eventually { token.statistics.parked > 0 })
    token.downgrade()
    #expect(eventually { entered.value == 1 })
    sharer.join()
    token.release()
    #expect(token.isUntouched)
  }

  @Test(arguments: [false, true]) func excludesAndShares(perCPU: Bool) {
    let token = Token(readersPerCPU: perCPU)
    let guarded = Guarded()
    onThreads(4) { index in
      for round in 0..<20_000 {
        if index == 3, round % 4 == 0 {
          token.withShared { _ = guarded.value }
        } else {
          token.withToken { guarded.value += 1 }
        }
      }
    }
    #expect(guarded.value == 3 * 20_000 + 15_000)
    #expect(token.isUntouched)
    let inside = Tally()
    let both = Token(readersPerCPU: perCPU)
    onThreads(2) { _ in
      both.withShared {
        inside.add()
        #expect(eventually { inside.value == 2 }, "two threads hold it shared at once")
      }
    }
  }

  @Test func twoTokensInOppositeOrders() {
    let a = Token("a")
    let b = Token("b")
    let guarded = Guarded()
    onThreads(2) { index in
      let (first, second) = index == 0 ? (a, b) : (b, a)
      for _ in 0..<500_000 {
        first.withToken { second.withToken { guarded.value += 1 } }
      }
    }
    #expect(guarded.value == 1_000_000)
    #expect(a.word.bits == 0 && b.word.bits == 0)
  }

  @Test func aTokenIsLetGoWhileItsThreadWaitsForAnother() {
    let held = Token("held")
    let wanted = Token("wanted")
    wanted.acquire()
    let took = Tally()
    let worker = Worker {
      held.withToken {
        let generation = held.generation
        #expect(held.lettings == 0)
        wanted.withToken { #expect(held.isHeld && wanted.isHeld) }
        #expect(held.lettings == 1)
        #expect(held.generation != generation, "another thread had it")
        took.add()
      }
    }
    #expect(eventually { wanted.word.waiting == 1 })
    held.withToken { #expect(took.value == 0) }
    wanted.release()
    worker.join()
    #expect(took.value == 1 && held.word.bits == 0 && wanted.word.bits == 0)
  }

  @Test(arguments: [false, true]) func generationTellsWhetherOthersHadIt(perCPU: Bool) {
    let token = Token(readersPerCPU: perCPU)
    token.acquire()
    var seen = token.generation
    Token.blocking {}
    #expect(token.generation == seen && token.lettings == 1)
    Token.blocking { Worker { token.withToken {} }.join() }
    #expect(token.generation != seen && token.lettings == 2)
    seen = token.generation
    // To one that takes it exclusively a sharer counts too.
    Token.blocking { Worker { token.withShared {} }.join() }
    #expect(token.generation != seen)
    token.release()
    token.acquireShared()
    seen = token.generation
    Token.blocking { Worker { token.withShared {} }.join() }
    #expect(token.generation == seen)
    Token.blocking { Worker { token.withToken {} }.join() }
    #expect(token.generation != seen)
    token.release()
    #expect(token.lettings == 0)
  }

  /// What only this thread did with the token is no other thread's doing.
  @Test(arguments: [false, true]) func changesOfModeAloneLeaveTheGeneration(perCPU: Bool) {
    let token = Token(readersPerCPU: perCPU)
    token.acquire()
    let seen = token.generation
    token.downgrade()
    #expect(token.tryUpgrade() && token.generation == seen)
    token.release()
    token.withShared { token.withShared {} }
    token.withToken { #expect(token.generation == seen) }
    token.acquire()
    token.downgrade()
    Worker { token.withShared {} }.join()
    #expect(token.tryUpgrade() && token.generation != seen, "another shared it in between")
    token.release()
  }

  @Test func blockingLetsAllGoAndTakesAllAgain() {
    let a = Token("a")
    let b = Token("b")
    a.withToken {
      b.withShared {
        let result = Token.blocking {
          #expect(!a.isHeld && !b.isHeld && a.word.bits == 0 && b.word.bits == 0)
          Worker { withTokens(a, b) {} }.join()
          return 3
        }
        #expect(result == 3 && a.isHeld && b.isHeld && a.word.isExclusive && b.word.sharedCount == 1)
        #expect(throws: Failure()) { try Token.blocking { () throws(Failure) -> Void in throw Failure() } }
        #expect(a.isHeld && b.isHeld)
      }
    }
    #expect(Token.blocking { 4 } == 4)
    #expect(a.word.bits == 0 && b.word.bits == 0)
  }

  /// What a blocking call runs may use tokens, also these, and block.
  @Test func blockingNests() {
    let a = Token("a")
    let b = Token("b", policy: .fixed(tries: 0))
    a.withToken {
      Token.blocking {
        let holder = Worker {
          a.withToken {
            Token.blocking {}
            b.acquire()
            #expect(eventually { b.word.waiting == 1 })
            b.release()
            #expect(a.isHeld && a.word.isExclusive)
          }
        }
        Token.blocking { #expect(eventually { b.word.isExclusive }) }
        // Waits, and must not let go what it does not hold.
        b.withToken { a.withToken { Token.blocking {} } }
        holder.join()
        #expect(!a.isHeld && a.word.bits == 0)
      }
      #expect(a.isHeld && a.lettings == 1)
    }
    #expect(a.word.bits == 0 && b.word.bits == 0)
  }

  @Test func poolTokensAreFoundByAddress() {
    let things = UnsafeMutableRawPointer.allocate(byteCount: 1 << 20, alignment: 64)
    defer { things.deallocate() }
    var found: Set<UnsafeMutableRawPointer> = []
    for offset in stride(from: 0, to: 1 << 20, by: 64) {
      let token = Token.pool(for: things + offset)
      #expect(token.state == Token.pool(for: things + offset).state)
      found.insert(UnsafeMutableRawPointer(token.state))
    }
    #expect(found.count > 3000, "16384 things spread over 4096 tokens")
    for address in [0, 1, 4096, Int(UInt.max >> 1), -16].compactMap({ UnsafeRawPointer(bitPattern: $0) }) {
      Token.pool(for: address).withToken {}
    }
    let token = Token.pool(for: things)
    let guarded = Guarded()
    onThreads(2) { _ in
      for _ in 0..<20_000 { token.withToken { token.withToken { guarded.value += 1 } } }
    }
    #expect(guarded.value == 40_000)
    #expect(token.tryAcquire())
    Worker { #expect(!token.tryAcquire()) }.join()
    token.release()
  }
}
