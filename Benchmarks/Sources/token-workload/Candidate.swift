// SPDX-License-Identifier: Apache-2.0
//
// The token, as a program uses it. Each thread's handle is the reference itself, on the heap like any token.

import Anax

struct AnaxToken: PairLock {
  private let token: Token

  init(at memory: UnsafeMutableRawPointer) { token = Heap.apart { Token() } }

  @inline(__always) func withExclusive<Value>(_ body: () -> Value) -> Value { token.withToken(body) }

  static var canShare: Bool { true }
  @inline(__always) func withShared<Value>(_ body: () -> Value) -> Value { token.withShared(body) }

  @inline(__always) static func withBoth<Value>(_ first: Self, _ second: Self, _ body: () -> Value) -> Value {
    withTokens(first.token, second.token, body: body)
  }
}

/// The token that is made for readers.
struct AnaxReaderToken: Lock {
  private let token: Token

  init(at memory: UnsafeMutableRawPointer) { token = Heap.apart { Token(readersPerCPU: true) } }

  @inline(__always) func withExclusive<Value>(_ body: () -> Value) -> Value { token.withToken(body) }

  static var canShare: Bool { true }
  @inline(__always) func withShared<Value>(_ body: () -> Value) -> Value { token.withShared(body) }
}
