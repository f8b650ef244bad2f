// SPDX-License-Identifier: Apache-2.0
// Tokens for things that have none of their own, found by the thing's address (lwkt_getpooltoken). Static and never
// freed, so that a token may be asked for when its thing may be gone. A line each. Two things may have the same token:
// exclusive requests are then longer than need be, never wrong, since one thread's requests for one token nest. Shared
// requests are not offered: a shared hold by one thing's address and an exclusive request by another's would meet in
// one token and stop the thread.

import CAnax
import CAnaxTokens

package enum PoolTokens {
  /// The token of an address. Fibonacci hashing (Knuth, TAOCP 6.4) over the address without its low bits, which
  /// alignment fixes, and with its high ones folded in.
  @_noLocks @_noAllocation
  package static func token(for address: UInt) -> TokenState {
    let folded = UInt64(address) >> 4 ^ UInt64(address) >> 25
    let index = (folded &* 0x9e37_79b9_7f4a_7c15) >> (64 - 12)
    return anax_token_pool() + Int(index)
  }
}
