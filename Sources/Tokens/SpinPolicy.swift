// SPDX-License-Identifier: Apache-2.0
// How a waiter spins before it sleeps, as a value in one 64-bit word, so that a live change is one store.
//
// | bits | mean |
// |---|---|
// | 0...19 | tries |
// | 20...39 | nanoseconds between two tries; 0: one PAUSE |
// | 40...59 | nanoseconds that the wait between tries may grow to |
// | 60...61 | growth from try to try: 0 none, 1 by half, 2 doubled |
// | 63 | set; a word of 0 follows the process's tunables |

import CAnax
import CAnaxTokens
import LockFree
import Machine

package struct PackedPolicy: Equatable {
  package var word: UInt64

  @_noLocks @_noAllocation
  package init(word: UInt64) { self.word = word }

  @_noLocks @_noAllocation
  package init(tries: UInt64, delay: UInt64, longest: UInt64, growth: UInt64) {
    word = 1 << 63 | growth << 60 | longest << 40 | delay << 20 | tries
  }

  /// What the tunables say now.
  @_noLocks @_noAllocation
  package static func process() -> PackedPolicy {
    PackedPolicy(
      tries: UInt64(Tunable.tokenSpin.value), delay: UInt64(Tunable.tokenDelay.value),
      longest: UInt64(Tunable.tokenDelayMax.value), growth: UInt64(Tunable.tokenBackoff.value))
  }

  /// The token's own, else the process's.
  @_noLocks @_noAllocation
  static func inForce(_ token: TokenState) -> PackedPolicy {
    let own = AtomicWord(anax_token_policy(token)).loadRelaxed()
    return own == 0 ? process() : PackedPolicy(word: own)
  }

  package var tries: UInt64 { @_noLocks @_noAllocation get { word & 0xf_ffff } }
  package var delay: UInt64 { @_noLocks @_noAllocation get { word >> 20 & 0xf_ffff } }
  package var longest: UInt64 { @_noLocks @_noAllocation get { word >> 40 & 0xf_ffff } }
  package var growth: UInt64 { @_noLocks @_noAllocation get { word >> 60 & 3 } }
}
