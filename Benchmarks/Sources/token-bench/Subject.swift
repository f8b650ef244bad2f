// SPDX-License-Identifier: Apache-2.0
//
// Who is compared: what `token-workload` was built with.

import Harness

struct Subject: Sendable {
  var name: String
  var about: String
  /// What it is compared in: exclusive, shared, two.
  let parts: [String]

  /// What `token-workload` calls it.
  let program: String
  /// NAME=VALUE, beside the environment that all have.
  var variables: [String] = []

  /// The subject that is judged.
  static let candidate = "token"

  /// The token with other settings: neither judged nor a peer.
  var isVariant: Bool { name != program }

  func variant(_ name: String, _ variables: [String]) -> Subject {
    var subject = self
    (subject.name, subject.variables) = (name, variables)
    subject.about += " with \(variables.joined(separator: " "))"
    return subject
  }

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
        found.append(Subject(name: fields[0], about: fields[2], parts: parts, program: fields[0]))
      }
    }
    if !found.contains(where: { $0.name == candidate }) { missing.append(candidate) }
    return (found, missing)
  }
}

typealias TokenSamples = Samples<Cell, Subject>
