// SPDX-License-Identifier: Apache-2.0
//
// What can be wrong with the machine's description of itself. Every case names the file or the text.
import Glibc

/// Why a description of the machine is of no use.
package enum TopologyError: Error, Equatable, CustomStringConvertible {
  /// The file cannot be read; `code` is the system's error number.
  case unreadable(path: String, code: CInt)
  /// The file, or text given by the user, does not say what it should.
  case malformed(source: String, text: String, expected: String)
  /// Well-formed, but it cannot be so.
  case impossible(path: String, reason: String)

  /// One line, whatever bytes a file has.
  package var description: String {
    switch self {
    case .unreadable(let path, let code): "\(path): cannot be read (\(String(cString: strerror(code))))"
    case .malformed(let source, let text, let expected):
      "\(source): \"\(text.unicodeScalars.prefix(64).map { $0.escaped(asASCII: true) }.joined())\" is not \(expected)"
    case .impossible(let path, let reason): "\(path): \(reason)"
    }
  }
}
