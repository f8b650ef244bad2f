// SPDX-License-Identifier: Apache-2.0
// A folder for the files of this process's tests, the children of exit tests included. It goes when the process exits.

import Foundation

enum ProcessFolder {
  private static let path: String = {
    let path = NSTemporaryDirectory() + "anax-tests-\(getpid())-\(UUID().uuidString)"
    try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    atexit { try? FileManager.default.removeItem(atPath: ProcessFolder.path) }
    return path
  }()

  /// A path in it that nobody has yet.
  static func path(_ name: String) -> String { "\(path)/\(UUID().uuidString)-\(name)" }
}
