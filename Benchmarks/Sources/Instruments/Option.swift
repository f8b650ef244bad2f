// SPDX-License-Identifier: Apache-2.0
//
// The options of the measuring programs, which have no argument library.

/// What a case is given.
public struct Conditions {
  public var threads = 1
  /// How much work, relative to a run of about a tenth of a second.
  public var scale = 1.0
  public var seed: UInt64 = 1

  public init() {}

  /// Takes the option's value from `arguments`. False: it is none of these.
  public mutating func take(_ option: String, _ arguments: inout ArraySlice<String>) -> Bool {
    switch option {
    case "--threads": threads = number(option, arguments.popFirst(), 1...1024)
    case "--scale": scale = number(option, arguments.popFirst(), 0.001...1000)
    case "--seed": seed = number(option, arguments.popFirst(), 0...UInt64.max)
    default: return false
    }
    return true
  }
}

/// Ends the program with a message where it is no number of the range.
public func number<Value: LosslessStringConvertible & Comparable>(
  _ option: String, _ text: String?, _ range: ClosedRange<Value>
) -> Value {
  guard let text else { fail("\(option) needs a value") }
  guard let value = Value(text), range.contains(value) else {
    fail("\(option) \(text): must be from \(range.lowerBound) to \(range.upperBound)")
  }
  return value
}
