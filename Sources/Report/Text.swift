// SPDX-License-Identifier: Apache-2.0
//
// Numbers as people read them: three significant digits, with a unit that fits.

package enum Text {
  /// At most `digits` significant digits, without trailing zeroes. `sign` is that of what is below zero.
  package static func number(_ value: Double, digits: Int = 3, sign: String = "−") -> String {
    guard value.isFinite else { return value.isNaN ? "–" : (value < 0 ? "−∞" : "∞") }
    if value == 0 { return "0" }
    let size = abs(value)
    var places = digits - 1
    var bound = 1.0
    while bound * 10 <= size {
      bound *= 10
      places -= 1
    }
    while bound > size, places < 12 {
      bound /= 10
      places += 1
    }
    return fixed(value, places: max(0, places), trim: true, sign: sign)
  }

  package static func fixed(_ value: Double, places: Int, trim: Bool = false, sign: String = "−") -> String {
    guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
    var scale = 1.0
    for _ in 0..<places { scale *= 10 }
    let scaled = Int64((abs(value) * scale).rounded())
    let whole = "\(scaled / Int64(scale))"
    var fraction = places == 0 ? "" : String("\(Int64(scale) + scaled % Int64(scale))".dropFirst())
    if trim { while fraction.hasSuffix("0") { fraction.removeLast() } }
    return (value < 0 && scaled != 0 ? sign : "") + whole + (fraction.isEmpty ? "" : "." + fraction)
  }

  /// Nanoseconds.
  package static func duration(_ nanoseconds: Double) -> String {
    let size = abs(nanoseconds)
    if size < 1e3 { return number(nanoseconds) + " ns" }
    if size < 1e6 { return number(nanoseconds / 1e3) + " µs" }
    if size < 1e9 { return number(nanoseconds / 1e6) + " ms" }
    return number(nanoseconds / 1e9) + " s"
  }

  package static func percent(_ share: Double) -> String { number(share * 100) + " %" }

  /// A ratio as a change: `+12 %`.
  package static func change(_ ratio: Double) -> String {
    let text = fixed((ratio - 1) * 100, places: abs(ratio - 1) < 0.0995 ? 1 : 0)
    return (text.hasPrefix("−") ? text : "+" + text) + " %"
  }

  /// Minutes and seconds.
  package static func clock(_ seconds: Double) -> String {
    let whole = Int(max(0, seconds).rounded(.up))
    return whole >= 60 ? "\(whole / 60) min \(whole % 60) s" : "\(whole) s"
  }
}
