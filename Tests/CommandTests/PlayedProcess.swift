// SPDX-License-Identifier: Apache-2.0
//
// A process's files under a root that a test fills. Removed with its value.
import Foundation
import Topology

struct PlayedProcess: ~Copyable {
  static let id: Int32 = 7

  let root: String
  var files: FileTree { FileTree(root: root) }

  init(threads: [(id: Int, state: String, cpus: String)] = [(7, "S (sleeping)", "0-1")], name: String = "server") {
    root = FileManager.default.temporaryDirectory.path + "/anax-process-" + UUID().uuidString
    write("status", "Name:\t\(name)\nState:\tS (sleeping)\n")
    write("stat", Self.stat(began: 500))
    for thread in threads {
      write(
        "task/\(thread.id)/status",
        "Name:\t\(name)\nState:\t\(thread.state)\nCpus_allowed_list:\t\(thread.cpus)\nMems_allowed_list:\t0\n")
      write("task/\(thread.id)/smaps", "")
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: root) }

  /// With a name that has a parenthesis and blanks.
  static func stat(began: Int) -> String {
    "7 (a) b) S " + [String](repeating: "1", count: 18).joined(separator: " ") + " \(began) 4096\n"
  }

  borrowing func write(_ name: String, _ text: String) {
    let file = URL(fileURLWithPath: "\(root)/proc/\(Self.id)/\(name)")
    try! FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try! Data(text.utf8).write(to: file)
  }

  /// `name`: "" is the whole process.
  borrowing func remove(_ name: String) {
    try! FileManager.default.removeItem(atPath: "\(root)/proc/\(Self.id)/\(name)")
  }
}
