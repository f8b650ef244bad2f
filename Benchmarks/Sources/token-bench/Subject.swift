// SPDX-License-Identifier: Apache-2.0
//
// Who is compared: what `token-workload` was built with.

import Harness

struct Subject: Sendable {
  let name: String
  let about: String
  /// What it is compared in: exclusive, shared, two.
  let parts: [String]

  /// The subject that is judged.
  static let candidate = "token"

  static let environment = ["PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C"]

  /// The subjects, and the names of those that were absent when `workload` was built.
  static func all(_ workload: String) throws(Problem) -> (found: [Subject], missing: [String]) {
    let result = try Child.start(workload, ["--list"], environment).wait(limit: 20)
    guard result.end == .exited(0) else { throw Problem("\(workload) --list: \(result.end) \(result.errors)") }
    var found: [Subject] = []
    var missing: [String] = []
    for line in result.output.split(separator: "\n") {
      let fields = line.split(separator: "\t").map(String.init)
      guard fields.count == 3 else { throw Problem("\(workload) --list: '\(line)' has no three fields") }
      let parts = fields[1].split(separator: ",").map(String.init)
      if parts == ["absent"] {
        missing.append(fields[0])
      } else if parts != ["check"] {
        found.append(Subject(name: fields[0], about: fields[2], parts: parts))
      }
    }
    if !found.contains(where: { $0.name == candidate }) { missing.append(candidate) }
    return (found, missing)
  }
}

typealias TokenSamples = Samples<Cell, Subject>
