// SPDX-License-Identifier: Apache-2.0
//
// The command itself, built beside the tests' program, run as a process.
import Foundation

enum CommandUnderTest {
  /// `file`: where its output goes, which is "" then.
  static func run(
    _ arguments: [String], into file: FileHandle? = nil, interruptAfter seconds: Double? = nil
  ) throws -> (
    code: Int32, output: String, errors: String
  ) {
    let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    let process = Process()
    // The tests' program is in the build folder itself, or in a bundle there.
    process.executableURL = [folder, folder.deletingLastPathComponent()].map { $0.appendingPathComponent("anax") }
      .first { FileManager.default.isExecutableFile(atPath: $0.path) }
    process.arguments = arguments
    let output = Pipe()
    let errors = Pipe()
    process.standardOutput = file.map { $0 as Any } ?? output
    process.standardError = errors
    try process.run()
    if let seconds {
      Thread.sleep(forTimeInterval: seconds)
      process.interrupt()
    }
    let text = file == nil ? output.fileHandleForReading.readDataToEndOfFile() : Data()
    let words = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: text, as: UTF8.self), String(decoding: words, as: UTF8.self))
  }
}
