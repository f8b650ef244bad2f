// SPDX-License-Identifier: Apache-2.0
//
// What goes to the terminal beside the report, and how figures and columns are written.

import Glibc

package enum Console {
  package static func error(_ text: String) { _ = text.withCString { write(2, $0, strlen($0)) } }

  /// Takes the line of progress away, so that a message has its own; nothing where nobody looks.
  package static func clearLine() { if isatty(2) == 1 { error("\r\u{1B}[K") } }

  /// Columns of the terminal, or nil where the output is none.
  package static func width() -> Int? {
    var size = winsize()
    guard isatty(1) == 1, ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
  }
}

package func pad(_ text: String, _ width: Int) -> String {
  text + String(repeating: " ", count: max(width - text.count, 1))
}

package func padLeft(_ text: String, _ width: Int) -> String {
  String(repeating: " ", count: max(width - text.count, 1)) + text
}

/// Three significant digits, at most two behind the point.
package func number(_ value: Double) -> String {
  guard value.isFinite else { return "-" }
  let size = abs(value)
  let digits = size < 9.995 ? 2 : size < 99.95 ? 1 : 0
  let scale = [1.0, 10.0, 100.0][digits]
  let rounded = Int((size * scale).rounded())
  let sign = value < 0 && rounded != 0 ? "-" : ""
  guard digits > 0 else { return sign + "\(rounded)" }
  let fraction = "\(rounded % Int(scale))"
  return sign + "\(rounded / Int(scale))." + String(repeating: "0", count: digits - fraction.count) + fraction
}
