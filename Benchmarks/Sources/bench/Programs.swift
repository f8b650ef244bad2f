// SPDX-License-Identifier: Apache-2.0
//
// The programs that are run, and where they are: beside this one, or in the package's folder above it.

import Glibc
import Harness

struct Programs: Sendable {
  let workload: String
  let memoryWorkload: String
  let swiftWorkload: String
  /// nil where locks are not measured.
  let tokens: TokenWorkload?
  /// The folder of the scripts that run real programs.
  let loads: String

  init(tokens: Bool) throws(Problem) {
    workload = try Child.sibling("workload")
    memoryWorkload = try Child.sibling("memory-workload")
    swiftWorkload = try Child.sibling("swift-workload")
    self.tokens = tokens ? try TokenWorkload() : nil
    // …/Benchmarks/.build/<triple>/release/workload
    let parts = workload.split(separator: "/")
    let build = parts.lastIndex { $0.hasPrefix(".build") } ?? parts.count - 1
    loads = "/" + (parts[..<build] + ["Loads"]).joined(separator: "/")
  }

  /// The commit of the source that this was built in; nil where that cannot be told.
  var commit: String? {
    let folder = String(loads.dropLast("/Loads".count))
    guard
      let result = try? Child.start(
        "/usr/bin/git", ["-C", folder, "describe", "--always", "--dirty"], Subject.plain + ["HOME=/nonexistent"]
      ).wait(limit: 10), result.end == .exited(0)
    else { return nil }
    return result.output.split(separator: "\n").first.map(String.init)
  }
}
