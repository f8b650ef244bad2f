// SPDX-License-Identifier: Apache-2.0
//
// The program `token-workload` as runners use it: which locks it was built with, how long a step of its work takes, and
// the arguments that make it run a cell.

package struct TokenWorkload: Sendable {
  package struct Lock: Sendable {
    package var name: String
    /// What it is compared in: exclusive, shared, two.
    package var parts: [String]
    package var about: String
  }

  package let path: String
  /// Nanoseconds of a step of work.
  package let step: Double

  package static let environment = ["PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C"]

  /// What is built beside this program, calibrated: the fastest of three processes.
  package init() throws(Problem) {
    path = try Child.sibling("token-workload")
    var takes = Takes(limit: 10)
    var times: [Double] = []
    for _ in 0..<3 {
      let child = try Child.start(path, ["--calibrate"], Self.environment)
      if let time = takes.outcome(child.wait(limit: 20)).metrics["ns"] { times.append(time) }
    }
    guard let best = times.min() else { throw Problem("\(path) --calibrate: no result") }
    step = best
  }

  /// The locks, and the names of those that were absent when the program was built. What only checks the measurement is
  /// neither.
  package func locks() throws(Problem) -> (found: [Lock], missing: [String]) {
    let result = try Child.start(path, ["--list"], Self.environment).wait(limit: 20)
    guard result.end == .exited(0) else { throw Problem("\(path) --list: \(result.end) \(result.errors)") }
    var found: [Lock] = []
    var missing: [String] = []
    for line in result.output.split(separator: "\n") {
      let fields = line.split(separator: "\t").map(String.init)
      guard fields.count == 3 else { throw Problem("\(path) --list: '\(line)' has no three fields") }
      let parts = fields[1].split(separator: ",").map(String.init)
      if parts == ["absent"] {
        missing.append(fields[0])
      } else if parts != ["check"] {
        found.append(Lock(name: fields[0], parts: parts, about: fields[2]))
      }
    }
    return (found, missing)
  }

  package func arguments(_ cell: TokenCell, _ lock: String, seed: UInt64, seconds: Double) -> [String] {
    var list = [lock]
    switch cell.kind {
    case .pair: list.append("pair")
    case .contention: list.append("contention")
    case .two(let rounds): list += ["two"] + (rounds > 0 ? ["--rounds", "\(rounds)"] : [])
    }
    list += ["--threads", "\(cell.threads)", "--section", "\(cell.section)", "--think", "\(cell.thinkTime)"]
    list += ["--shared", "\(cell.shared)", "--seconds", "\(seconds)", "--sample", cell.long ? "1" : "16"]
    list += ["--step", "\(step)", "--seed", "\(seed)"]
    return list + (cell.hog ? ["--hog"] : [])
  }
}
