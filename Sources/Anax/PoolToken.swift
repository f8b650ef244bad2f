// SPDX-License-Identifier: Apache-2.0
// The token of a thing that has none of its own.

import CAnax
import CAnaxTokens
import Tokens

/// A token that belongs to whatever lies at an address: see ``Token/pool(for:)``.
///
/// Things at other addresses may have the same token: what is told of it and set on it (``policy``, ``statistics``) is
/// theirs too.
public struct PoolToken: ExclusiveToken, @unchecked Sendable {
  @usableFromInline let state: UnsafeMutablePointer<anax_token>

  @inlinable @inline(__always)
  public func acquire() { if !Requests.hit(state) { Marked.acquire(state, shared: false) } }

  @inlinable
  public func tryAcquire() -> Bool { Requests.hit(state) || Requests.tryAcquire(state, shared: false) }

  @inlinable @inline(__always)
  public func release() { if !Requests.releaseHit(state) { Requests.release(state) } }

  /// How waiters of this token spin, as ``Token/policy``, for all things that have it.
  public var policy: SpinPolicy? {
    get { SpinPolicy(packed: TokenMemory.policy(state)) }
    nonmutating set { TokenMemory.setPolicy(state, newValue?.packed ?? 0) }
  }

  /// What contention for this token has cost so far, for all things that have it.
  public var statistics: TokenStatistics { TokenStatistics(ContentionCounters.read(state)) }
}
