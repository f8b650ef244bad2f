// SPDX-License-Identifier: Apache-2.0
// Misuse of tokens stops the process: SIGABRT, and one line that names the tokens. Each case is a process of its own.

import Glibc
import Testing
import Tokens

@testable import Anax

/// What the process said when it was stopped.
private func lastWords(_ result: ExitTest.Result) -> String {
  let lines = said(result.standardErrorContent)
  if lines.count != 1 { Issue.record("\(lines.count) lines: \(lines)") }
  return lines.first ?? ""
}

@Suite struct StopTests {
  @Test func releaseOfOneNotHeld() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      Token("stranger").release()
    }
    #expect(lastWords(result) == "anax: release of token 'stranger', which this thread does not hold")
  }

  @Test func releaseOfAnothersToken() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let token = Token()
      token.acquire()
      Worker { token.release() }.join()
    }
    let words = lastWords(result)
    #expect(words.hasPrefix("anax: release of token 0x") && words.hasSuffix(", which this thread does not hold"))
  }

  /// Each says what was asked of the token.
  @Test func changesAndSleepOnOneNotHeld() async throws {
    let downgrade = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      Token("stranger").downgrade()
    }
    #expect(lastWords(downgrade) == "anax: downgrade of token 'stranger', which this thread does not hold")
    let upgrade = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      _ = Token("stranger").tryUpgrade()
    }
    #expect(lastWords(upgrade) == "anax: upgrade of token 'stranger', which this thread does not hold")
    let sleep = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      Token("stranger").sleep()
    }
    #expect(lastWords(sleep) == "anax: sleep on token 'stranger', which this thread does not hold")
  }

  @Test func exclusiveInsideShared() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let token = Token("both")
      token.withShared { token.withToken {} }
    }
    #expect(lastWords(result).hasPrefix("anax: exclusive request for token 'both', which this thread holds shared"))
  }

  @Test func downgradeOfANestedHold() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let token = Token("twice")
      token.acquire()
      token.acquire()
      token.downgrade()
    }
    #expect(
      lastWords(result) == "anax: downgrade of token 'twice', which this thread does not hold exclusively and once")
  }

  @Test func theThirtyThirdToken() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let tokens = (0...32).map { Token("number \($0)") }
      for token in tokens { token.acquire() }
    }
    #expect(
      lastWords(result)
        == "anax: request for token 'number 32': this thread already holds 32 tokens, the most that one may hold")
  }

  @Test func recursionIntoASerializedValue() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let value = Serialized(1, name: "self")
      value.withValue { _ in value.withValue { _ in } }
    }
    #expect(
      lastWords(result).hasPrefix("anax: request for token 'self' inside the open access to serialized value 'self'"))
  }

  @Test func anotherValueInsideAnAccess() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let outer = Serialized(1, name: "outer")
      let inner = Serialized(1, name: "inner")
      outer.withShared { _ in inner.withShared { _ in } }
    }
    #expect(
      lastWords(result).hasPrefix("anax: request for token 'inner' inside the open access to serialized value 'outer'"))
  }

  @Test func aTokenInsideAnAccess() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let value = Serialized(1, name: "value")
      let token = Token("token")
      token.withToken { value.withValue { _ in token.withToken {} } }
    }
    #expect(
      lastWords(result).hasPrefix("anax: request for token 'token' inside the open access to serialized value 'value'"))
  }

  @Test func blockingInsideAnAccess() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let value = Serialized(1, name: "value")
      value.withValue { _ in Token.blocking {} }
    }
    #expect(
      lastWords(result)
        == "anax: Token.blocking inside the open access to serialized value 'value', which may not be let go")
  }

  @Test func sleepInsideAnAccess() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let value = Serialized(1, name: "value")
      let token = Token("token")
      token.withToken { value.withValue { _ in token.sleep() } }
    }
    #expect(
      lastWords(result)
        == "anax: Token.sleep inside the open access to serialized value 'value', which may not be let go")
  }

  @Test func theSameValueTwice() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let value = Serialized(1, name: "one")
      withSerialized(value, value) { _, _ in }
    }
    #expect(lastWords(result) == "anax: serialized value 'one' is asked for twice in one withSerialized")
  }

  @Test func aThreadThatEndsWhileItHolds() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let first = Token("first")
      let second = Token("second")
      Worker {
        first.acquire()
        second.acquireShared()
      }.join()
    }
    let words = lastWords(result)
    #expect(words.hasPrefix("anax: thread ") && words.hasSuffix(" ended while it held tokens 'first', 'second'"))
  }

  @Test func aTokenThatEndsWhileItIsHeld() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      Token("brief").acquire()
    }
    #expect(lastWords(result) == "anax: token 'brief' ended while it was held or waited for")
  }

  @Test func aBlockingCallThatKeepsAToken() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let outer = Token("outer")
      let inner = Token("inner")
      outer.withToken { Token.blocking { inner.acquire() } }
    }
    #expect(
      lastWords(result)
        == "anax: Token.blocking ends while this thread holds token 'inner', asked for inside: release it there")
  }

  /// What a thread let go for a blocking call is not its to release there.
  @Test func releaseInsideABlockingCall() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let token = Token("outer")
      token.withToken { Token.blocking { token.release() } }
    }
    #expect(lastWords(result) == "anax: release of token 'outer', which this thread does not hold")
  }

  #if DEBUG
    @Test func exitWhileHolding() async throws {
      let result = try await #require(processExitsWith: .exitCode(3), observing: [\.standardErrorContent]) {
        let token = Token("open")
        token.acquire()
        exit(3)
      }
      #expect(lastWords(result) == "anax: the process exits while this thread holds token 'open'")
    }
  #endif
}
