// SPDX-License-Identifier: Apache-2.0
// What contention costs, read; and the hook that sees each wait.

import CAnax
import CAnaxTokens
import Tokens

/// What contention for a token, or for all, has cost. A request that finds its token free counts nothing.
public struct TokenStatistics: Hashable, Sendable {
  /// Waits of a length: at least `from`, less than the next bucket's.
  public struct Bucket: Hashable, Sendable {
    public var from: Duration
    public var count: Int
  }

  /// Waits for a token that was found taken. A thread that holds others may wait several times for one request, also
  /// for those that it let go and takes again: each is a wait for its token.
  public var collisions: Int
  /// Of these, those that ended by spinning alone.
  public var spun: Int
  /// Of these, those whose deadline passed.
  public var expired: Int
  /// Sleeps; one request may sleep several times.
  public var parked: Int
  /// Waits that ended by the bound on fairness: served next.
  public var turns: Int
  /// Passes in which several tokens were tried and given back.
  public var passes: Int
  public var longestWait: Duration
  public var totalWait: Duration
  /// Waits by length; each bucket begins at twice the one before. Empty ones at both ends are left out.
  public var waits: [Bucket]

  init(_ counters: anax_token_statistics) {
    var counters = counters
    collisions = Int(counters.collisions)
    spun = Int(counters.spun)
    expired = Int(counters.expired)
    parked = Int(counters.parked)
    turns = Int(counters.turns)
    passes = Int(counters.passes)
    longestWait = Self.duration(ofTicks: counters.longest)
    totalWait = Self.duration(ofTicks: counters.total)
    let counts = withUnsafeMutablePointer(to: &counters) { counters in
      (0..<Int(ANAX_TOKEN_BUCKETS)).map { Int(anax_token_buckets(counters)[$0]) }
    }
    waits = []
    if let first = counts.firstIndex(where: { $0 > 0 }), let last = counts.lastIndex(where: { $0 > 0 }) {
      waits = (first...last).map { Bucket(from: Self.duration(ofTicks: 1 << UInt64($0)), count: counts[$0]) }
    }
  }

  static func duration(ofTicks ticks: UInt64) -> Duration {
    .nanoseconds(Int64(clamping: TokenEngine.nanoseconds(ofTicks: ticks)))
  }
}

/// One wait for a token, as the hook sees it.
public struct TokenContention: Sendable {
  /// The token's name; empty where it has none.
  public let name: String
  /// Tells tokens of one name apart; the token's address.
  public let identity: UInt
  public let wait: Duration
  /// Whether the thread slept; else spinning was enough.
  public let slept: Bool

  /// Return addresses of the waiter's stack, innermost first.
  public func backtrace(depth: Int = 32) -> [UInt] { Backtrace.here(depth: depth) }

  /// Has each wait for any token of the process reported, from now on, on the thread that waited, when it has the
  /// token. nil ends it.
  ///
  /// The closure runs inside the waiter's critical section and must not ask for tokens. Meant to be set once: the
  /// closure before may still be running elsewhere, and is never freed.
  public static func observe(_ hook: (@Sendable (TokenContention) -> Void)?) {
    guard let hook else {
      anax_token_set_hook(nil, nil)
      return
    }
    let box = Unmanaged.passRetained(Hook(hook))
    anax_token_set_hook(
      { context, token, ticks, slept in
        guard let context else { return }
        Unmanaged<Hook>.fromOpaque(context).takeUnretainedValue().body(
          TokenContention(
            name: TokenMemory.name(token), identity: UInt(bitPattern: token),
            wait: TokenStatistics.duration(ofTicks: ticks), slept: slept))
      }, box.toOpaque())
  }

  private final class Hook: Sendable {
    let body: @Sendable (TokenContention) -> Void
    init(_ body: @escaping @Sendable (TokenContention) -> Void) { self.body = body }
  }
}
