// SPDX-License-Identifier: Apache-2.0
//
// What a lock is to the measurement. The loops are generic and compiled for each lock by itself, so that each is called
// as a program of its own would call it.

/// A handle of one lock, copied into each thread: what it leads to is shared.
protocol Lock {
  /// A new lock; one that can lie anywhere lies at `memory`, which has a cache line and its neighbour to itself.
  init(at memory: UnsafeMutableRawPointer)

  func withExclusive<Value>(_ body: () -> Value) -> Value

  /// Whether `withShared` lets several in at once; where not, it is the same as `withExclusive`.
  static var canShare: Bool { get }
  func withShared<Value>(_ body: () -> Value) -> Value
}

extension Lock {
  static var canShare: Bool { false }
  @inline(__always) func withShared<Value>(_ body: () -> Value) -> Value { withExclusive(body) }
}

/// A lock of which two can be taken at once, whatever the order in which they are named.
protocol PairLock: Lock {
  static func withBoth<Value>(_ first: Self, _ second: Self, _ body: () -> Value) -> Value
}
