// SPDX-License-Identifier: Apache-2.0
// The token as a program uses it. The hit paths are inlined from Tokens; all else is there. A token's memory is one
// line, and where it counts its sharers per CPU their lines; made and ended here.

import CAnax
import CAnaxTokens
import Machine
import Tokens

/// A lock that serializes threads while they run, and is let go while they block (DragonFly BSD's LWKT token).
///
/// Where a thread that holds tokens must wait, for another token, in ``blocking(_:)`` or in ``sleep()``, all its tokens
/// are let go, and all are taken again before it goes on. So tokens alone cannot deadlock, in whatever order they are
/// taken; and what a token guards may have changed after a blocking point: ``generation`` tells. A foreign lock, or a
/// blocking call that was not declared, inside a token can deadlock. Data that must not change in mid-access are
/// guarded by ``Serialized``.
///
/// ```swift
/// let table = Token("table")
/// table.withToken { entries[key] = value }
/// ```
///
/// A thread may ask again for a token that it holds; each request needs its release, in any order. At most 32 tokens at
/// once. A waiter spins as its ``SpinPolicy`` says and then sleeps. Newcomers may pass those who wait, but once per
/// `lwkt.token_fair` the one that has slept longest is served next.
///
/// Any thread. Not in signal handlers. A hold belongs to its thread, therefore closures are synchronous, and a token
/// cannot be held over `await`. A thread that ends while it holds a token stops the process with a message. In the
/// child of a fork the forking thread goes on holding what it held; what other threads held stays taken there, and
/// asking for it is an error that names it.
public final class Token: ExclusiveToken {
  @usableFromInline nonisolated(unsafe) let state: UnsafeMutablePointer<anax_token>

  /// Makes a token that nobody holds.
  ///
  /// - Parameters:
  ///   - name: For statistics and last words; need not be unique.
  ///   - policy: How its waiters spin; nil follows the process's tunables, whatever they are at the time.
  ///   - readersPerCPU: Threads that share the token are counted on a line of their CPU instead of in one place, so
  ///     that they do not slow each other down. For what is read nearly always: taking the token exclusively looks at
  ///     all lines and is slower, by a try as well; and the lines take 128 bytes for each CPU, rounded up to a power of
  ///     two, 64 at most.
  public init(_ name: String = "", policy: SpinPolicy? = nil, readersPerCPU: Bool = false) {
    TokenProfile.loadFromEnvironment()
    state = TokenMemory.make(name: name, bytes: 0, countsPerCPU: readersPerCPU).token
    if let policy { self.policy = policy }
  }

  deinit { TokenMemory.end(state) }

  /// As given; empty where none was.
  public var name: String { TokenMemory.name(state) }

  // MARK: Closures

  /// Runs the closure with the token held shared: other threads may hold it shared at the same time.
  ///
  /// Inside an exclusive hold of the same thread it is one more exclusive request.
  @inlinable
  public func withShared<Result: ~Copyable, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    acquireShared()
    defer { if !Requests.sharedReleaseHit(state) { release() } }
    return try body()
  }

  /// As ``ExclusiveToken/tryWithToken(_:)``, shared.
  @inlinable
  public func tryWithShared<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    guard tryAcquireShared() else { return nil }
    defer { release() }
    return try body()
  }

  // MARK: Requests and releases by hand

  /// Takes the token exclusively, waiting as long as it takes. Each request needs its ``release()`` on the same thread.
  @inlinable @inline(__always)
  public func acquire() { if !Requests.hit(state) { Marked.acquire(state, shared: false) } }

  /// Takes the token shared. Waits while another thread holds it exclusively, and while another waits for that, unless
  /// this thread holds the token already.
  @inlinable
  public func acquireShared() { if !Requests.sharedHit(state) { Marked.acquire(state, shared: true) } }

  /// Takes the token exclusively if that can be done at once. False also where this thread holds it shared.
  @inlinable
  public func tryAcquire() -> Bool { Requests.hit(state) || Requests.tryAcquire(state, shared: false) }

  /// Takes the token shared if that can be done at once.
  @inlinable
  public func tryAcquireShared() -> Bool { Requests.tryAcquire(state, shared: true) }

  /// Ends one request. Releases may come in any order. One that this thread did not make stops the process with a
  /// message.
  @inlinable @inline(__always)
  public func release() { if !Requests.releaseHit(state) { Requests.release(state) } }

  /// Takes the token exclusively, waiting for it no longer than `timeout`.
  ///
  /// - Returns: By how much the call ran past its deadline, because tokens that were let go meanwhile had to be taken
  ///   again.
  /// - Throws: ``TokenError/timedOut(overrun:)``: the token is not held, what was held before is.
  ///   ``TokenError/orphaned(_:)``.
  @discardableResult
  public func acquire(timeout: Duration) throws(TokenError) -> Duration {
    try request(shared: false, timeout)
  }

  /// As ``acquire(timeout:)``, shared.
  @discardableResult
  public func acquireShared(timeout: Duration) throws(TokenError) -> Duration {
    try request(shared: true, timeout)
  }

  private func request(shared: Bool, _ timeout: Duration) throws(TokenError) -> Duration {
    let deadline = TokenClock.deadline(after: timeout)
    let outcome = Marked.around(.request, state) { Requests.request(state, shared: shared, until: deadline) }
    let now = anax_clock()
    let overrun = Duration.nanoseconds(now > deadline ? Int64(now - deadline) : 0)
    switch outcome {
    case .taken: return overrun
    case .timedOut: throw .timedOut(overrun: overrun)
    case .orphaned: throw .orphaned(name)
    }
  }

  // MARK: Changes of mode

  /// The exclusive hold becomes shared, without a moment in between. The thread must have asked for the token just
  /// once.
  public func downgrade() { Requests.downgrade(state) }

  /// The shared hold becomes exclusive if no other thread shares it. False: it stays shared; waiting here could be for
  /// ever, since two sharers would wait for each other. Where readers are counted per CPU it is also false while
  /// another thread waits to have the token alone.
  public func tryUpgrade() -> Bool { Requests.tryUpgrade(state) }

  // MARK: Condition

  /// Lets all tokens of this thread go, sleeps until another thread calls ``wakeOne()`` or ``wakeAll()``, and takes all
  /// again. The thread must hold this token. May return for no reason: ask for what was waited for in a loop.
  public func sleep() { _ = sleep(until: .max) }

  /// As ``sleep()``, no longer than `timeout`. False: the time is up. Taking the tokens again may run past it.
  public func sleep(timeout: Duration) -> Bool {
    sleep(until: TokenClock.deadline(after: timeout))
  }

  private func sleep(until deadline: UInt64) -> Bool {
    Marked.around(.sleep, state) { BlockingPoints.sleep(state, until: deadline) }
  }

  /// Wakes the thread that has slept longest in ``sleep()`` of this token. One system call.
  public func wakeOne() { BlockingPoints.wake(state, count: 1) }

  /// Wakes all of them.
  public func wakeAll() { BlockingPoints.wake(state, count: Int(Int32.max)) }

  // MARK: What it tells

  /// A number that is another one when a thread other than this one has had the token in between: exclusively, or,
  /// where this thread takes it exclusively, in any way. Read it while the token is held, before and after a blocking
  /// point.
  public var generation: UInt64 { TokenMemory.generation(state) }

  /// Whether the calling thread holds the token, in either mode.
  public var isHeld: Bool { Hold.place(state, in: anax_token_thread()) >= 0 }

  /// How often this thread's hold was let go at blocking points since it was asked for; 0 where the thread does not
  /// hold it.
  public var lettings: Int { TokenMemory.lettings(state) }

  /// How waiters of this token spin; nil follows the process's tunables. One store: a waiter sees it when it next
  /// begins to spin.
  public var policy: SpinPolicy? {
    get { SpinPolicy(packed: TokenMemory.policy(state)) }
    set { TokenMemory.setPolicy(state, newValue?.packed ?? 0) }
  }

  /// What contention for this token has cost so far. Close while threads go on, exact when they stand still.
  public var statistics: TokenStatistics { TokenStatistics(ContentionCounters.read(state)) }

  /// What contention for all tokens of the process has cost so far, those that have ended included.
  public static var totalStatistics: TokenStatistics { TokenStatistics(ContentionCounters.read(nil)) }

  // MARK: Blocking

  /// Declares a blocking call: all tokens of this thread are let go while the closure runs, and taken again after it.
  ///
  /// The closure may ask for tokens, also for those that were let go, and must have released them at its end. Inside an
  /// open access to a ``Serialized`` value this stops the process with a message.
  public static func blocking<Result: ~Copyable, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let mark = Marked()
    var aside = BlockingPoints.SetAside()
    BlockingPoints.begin(&aside)
    defer {
      BlockingPoints.end(&aside)
      mark.end(.blocking, nil)
    }
    return try body()
  }

  /// The token of a thing that has none of its own, by the thing's address. Two things may have the same one; shared
  /// requests are therefore not offered. Never ends, so it may be asked for when its thing may be gone.
  public static func pool(for address: UnsafeRawPointer) -> PoolToken {
    TokenProfile.loadFromEnvironment()
    return PoolToken(state: PoolTokens.token(for: UInt(bitPattern: address)))
  }
}
