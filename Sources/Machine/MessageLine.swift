// SPDX-License-Identifier: Apache-2.0
//
// One line for standard error, built on the stack and written by one call, so that lines of several threads or
// processes do not mix. For code that may not allocate: start-up, and the last words before a stop. What does not fit
// is cut; bytes that are not printable ASCII come out as `?`.
import CAnax

package struct MessageLine: ~Copyable {
  private var bytes: InlineArray<512, UInt8>
  private var count = 0

  /// Begins with `anax: `.
  @_noLocks @_noAllocation
  package init() { self.init(beginning: "anax: ") }

  @_noLocks @_noAllocation
  package init(beginning: StaticString) {
    bytes = InlineArray(repeating: 0)
    append(beginning)
  }

  @_noLocks @_noAllocation
  package mutating func append(byte: UInt8) {
    // The last byte is the line's end.
    if count < bytes.count - 1 {
      bytes[count] = byte
      count += 1
    }
  }

  @inline(never) @_noLocks @_noAllocation
  package mutating func append(_ text: StaticString) {
    let start = text.utf8Start
    var i = 0
    while i < text.utf8CodeUnitCount {
      append(byte: start[i])
      i += 1
    }
  }

  /// Text from outside: at most `limit` bytes of it, then `...`.
  @_noLocks @_noAllocation
  package mutating func append(_ text: UnsafePointer<CChar>, count: Int, limit: Int = 64) {
    var i = 0
    while i < count, i < limit {
      let byte = UInt8(bitPattern: text[i])
      append(byte: byte >= 0x20 && byte < 0x7F ? byte : 0x3F)
      i += 1
    }
    if count > limit { append("...") }
  }

  @_noLocks @_noAllocation
  package mutating func append(_ number: Int64) {
    if number < 0 { append(byte: 0x2D) }
    append(number.magnitude)
  }

  @inline(never) @_noLocks @_noAllocation
  package mutating func append(_ number: UInt64) {
    var divisor: UInt64 = 1
    while number / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      append(byte: 0x30 + UInt8(truncatingIfNeeded: number / divisor % 10))
      divisor /= 10
    }
  }

  @_noLocks @_noAllocation
  package mutating func append(hexadecimal number: UInt64) {
    append("0x")
    var shift: UInt64 = 60
    while shift > 0, number >> shift == 0 { shift -= 4 }
    while true {
      let digit = UInt8(truncatingIfNeeded: number >> shift & 15)
      append(byte: digit < 10 ? 0x30 + digit : 0x57 + digit)
      if shift == 0 { return }
      shift -= 4
    }
  }

  /// Ends the line and writes it to standard error. A failed write is not reported: there is nowhere left to say so.
  @_noLocks @_noAllocation
  package consuming func write() {
    bytes[count] = 0x0A
    count += 1
    let length = count
    withUnsafeBytes(of: &bytes) { Kernel.write(2, $0.baseAddress!, count: length) }
  }
}
