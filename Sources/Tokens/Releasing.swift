// SPDX-License-Identifier: Apache-2.0
// Letting a token's word go, and waking whom that serves. After the change of the word its memory may belong to
// anything: what follows uses the address alone.

import CAnax
import CAnaxTokens
import LockFree

package enum Releasing {
  @_noLocks @_noAllocation
  static func letGo(_ token: TokenState, _ state: UInt64) {
    if anax_token_state().pointee.sanitized != 0 { anax_token_annotate_releasing(token, Hold.isShared(state)) }
    if Hold.isPerCPU(state) { Readers.leave(token) } else { letGo(token) }
  }

  /// What the word has of one holder.
  @_noLocks @_noAllocation
  static func letGo(_ token: TokenState) { change(token) { $0.released() } }

  /// The exclusive holder keeps it shared.
  @_noLocks @_noAllocation
  static func downgrade(_ token: TokenState) { change(token) { $0.downgraded() } }

  /// Changes the word as `body` says, and then wakes as it says.
  @inline(__always) @_noLocks @_noAllocation
  static func change(_ token: TokenState, _ body: (TokenWord) -> (word: TokenWord, wake: TokenWord.Wake)) {
    let word = AtomicWord(anax_token_word(token))
    let half = Futex.half(of: anax_token_word(token))
    var old = word.loadRelaxed()
    while true {
      let (new, wake) = body(TokenWord(old))
      if word.compareExchange(&old, new.bits) {
        Taking.expect(new, anax_token_thread())
        switch wake {
        case .nobody: break
        case .oneExclusive: Futex.wake(half, .exclusive, count: 1)
        case .oneInFront: if Futex.wake(half, .front, count: 1) == 0 { Futex.wake(half, .exclusive, count: 1) }
        case .whoseTurnItIs: Futex.wake(half, .turn, count: 1)
        case .allShared: Futex.wake(half, .shared, count: Int(Int32.max))
        }
        return
      }
    }
  }
}
