// SPDX-License-Identifier: Apache-2.0
// Several tokens and several values at once, of both kinds and in any number; and policies that change while they are
// used.

import Foundation
import Testing
import Tokens

@testable import Anax

@Suite struct SeveralTests {
  /// What is generic over both kinds takes both.
  private func isFree(_ token: some ExclusiveToken) -> Bool { token.tryWithToken { true } ?? false }

  @Test func poolTokensStandBesideTokens() {
    let thing = UnsafeMutableRawPointer.allocate(byteCount: 8, alignment: 8)
    defer { thing.deallocate() }
    let pool = Token.pool(for: thing)
    let first = Token("first")
    let second = Token("second")
    let result = withTokens(first, pool, second, first) {
      var free = [true]
      Worker { [first, second] in
        #expect(!isFree(first) && !isFree(pool) && !isFree(second))
      }.join()
      free.append(first.isHeld && second.isHeld)
      return free == [true, true]
    }
    #expect(result)
    #expect(isFree(first) && isFree(pool) && isFree(second))
    #expect(first.word.bits == 0 && second.word.bits == 0)
    #expect(withTokens { 7 } == 7)
  }

  /// In every order, with pool tokens among them: no deadlock, no lost addition, all released also by an error.
  @Test func anyOrderFromAnyThread() {
    struct Failure: Error {}
    let a = Token("a")
    let b = Token("b")
    let guarded = Guarded()
    let pool = Token.pool(for: UnsafeRawPointer(bitPattern: 0x5000)!)
    let failures = Tally()
    onThreads(4) { index in
      for round in 0..<3000 {
        switch index {
        case 0: withTokens(a, b, pool) { guarded.value += 1 }
        case 1: withTokens(pool, b, a) { guarded.value += 1 }
        case 2: withTokens(b, pool, a) { guarded.value += 1 }
        default:
          do throws(Failure) {
            try withTokens(b, a, pool) { () throws(Failure) in
              guarded.value += 1
              if round % 2 == 0 { throw Failure() }
            }
          } catch { failures.add() }
        }
      }
    }
    #expect(guarded.value == 12_000 && failures.value == 1500)
    #expect(a.word.bits == 0 && b.word.bits == 0 && isFree(pool))
  }

  @Test func eightAtOnce() {
    let tokens = (0..<8).map { Token("\($0)") }
    withTokens(tokens[0], tokens[1], tokens[2], tokens[3], tokens[4], tokens[5], tokens[6], tokens[7]) {
      let held = tokens.allSatisfy { $0.isHeld }
      #expect(held)
    }
    #expect(tokens.allSatisfy { $0.word.bits == 0 })
  }

  @Test func upToSixValues() {
    let a = Serialized(1)
    let b = Serialized("b")
    let c = Serialized([3])
    let d = Serialized(4.0)
    let e = Serialized(5)
    let f = Serialized(6)
    withSerialized(a, b, c, d) { a, b, c, d in
      a += 1
      b += "!"
      c.append(a)
      d += 1
    }
    let sum = withSerialized(a, b, c, d, e) { a, b, c, d, e in
      e += 1
      return a + b.count + c.count + Int(d) + e
    }
    #expect(sum == 2 + 2 + 2 + 5 + 6)
    onThreads(3) { index in
      for _ in 0..<2000 {
        switch index {
        case 0:
          withSerialized(a, b, c, d, e, f) { a, _, _, _, e, f in
            a += 1
            e += 1
            f -= 2
          }
        case 1:
          withSerialized(f, e, d, c, b, a) { f, e, _, _, _, a in
            a += 1
            e += 1
            f -= 2
          }
        default: withSerialized(e, a, f) { #expect($0 + $1 + $2 == 2 + 6 + 6) }
        }
      }
    }
    let values: [Int] = withSerialized(a, e, f) { [$0, $1, $2] }
    #expect(values == [4002, 4006, 6 - 8000])
  }

  // MARK: Policies

  @Test func policiesOfValuesAndPoolTokensAreLive() {
    let value = Serialized(0, policy: .dragonfly2011)
    #expect(value.policy == .dragonfly2011)
    value.policy = .exponential2018
    #expect(value.policy == .exponential2018)
    let pool = Token.pool(for: UnsafeRawPointer(bitPattern: 0x7770)!)
    #expect(pool.policy == nil)
    pool.policy = .fixed(tries: 9, delay: 3)
    #expect(Token.pool(for: UnsafeRawPointer(bitPattern: 0x7770)!).policy == .fixed(tries: 9, delay: 3))
    pool.policy = nil
    #expect(pool.policy == nil)
  }

  /// What it is set to is what a waiter does: without tries it sleeps, with very many it gets it by spinning. In a
  /// process where no other test spins: those whose tokens share a line share its limit of spinners.
  @Test func aValuesPolicyDecidesHowItIsWaitedFor() async {
    await #expect(processExitsWith: .success) {
      let value = Serialized(0)
      func wait(_ hold: @escaping @Sendable () -> Void) {
        let has = Tally()
        let holder = Worker {
          value.withValue { _ in
            has.add()
            hold()
          }
        }
        #expect(eventually { has.value == 1 })
        value.withValue { _ in }
        holder.join()
      }
      value.policy = .fixed(tries: 0)
      for parked in 1...3 { wait { #expect(eventually { value.statistics.parked >= parked }) } }
      #expect(value.statistics.parked >= 3 && value.statistics.spun == 0)
      guard SpinPolicy.canSpin else { return }
      let parked = value.statistics.parked
      value.policy = .fixed(tries: 1_000_000, delay: 1000)
      // On a busy machine the holder may be gone before the waiter comes: then once more.
      var waits = 0
      while waits < 200, value.statistics.spun == 0 {
        wait { usleep(3000) }
        waits += 1
      }
      #expect(value.statistics.spun >= 1 && value.statistics.parked < parked + waits)
    }
  }

  @Test func policiesChangeWhileValuesAreWaitedFor() {
    let value = Serialized(0)
    let pool = Token.pool(for: UnsafeRawPointer(bitPattern: 0x9990)!)
    let guarded = Guarded()
    let policies: [SpinPolicy?] = [nil, .dragonfly2011, .exponential2018, .fixed(tries: 0)]
    onThreads(5) { index in
      for round in 0..<3000 {
        if index == 0 {
          value.policy = policies[round % 4]
          pool.policy = policies[(round + 1) % 4]
        } else {
          value.withValue { $0 += 1 }
          pool.withToken { guarded.value += 1 }
        }
      }
    }
    #expect(value.withValue { $0 } == 12_000 && guarded.value == 12_000)
  }
}

extension SpinPolicy {
  /// Whether anybody spins here: with less than two processors' worth of time nobody does.
  static var canSpin: Bool { sysconf(Int32(_SC_NPROCESSORS_ONLN)) > 1 }
}

// MARK: The end of a value

/// Says that it ends.
private struct Spoken: ~Copyable {
  let text: String
  deinit { FileHandle.standardError.write(Data("\(text) ends\n".utf8)) }
}

@Suite struct ValueEndTests {
  /// An access is open: the process stops before the value is destroyed under it.
  @Test func aValueDoesNotEndUnderAnAccess() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      nonisolated(unsafe) let place = UnsafeMutablePointer<Serialized<Spoken>>.allocate(capacity: 1)
      place.initialize(to: Serialized(Spoken(text: "value"), name: "account"))
      place.pointee.withValue { _ in _ = place.deinitialize(count: 1) }
    }
    let words = String(decoding: result.standardErrorContent, as: UTF8.self)
    #expect(words.contains("anax: token 'account' ended while it was held or waited for"))
    #expect(!words.contains("value ends"))
  }

  @Test func aValueEndsWithWhatHoldsIt() async throws {
    let result = try await #require(processExitsWith: .success, observing: [\.standardErrorContent]) {
      let value = Serialized(Spoken(text: "value"))
      value.withValue { #expect($0.text == "value") }
    }
    #expect(String(decoding: result.standardErrorContent, as: UTF8.self).contains("value ends"))
  }
}
