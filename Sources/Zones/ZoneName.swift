// SPDX-License-Identifier: Apache-2.0
// The name in a zone's row: at most 39 bytes, a zero behind them. Written by who makes the zone; others read it when it
// is live.

import CAnax
import Machine

extension MessageLine {
  @_noLocks @_noAllocation
  package mutating func append(nameOf zone: UnsafeMutablePointer<anax_zone>) {
    let (name, count) = ZoneName.read(zone)
    append(name, count: count)
  }
}

package struct ZoneName {
  private let bytes: UnsafeMutablePointer<CChar>
  private var count = 0

  @_noLocks @_noAllocation
  package static func read(_ zone: UnsafeMutablePointer<anax_zone>) -> (text: UnsafePointer<CChar>, count: Int) {
    let text = anax_zone_name(zone)
    var count = 0
    while count < 39, text[count] != 0 { count += 1 }
    return (UnsafePointer(text), count)
  }

  /// Empty.
  @_noLocks @_noAllocation
  init(of zone: UnsafeMutablePointer<anax_zone>) {
    bytes = anax_zone_name(zone)
    bytes[0] = 0
  }

  @_noLocks @_noAllocation
  mutating func append(byte: UInt8) {
    if count == 39 { return }
    bytes[count] = CChar(bitPattern: byte)
    count += 1
    bytes[count] = 0
  }

  @_noLocks @_noAllocation
  mutating func append(_ text: UnsafePointer<UInt8>, count: Int) {
    var at = 0
    while at < count {
      append(byte: text[at])
      at += 1
    }
  }

  @_noLocks @_noAllocation
  mutating func append(_ number: UInt64) {
    var divisor: UInt64 = 1
    while number / divisor >= 10 { divisor &*= 10 }
    while divisor > 0 {
      append(byte: UInt8(truncatingIfNeeded: 48 &+ number / divisor % 10))
      divisor /= 10
    }
  }
}
