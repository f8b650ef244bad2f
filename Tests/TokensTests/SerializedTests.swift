// SPDX-License-Identifier: Apache-2.0
// Values guarded by a token.

import Glibc
import Testing
import Tokens

@testable import Anax

private struct Failure: Error, Equatable {}

private struct Account: ~Copyable {
  var balance: Int
  let closed: Tally
  deinit { closed.add() }
}

@Suite struct SerializedTests {
  @Test func valuesAreReached() {
    let value = Serialized([1, 2], name: "numbers")
    value.withValue { $0.append(3) }
    #expect(value.withShared { $0.count } == 3)
    #expect(value.tryWithValue { $0.removeFirst() } == 1)
    #expect(throws: Failure()) {
      try value.withValue { (numbers: inout sending [Int]) throws(Failure) -> Void in
        numbers.append(9)
        throw Failure()
      }
    }
    #expect(value.withValue { $0 } == [2, 3, 9])
    #expect(value.statistics.collisions == 0)
  }

  @Test func valuesThatCannotBeCopied() {
    let closed = Tally()
    do {
      let account = Serialized(Account(balance: 5, closed: closed))
      account.withValue { $0.balance += 1 }
      #expect(account.withValue { $0.balance } == 6 && closed.value == 0)
    }
    #expect(closed.value == 1, "the value ends with what holds it")
  }

  @Test func ofAnySizeAndAlignment() {
    struct Wide { var lanes = SIMD64<UInt8>(repeating: 7) }
    let wide = Serialized(Wide(), name: String(repeating: "n", count: 300))
    wide.withValue { value in
      value.lanes[3] = 1
      withUnsafeBytes(of: &value) { #expect(UInt(bitPattern: $0.baseAddress!) % 64 == 0) }
    }
    let empty = Serialized(())
    empty.withValue { _ in }
  }

  @Test func accessesExcludeEachOther() {
    let value = Serialized(0)
    onThreads(4) { index in
      for _ in 0..<20_000 {
        if index < 3 { value.withValue { $0 += 1 } } else { _ = value.withShared { $0 == 0 } }
      }
    }
    #expect(value.withValue { $0 } == 60_000)
  }

  @Test func triesInsideAnAccess() {
    let outer = Serialized(1)
    let inner = Serialized(2)
    let token = Token()
    outer.withValue { value in
      value += inner.tryWithValue { $0 } ?? 0
      // Not the same one, not one that is taken.
      #expect(outer.tryWithValue { $0 } == nil)
      #expect(token.tryWithToken { 1 } == 1 && token.tryWithShared { 1 } == 1)
      #expect(token.word.bits == 0)
    }
    #expect(outer.withValue { $0 } == 3)
    // The fast paths are open again.
    token.withToken { outer.withValue { $0 += 1 } }
    #expect(outer.withValue { $0 } == 4)
  }

  @Test func severalTogether() {
    let a = Serialized(100)
    let b = Serialized(100)
    let c = Serialized(100)
    onThreads(3) { index in
      for round in 0..<5000 {
        if index == 2 {
          withSerialized(c, a, b) { c, a, b in
            c -= 1
            a += 1
            #expect(a + b + c == 300)
          }
        } else if index == 0 {
          withSerialized(a, b) {
            $0 -= 1; $1 += 1
          }
        } else {
          withSerialized(b, a) {
            $0 -= 1; $1 += 1
          }
        }
        if round % 16 == 0 { a.withValue { _ in } }
      }
    }
    #expect(withSerialized(a, b, c) { $0 + $1 + $2 } == 300)
    #expect(c.withValue { $0 } == 100 - 5000)
  }

  /// Raw tokens may be let go for an access; the access is not.
  @Test func tokensAreLetGoWhileAnAccessIsWaitedFor() {
    let value = Serialized(0, policy: .fixed(tries: 0))
    let token = Token()
    let inside = Tally()
    let seen = Tally()
    let holder = Worker {
      value.withValue { value in
        inside.add()
        #expect(eventually { token.word.isExclusive })
        seen.add()
        #expect(eventually { !token.word.isExclusive }, "its holder waits for the value, and lets it go")
        value = 1
      }
    }
    #expect(eventually { inside.value == 1 })
    token.withToken {
      #expect(eventually { seen.value == 1 })
      #expect(value.withValue { $0 } == 1)
      #expect(token.isHeld && token.lettings == 1)
    }
    holder.join()
  }
}
