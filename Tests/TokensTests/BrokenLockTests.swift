// SPDX-License-Identifier: Apache-2.0
// Locks that are broken on purpose, while all who use them do so rightly: the torture must find each by what its
// sections see. The hook that tells of a wait runs in the waiter's critical section, with the token's address, and
// breaks the word there.

import CAnax
import CAnaxTokens
import Foundation
import LockFree
import Testing
import Tokens

@testable import Anax

/// What the lock does wrong, now and then, after a wait.
private enum Break: String, Codable {
  /// It forgets that it has been taken exclusively.
  case forgetsItsOwner
  /// It lets sharers in beside its owner.
  case admitsASharer

  /// The word as the broken lock has it; nil where there is nothing to break.
  func word(_ now: TokenWord) -> TokenWord? {
    switch self {
    case .forgetsItsOwner: now.isExclusive ? TokenWord(now.bits & ~(TokenWord.exclusive | TokenWord.holderMask)) : nil
    case .admitsASharer:
      now.isExclusive
        ? TokenWord(now.bits & ~(TokenWord.exclusive | TokenWord.holderMask) | TokenWord.shared | TokenWord.oneHolder)
        : nil
    }
  }

  func plant() {
    TokenContention.observe { contention in
      if anax_ticks() / 64 % 8 != 0 { return }
      let word = AtomicWord(
        anax_token_word(UnsafeMutablePointer<anax_token>(bitPattern: contention.identity)!))
      var old = word.loadRelaxed()
      while let broken = self.word(TokenWord(old)) {
        guard word.compareExchange(&old, broken.bits) else { continue }
        // Long enough for others to come, however many share a processor. Where nobody came the word is made whole
        // again, so that the run goes on and the fault is planted anew.
        usleep(100)
        var planted = broken.bits
        _ = word.compareExchange(&planted, old)
        return
      }
    }
  }
}

@Suite(.serialized) struct BrokenLockTests {
  /// Runs must come to fail by two sections that met. One that does not is followed by another: a word that is broken
  /// can also leave its threads asleep.
  @Test(arguments: [Break.forgetsItsOwner, .admitsASharer])
  private func exclusionIsChecked(_ fault: Break) async throws {
    var said: [String] = []
    let end = ContinuousClock.now + .seconds(120)
    while ContinuousClock.now < end {
      var plan = TortureTests.plan()
      plan.seconds = 4
      let result = try await #require(processExitsWith: .exitCode(9), observing: [\.standardErrorContent]) {
        [plan = plan as TorturePlan, fault = fault as Break] in
        fault.plant()
        Torture(plan).run()
        exit(9)
      }
      said.append(String(decoding: result.standardErrorContent, as: UTF8.self))
      if ["at once", "torn", "a writer beside a reader"].contains(where: { said.last!.contains($0) }) {
        return print("\(fault): found in run \(said.count)")
      }
    }
    Issue.record("no section met another in \(said.count) runs: \(said)")
  }
}
