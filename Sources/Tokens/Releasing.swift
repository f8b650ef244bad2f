// SPDX-License-Identifier: Apache-2.0
// Letting a token's word go, and waking whom that serves. After the change of the word its memory may belong to anything: what
// follows uses the address alone.

import CAnax
import CAnaxTokens
import LockFree

package enum Releasing {
  @_noLocks @_noAllocation
  static func letGo(_ token: TokenState, shared: Bool) {
    if anax_token_state().pointee.sanitized != 0 { anax_token_annotate_releasing(token, shared) }
    if shared { sharedOne(token) } else { exclusive(token) }
  }

  @_noLocks @_noAllocation
  static func exclusive(_ token: TokenState) {
    let word = AtomicWord(anax_token_word(token))
    let half = Futex.half(of: token)
    var old = word.loadRelaxed()
    while true {
      let (new, wake) = TokenWord(old).released()
      if word.compareExchange(&old, new.bits) {
        perform(wake, half)
        return
      }
    }
  }

  /// The count goes down by one subtraction: a loop would be long where many readers come and go.
  @_noLocks @_noAllocation
  static func sharedOne(_ token: TokenState) {
    let half = Futex.half(of: token)
    let left = TokenWord(
      anax_fetch_subtract_release(anax_token_word(token), TokenWord.oneShared) &- TokenWord.oneShared)
    if left.isFree && left.bits != 0 { perform(left.settled().wake, half) }
  }

  /// The exclusive holder keeps it shared.
  @_noLocks @_noAllocation
  static func downgrade(_ token: TokenState) {
    let word = AtomicWord(anax_token_word(token))
    let half = Futex.half(of: token)
    var old = word.loadRelaxed()
    while true {
      let kept = TokenWord(old & ~(TokenWord.exclusive | TokenWord.ownerMask) &+ TokenWord.oneShared)
      let (new, wake) = kept.settled()
      if word.compareExchange(&old, new.bits) {
        perform(wake, half)
        return
      }
    }
  }

  @inline(__always) @_noLocks @_noAllocation
  static func perform(_ wake: TokenWord.Wake, _ half: UnsafeMutablePointer<UInt32>) {
    switch wake {
    case .nobody: break
    case .oneExclusive: Futex.wake(half, .exclusive, count: 1)
    case .allShared: Futex.wake(half, .shared, count: Int(Int32.max))
    }
  }
}
