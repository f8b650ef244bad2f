// SPDX-License-Identifier: Apache-2.0
// A value and the token that guards it, in one piece of memory.

import CAnax
import CAnaxTokens
import Tokens

/// A value that one thread at a time may reach, in the manner of `Mutex`, guarded by a token that is never let go in mid-access.
///
/// ```swift
/// let sessions = Serialized<[Int: Session]>([:], name: "sessions")
/// sessions.withValue { $0[id] = session }
/// ```
///
/// While an access is open, whatever could make its thread wait stops the process with a message that names both: another access, also
/// to the same value, a request for a ``Token``, ``Token/blocking(_:)``. What only tries is allowed. Several values are taken
/// together, before the closure: ``withSerialized(_:_:_:)``.
///
/// Any thread; not in signal handlers; closures are synchronous. Two atomic instructions where nobody waits.
public struct Serialized<Value: ~Copyable>: ~Copyable {
  @usableFromInline let state: UnsafeMutablePointer<anax_token>
  @usableFromInline let value: UnsafeMutablePointer<Value>

  /// Moves the value in.
  ///
  /// - Parameters:
  ///   - value: What the token guards from now on.
  ///   - name: For statistics and last words.
  ///   - policy: How waiters spin; nil follows the process's tunables.
  public init(_ value: consuming sending Value, name: String = "", policy: SpinPolicy? = nil) {
    TokenProfile.loadFromEnvironment()
    let memory = TokenMemory.make(
      name: name, bytes: MemoryLayout<Value>.size, alignment: MemoryLayout<Value>.alignment)
    state = memory.token
    self.value = memory.body.bindMemory(to: Value.self, capacity: 1)
    self.value.initialize(to: value)
    if let policy { TokenMemory.setPolicy(state, policy.packed) }
  }

  deinit {
    value.deinitialize(count: 1)
    TokenMemory.end(state)
  }

  /// Runs the closure with the value, alone.
  @inlinable @inline(__always)
  public borrowing func withValue<Result: ~Copyable, Failure: Error>(
    _ body: (inout sending Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result {
    if !Requests.openHit(state) { Requests.open(state, shared: false) }
    defer { if !Requests.closeHit(state) { Requests.close(state) } }
    return try body(&value.pointee)
  }

  /// Runs the closure with the value if that can be had at once; else returns nil. Allowed inside another access.
  @inlinable
  public borrowing func tryWithValue<Result: ~Copyable, Failure: Error>(
    _ body: (inout sending Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result? {
    guard Requests.tryOpen(state) else { return nil }
    defer { Requests.close(state) }
    return try body(&value.pointee)
  }

  /// What contention for this value has cost so far.
  public var statistics: TokenStatistics { TokenStatistics(ContentionCounters.read(state)) }
}

extension Serialized where Value: ~Copyable & Sendable {
  /// Runs the closure with the value unchanged; other threads may read it at the same time.
  @inlinable
  public borrowing func withShared<Result: ~Copyable, Failure: Error>(
    _ body: (borrowing Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result {
    Requests.open(state, shared: true)
    defer { Requests.close(state) }
    return try body(value.pointee)
  }
}

extension Serialized: @unchecked Sendable where Value: ~Copyable {}

/// Runs the closure with both values, alone. They may be given in any order by different threads; the same one twice stops the
/// process with a message.
public func withSerialized<First: ~Copyable, Second: ~Copyable, Result: ~Copyable, Failure: Error>(
  _ first: borrowing Serialized<First>, _ second: borrowing Serialized<Second>,
  _ body: (inout sending First, inout sending Second) throws(Failure) -> sending Result
) throws(Failure) -> sending Result {
  Requests.acquire(first.state)
  Requests.acquire(second.state)
  Requests.pin(first.state)
  Requests.pin(second.state)
  defer {
    Requests.close(second.state)
    Requests.close(first.state)
  }
  return try body(&first.value.pointee, &second.value.pointee)
}

/// Runs the closure with all three values, alone. See ``withSerialized(_:_:_:)``.
public func withSerialized<
  First: ~Copyable, Second: ~Copyable, Third: ~Copyable, Result: ~Copyable, Failure: Error
>(
  _ first: borrowing Serialized<First>, _ second: borrowing Serialized<Second>, _ third: borrowing Serialized<Third>,
  _ body: (inout sending First, inout sending Second, inout sending Third) throws(Failure) -> sending Result
) throws(Failure) -> sending Result {
  Requests.acquire(first.state)
  Requests.acquire(second.state)
  Requests.acquire(third.state)
  Requests.pin(first.state)
  Requests.pin(second.state)
  Requests.pin(third.state)
  defer {
    Requests.close(third.state)
    Requests.close(second.state)
    Requests.close(first.state)
  }
  return try body(&first.value.pointee, &second.value.pointee, &third.value.pointee)
}
