// SPDX-License-Identifier: Apache-2.0
// How many spin at a token for long: at most eight, and nobody is counted who has ended. Each in a process of its own:
// tokens share lines.

import CAnaxTokens
import LockFree
import Machine
import Testing

@testable import Anax
@testable import Tokens

@Suite(.serialized) struct SpinnersTests {
  @Test func eightMaySpin() async {
    await #expect(processExitsWith: .success) {
      let token = Token()
      for _ in 0..<8 { #expect(Spinners.enter(token.state)) }
      #expect(!Spinners.enter(token.state) && !Spinners.enter(token.state))
      Spinners.leave(token.state)
      #expect(Spinners.enter(token.state) && !Spinners.enter(token.state))
      for _ in 0..<8 { Spinners.leave(token.state) }
      #expect(count(token) == 0)
    }
  }

  /// The first tries are nobody's business; then one is counted, and a refused one tries no more.
  @Test func aSpinnerIsCountedAfterItsFirstTries() async {
    await #expect(processExitsWith: .success) {
      let token = Token(policy: .fixed(tries: 100))
      token.acquire()
      let word = AtomicWord(anax_token_word(token.state))
      var seen: UInt64 = 0
      var spin = Spin(token.state, ThreadRecord.current())
      guard spin.tries > 0 else { return }  // one processor
      for _ in 0..<4 {
        #expect(spin.wait(word, &seen) && count(token) == 0)
      }
      #expect(spin.wait(word, &seen) && count(token) == 1)
      #expect(spin.wait(word, &seen) && count(token) == 1)
      spin.end()
      spin.end()
      #expect(count(token) == 0 && !spin.wait(word, &seen))
      for _ in 0..<8 { #expect(Spinners.enter(token.state)) }
      spin = Spin(token.state, ThreadRecord.current())
      for _ in 0..<4 { #expect(spin.wait(word, &seen)) }
      #expect(!spin.wait(word, &seen) && count(token) == 8)
      Spinners.reset()
      token.release()
    }
  }

  /// Taken, given up, asleep: whoever is done with spinning is counted no more.
  @Test func nobodyStaysCounted() async {
    await #expect(processExitsWith: .success) {
      let token = Token(policy: .fixed(tries: 50, delay: 100))
      let other = Token()
      onThreads(6) { index in
        for round in 0..<2000 {
          if index == 0 {
            other.withToken { token.withToken {} }
          } else if round % 3 == 0 {
            if (try? token.acquire(timeout: .microseconds(5))) != nil { token.release() }
          } else if round % 3 == 1 {
            token.withShared {}
          } else {
            token.withToken {}
          }
        }
      }
      #expect(count(token) == 0)
    }
  }
}

private func count(_ token: Token) -> UInt64 { AtomicWord(anax_token_spinners(token.state)).loadRelaxed() }
