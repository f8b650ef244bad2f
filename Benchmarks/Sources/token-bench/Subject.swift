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

  /// The subjects, and the names of those that were absent when the workload was built.
  static func all(_ workload: TokenWorkload) throws(Problem) -> (found: [Subject], missing: [String]) {
    let (locks, absent) = try workload.locks()
    let found = locks.map { Subject(name: $0.name, about: $0.about, parts: $0.parts, program: $0.name) }
    return (found, found.contains { $0.name == candidate } ? absent : absent + [candidate])
  }
}

typealias TokenSamples = Samples<TokenCell, Subject>
