// SPDX-License-Identifier: Apache-2.0
// Several serialized values together: all their tokens are taken first, and only then is each pinned. Overloads, since
// a value that cannot be copied may not be in a parameter pack; what they do is written once, on a row of tokens on the
// stack.

import CAnax
import CAnaxTokens
import Tokens

@usableFromInline
enum Together {
  /// Takes all, letting go of those it has where it must wait; then none may be let go until `close`.
  @inlinable
  static func open<let count: Int>(_ states: InlineArray<count, UnsafeMutablePointer<anax_token>>) {
    for place in states.indices {
      let state = states[place]
      Marked.around(.request, state) { Requests.acquire(state) }
    }
    for place in states.indices { Requests.pin(states[place]) }
  }

  @inlinable
  static func close<let count: Int>(_ states: InlineArray<count, UnsafeMutablePointer<anax_token>>) {
    for place in states.indices.reversed() { Requests.close(states[place]) }
  }
}

/// Runs the closure with both values, alone. They may be given in any order by different threads; the same one twice
/// stops the process with a message. Up to six values.
@inlinable
public func withSerialized<First: ~Copyable, Second: ~Copyable, Result: ~Copyable, Failure: Error>(
  _ first: borrowing Serialized<First>, _ second: borrowing Serialized<Second>,
  _ body: (inout sending First, inout sending Second) throws(Failure) -> sending Result
) throws(Failure) -> sending Result {
  let states: InlineArray<2, _> = [first.state, second.state]
  Together.open(states)
  defer { Together.close(states) }
  return try body(&first.value.pointee, &second.value.pointee)
}

/// Runs the closure with all three values, alone. See ``withSerialized(_:_:_:)``.
@inlinable
public func withSerialized<
  First: ~Copyable, Second: ~Copyable, Third: ~Copyable, Result: ~Copyable, Failure: Error
>(
  _ first: borrowing Serialized<First>, _ second: borrowing Serialized<Second>,
  _ third: borrowing Serialized<Third>,
  _ body: (inout sending First, inout sending Second, inout sending Third) throws(Failure) -> sending Result
) throws(Failure) -> sending Result {
  let states: InlineArray<3, _> = [first.state, second.state, third.state]
  Together.open(states)
  defer { Together.close(states) }
  return try body(&first.value.pointee, &second.value.pointee, &third.value.pointee)
}

/// Runs the closure with all four values, alone. See ``withSerialized(_:_:_:)``.
@inlinable
public func withSerialized<
  First: ~Copyable, Second: ~Copyable, Third: ~Copyable, Fourth: ~Copyable, Result: ~Copyable, Failure: Error
>(
  _ first: borrowing Serialized<First>, _ second: borrowing Serialized<Second>,
  _ third: borrowing Serialized<Third>, _ fourth: borrowing Serialized<Fourth>,
  _ body: (inout sending First, inout sending Second, inout sending Third, inout sending Fourth) throws(Failure) ->
    sending Result
) throws(Failure) -> sending Result {
  let states: InlineArray<4, _> = [first.state, second.state, third.state, fourth.state]
  Together.open(states)
  defer { Together.close(states) }
  return try body(&first.value.pointee, &second.value.pointee, &third.value.pointee, &fourth.value.pointee)
}

/// Runs the closure with all five values, alone. See ``withSerialized(_:_:_:)``.
@inlinable
public func withSerialized<
  First: ~Copyable, Second: ~Copyable, Third: ~Copyable, Fourth: ~Copyable, Fifth: ~Copyable, Result: ~Copyable,
  Failure: Error
>(
  _ first: borrowing Serialized<First>, _ second: borrowing Serialized<Second>,
  _ third: borrowing Serialized<Third>, _ fourth: borrowing Serialized<Fourth>,
  _ fifth: borrowing Serialized<Fifth>,
  _ body: (
    inout sending First, inout sending Second, inout sending Third, inout sending Fourth,
    inout sending Fifth
  ) throws(Failure) -> sending Result
) throws(Failure) -> sending Result {
  let states: InlineArray<5, _> = [first.state, second.state, third.state, fourth.state, fifth.state]
  Together.open(states)
  defer { Together.close(states) }
  return try body(
    &first.value.pointee, &second.value.pointee, &third.value.pointee, &fourth.value.pointee, &fifth.value.pointee)
}

/// Runs the closure with all six values, alone. See ``withSerialized(_:_:_:)``.
@inlinable
public func withSerialized<
  First: ~Copyable, Second: ~Copyable, Third: ~Copyable, Fourth: ~Copyable, Fifth: ~Copyable, Sixth: ~Copyable,
  Result: ~Copyable, Failure: Error
>(
  _ first: borrowing Serialized<First>, _ second: borrowing Serialized<Second>,
  _ third: borrowing Serialized<Third>, _ fourth: borrowing Serialized<Fourth>,
  _ fifth: borrowing Serialized<Fifth>, _ sixth: borrowing Serialized<Sixth>,
  _ body: (
    inout sending First, inout sending Second, inout sending Third, inout sending Fourth,
    inout sending Fifth, inout sending Sixth
  ) throws(Failure) -> sending Result
) throws(Failure) -> sending Result {
  let states: InlineArray<6, _> = [first.state, second.state, third.state, fourth.state, fifth.state, sixth.state]
  Together.open(states)
  defer { Together.close(states) }
  return try body(
    &first.value.pointee, &second.value.pointee, &third.value.pointee, &fourth.value.pointee,
    &fifth.value.pointee, &sixth.value.pointee)
}
