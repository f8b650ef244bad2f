// SPDX-License-Identifier: Apache-2.0
// What a token refuses, and the clock of its deadlines.

import CAnax
import CAnaxTokens

/// Why a token was not taken.
public enum TokenError: Error, Hashable, Sendable {
  /// The time is up. What the thread held before it holds again; that took so long beyond the deadline.
  case timedOut(overrun: Duration)
  /// A thread that exists only in the parent of this process held the token when the process was forked: its data may
  /// be half changed, and nobody is left to release it. The token's name.
  case orphaned(String)
}

extension TokenError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .timedOut(let overrun): "the token could not be had in time (\(overrun) beyond the deadline)"
    case .orphaned(let name):
      "token '\(name)' was held by another thread when this process was forked: its data may be half changed"
    }
  }
}

enum TokenClock {
  /// Nanoseconds of the clock, `timeout` from now; what is past is now.
  static func deadline(after timeout: Duration) -> UInt64 {
    let now = anax_clock()
    let (seconds, attoseconds) = timeout.components
    if seconds < 0 || attoseconds < 0 { return now }
    if seconds > 1 << 32 { return .max }
    return now + UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
  }
}
