// SPDX-License-Identifier: Apache-2.0
//
// The value of an option of a measuring program, which has no argument library.

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
