// SPDX-License-Identifier: Apache-2.0
//
// `memory-workload CASE SUBJECT`: one process, one case, one line of JSON. The subject is asked for by name inside of
// the program: pages and zones of Anax, or what one would use instead.

import CBench
import Glibc
import Instruments

extension Conditions {
  /// `count` scaled and divided among the threads, at least 1.
  func scaled(_ count: Int) -> Int { max(Int(Double(count) * scale) / threads, 1) }
}

/// A case: nanoseconds of one operation.
struct Case: Sendable {
  let name: String
  let about: String
  /// With the subjects that it can be run on.
  let subjects: [(name: String, run: @Sendable (Conditions) -> Double)]
}

var allCases: [Case] { pageCases + itemCases }

let usage = """
  usage: memory-workload CASE SUBJECT [--threads N] [--scale S] [--seed X]
         memory-workload --list
    --threads N  1 to 1024 threads (default 1)
    --scale S    0.001 to 1000 times the usual amount of work (default 1)
    --seed X     start of the random numbers (default 1)
  """

@main
enum Main {
  static func main() {
    var conditions = Conditions()
    var names: [String] = []
    var arguments = CommandLine.arguments.dropFirst()
    while let argument = arguments.popFirst() {
      switch argument {
      case "--list":
        for entry in allCases {
          print("\(entry.name)\t\(entry.subjects.map(\.name).joined(separator: ","))\t\(entry.about)")
        }
        return
      case "--help", "-h": return print(usage)
      default:
        if conditions.take(argument, &arguments) { continue }
        if argument.hasPrefix("-") { fail("unknown argument '\(argument)'\n\(usage)") }
        names.append(argument)
      }
    }
    guard names.count == 2 else { fail("a case and a subject must be given\n\(usage)") }
    guard let entry = allCases.first(where: { $0.name == names[0] }) else {
      fail("unknown case '\(names[0])'; 'memory-workload --list' lists them")
    }
    guard let subject = entry.subjects.first(where: { $0.name == names[1] }) else {
      fail("'\(names[1])' is no subject of \(entry.name); 'memory-workload --list' lists them")
    }
    print("{\"metrics\":{\"ns\":\(subject.run(conditions))}}")
  }
}
