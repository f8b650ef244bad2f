// SPDX-License-Identifier: Apache-2.0
// A value and the token that guards it, in one piece of memory.

import CAnax
import CAnaxTokens
import Tokens

/// A value that one thread at a time may reach, in the manner of `Mutex`, guarded by a token that is never let go in
/// mid-access.
///
/// ```swift
/// let sessions = Serialized<[Int: Session]>([:], name: "sessions")
/// sessions.withValue { $0[id] = session }
/// ```
///
/// While an access is open, whatever could make its thread wait stops the process with a message that names both:
/// another access, also to the same value, a request for a ``Token``, ``Token/blocking(_:)``. What only tries is
/// allowed. Several values are taken together, before the closure: ``withSerialized(_:_:_:)``.
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
  ///   - readersPerCPU: As for a ``Token``: for a value that is nearly always read, by ``withShared(_:)``.
  public init(
    _ value: consuming sending Value, name: String = "", policy: SpinPolicy? = nil, readersPerCPU: Bool = false
  ) {
    TokenProfile.loadFromEnvironment()
    let memory = TokenMemory.make(
      name: name, bytes: MemoryLayout<Value>.size, alignment: MemoryLayout<Value>.alignment,
      countsPerCPU: readersPerCPU)
    state = memory.token
    self.value = memory.body.bindMemory(to: Value.self, capacity: 1)
    self.value.initialize(to: value)
    if let policy { TokenMemory.setPolicy(state, policy.packed) }
  }

  deinit {
    // Whether an access is open is asked first: the value must not end under it.
    withExtendedLifetime(value.move()) { TokenMemory.end(state) }
  }

  /// Runs the closure with the value, alone.
  @inlinable @inline(__always)
  public borrowing func withValue<Result: ~Copyable, Failure: Error>(
    _ body: (inout sending Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result {
    if !Requests.openHit(state) { Marked.around(.request, state) { Requests.open(state, shared: false) } }
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

  /// How waiters of this value spin; nil follows the process's tunables. One store: a waiter sees it when it next
  /// begins to spin.
  public var policy: SpinPolicy? {
    get { SpinPolicy(packed: TokenMemory.policy(state)) }
    nonmutating set { TokenMemory.setPolicy(state, newValue?.packed ?? 0) }
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
    Marked.around(.request, state) { Requests.open(state, shared: true) }
    defer { Requests.close(state) }
    return try body(value.pointee)
  }
}

extension Serialized: @unchecked Sendable where Value: ~Copyable {}
