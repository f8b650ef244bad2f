// SPDX-License-Identifier: Apache-2.0
// How many threads spin at a token for longer than a few tries: a count in one of 64 lines of their own, chosen by the
// token's address, so that neither the token's line nor short waits pay for it. Any waiter, for itself. Two tokens of
// one line share the limit.
//
// | transition | by | order |
// |---|---|---|
// | count + 1, where it was below the limit | a spinner, before its fifth try | relaxed |
// | count + 1, − 1, where it was not | a spinner, which then sleeps | relaxed |
// | count − 1 | who was counted, when it has the token or sleeps | relaxed |
// | → 0 | the child of a fork, where nobody spins | relaxed |
// The count orders nothing and decides only who spins on.

import CAnax
import CAnaxTokens
import LockFree

enum Spinners {
  /// So many at most spin at a token beyond their first tries.
  static var limit: UInt64 { @_noLocks @_noAllocation get { 8 } }
  /// Tries that are nobody's business.
  static var free: UInt64 { @_noLocks @_noAllocation get { 4 } }

  /// Whether the caller may spin on; if so, it is counted until `leave`.
  @_noLocks @_noAllocation
  static func enter(_ token: TokenState) -> Bool {
    let count = AtomicWord(anax_token_spinners(token))
    if count.loadRelaxed() >= limit { return false }
    if count.add(1) < limit { return true }
    count.subtract(1)
    return false
  }

  @_noLocks @_noAllocation
  static func leave(_ token: TokenState) { AtomicWord(anax_token_spinners(token)).subtract(1) }

  /// In the child of a fork.
  @_noLocks @_noAllocation
  static func reset() {
    var line = 0
    while line < Int(ANAX_TOKEN_SPINNER_LINES) {
      AtomicWord(anax_token_spinner_line(line)).storeRelaxed(0)
      line += 1
    }
  }
}
