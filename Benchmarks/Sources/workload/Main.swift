// SPDX-License-Identifier: Apache-2.0
//
// `workload CASE`: one process, one case, one line of JSON. The process is small and starts fast on purpose (no
// Foundation, no argument library): what is measured is the allocator that it was started with.

import CBench
import Glibc
import Instruments

extension Conditions {
  /// `count` scaled, at least `least`.
  func scaled(_ count: Int, least: Int = 1) -> Int { max(Int(Double(count) * scale), least) }
}

/// A case: a name and what it measures, in the order of its metrics.
struct Case: Sendable {
  let name: String
  let about: String
  let run: @Sendable (Conditions) -> [(String, Double)]
}

let usage = """
  usage: workload CASE [--threads N] [--scale S] [--seed X]
         workload --list
    --threads N  1 to 1024 threads, for the cases that use threads (default 1)
    --scale S    0.001 to 1000 times the usual amount of work (default 1)
    --seed X     start of the random numbers (default 1)
  """

@main
enum Main {
  static func main() {
    var conditions = Conditions()
    var name: String?
    var arguments = CommandLine.arguments.dropFirst()
    while let argument = arguments.popFirst() {
      switch argument {
      case "--list":
        for entry in allCases { print("\(entry.name)\t\(entry.about)") }
        return
      case "--help", "-h":
        print(usage)
        return
      default:
        if conditions.take(argument, &arguments) { continue }
        if argument.hasPrefix("-") || name != nil { fail("unknown argument '\(argument)'\n\(usage)") }
        name = argument
      }
    }
    guard let name else { fail("no case given\n\(usage)") }
    guard let entry = allCases.first(where: { $0.name == name }) else {
      fail("unknown case '\(name)'; 'workload --list' lists them")
    }
    report(entry, conditions, entry.run(conditions))
  }

  private static func report(_ entry: Case, _ conditions: Conditions, _ metrics: [(String, Double)]) {
    let peak = Resident.peak()
    let list = (metrics + [("peak_kib", Double(peak))]).map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",")
    print("{\"case\":\"\(entry.name)\",\"threads\":\(conditions.threads),\"metrics\":{\(list)}}")
  }
}
