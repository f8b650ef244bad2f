// SPDX-License-Identifier: Apache-2.0
// What tokens of both kinds have in common, and taking several.

/// What can be held by one thread at a time: a ``Token``, or a ``PoolToken``.
///
/// Any thread. Not in signal handlers. Each request needs its release on the same thread.
public protocol ExclusiveToken: Sendable {
  /// Takes the token exclusively, waiting as long as it takes.
  func acquire()

  /// Takes the token exclusively if that can be done at once. Never lets a token go.
  func tryAcquire() -> Bool

  /// Ends one request. Releases may come in any order. One that this thread did not make stops the process with a
  /// message.
  func release()
}

extension ExclusiveToken {
  /// Runs the closure with the token held exclusively.
  ///
  /// Two atomic instructions where nobody waits. Else the calling thread spins, sleeps, and may let go and take again
  /// the other tokens that it holds.
  @inlinable @inline(__always)
  public func withToken<Result: ~Copyable, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    acquire()
    defer { release() }
    return try body()
  }

  /// Runs the closure with the token held exclusively if that can be had at once; else returns nil. Never lets a token
  /// go.
  @inlinable
  public func tryWithToken<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    guard tryAcquire() else { return nil }
    defer { release() }
    return try body()
  }
}

/// Runs the closure with all of the tokens held exclusively. They may be given in any order, and one of them twice;
/// pool tokens may stand among them.
///
/// Where one cannot be had at once, all are let go while the thread waits for it: nobody waits with a token in hand,
/// but in the order of addresses, which it comes to after `lwkt.spin_loops` passes. At most 32 tokens, with those that
/// the thread already holds.
@inlinable
public func withTokens<each Held: ExclusiveToken, Result: ~Copyable, Failure: Error>(
  _ tokens: repeat each Held, body: () throws(Failure) -> Result
) throws(Failure) -> Result {
  repeat (each tokens).acquire()
  defer { repeat (each tokens).release() }
  return try body()
}

// Two, three and four are let go from the last to the first: that is the shortest way, which a pack cannot be walked
// in.

/// The same for two tokens.
@inlinable
public func withTokens<First: ExclusiveToken, Second: ExclusiveToken, Result: ~Copyable, Failure: Error>(
  _ first: First, _ second: Second, body: () throws(Failure) -> Result
) throws(Failure) -> Result {
  first.acquire()
  second.acquire()
  defer {
    second.release()
    first.release()
  }
  return try body()
}

/// The same for three tokens.
@inlinable
public func withTokens<
  First: ExclusiveToken, Second: ExclusiveToken, Third: ExclusiveToken, Result: ~Copyable, Failure: Error
>(
  _ first: First, _ second: Second, _ third: Third, body: () throws(Failure) -> Result
) throws(Failure) -> Result {
  first.acquire()
  second.acquire()
  third.acquire()
  defer {
    third.release()
    second.release()
    first.release()
  }
  return try body()
}

/// The same for four tokens.
@inlinable
public func withTokens<
  First: ExclusiveToken, Second: ExclusiveToken, Third: ExclusiveToken, Fourth: ExclusiveToken,
  Result: ~Copyable, Failure: Error
>(
  _ first: First, _ second: Second, _ third: Third, _ fourth: Fourth, body: () throws(Failure) -> Result
) throws(Failure) -> Result {
  first.acquire()
  second.acquire()
  third.acquire()
  fourth.acquire()
  defer {
    fourth.release()
    third.release()
    second.release()
    first.release()
  }
  return try body()
}
