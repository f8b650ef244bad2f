// SPDX-License-Identifier: Apache-2.0
//
// A report as a file of JSON.

import FoundationEssentials
import Glibc

package enum JSONFile {
  /// Writes `value`; `option` names the command line's option in a message.
  package static func write(_ value: some Encodable, to path: String, option: String) throws(Problem) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    guard let data = try? encoder.encode(value) else {
      throw Problem("\(option) \(path): the samples cannot be encoded")
    }
    guard let file = fopen(path, "w") else { throw Problem("\(option) \(path): \(reason(errno))") }
    let bytes = [UInt8](data)
    let written = fwrite(bytes, 1, bytes.count, file)
    guard fclose(file) == 0, written == bytes.count else { throw Problem("\(option) \(path): \(reason(errno))") }
  }
}
