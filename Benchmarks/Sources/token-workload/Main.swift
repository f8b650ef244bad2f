// SPDX-License-Identifier: Apache-2.0
//
// `token-workload SUBJECT CASE`: one process, one lock, one case, one line of JSON.

import CBench
import Glibc
import Instruments

private let usage = """
  usage: token-workload SUBJECT CASE [options]
         token-workload --list         the subjects, what each takes part in, and what each is
         token-workload --calibrate    nanoseconds of a step of work
    cases: pair        acquire and release, uncontended
           contention  threads that take one lock
           two         threads that take two locks in opposite orders
    --threads N   1 to 1024 (default 1)
    --section NS  work inside, 0 to 1e9 ns (default 0)
    --think NS    work outside, 0 to 1e9 ns, on average (default 0)
    --shared P    percent of operations that share the lock, 0 to 100 (default 0)
    --seconds S   0.001 to 3600 (default 0.1)
    --rounds N    case two: end after so many rounds instead
    --sample N    time one wait of N, a power of two; 0 for none (default 16)
    --hog         another process burns a processor
    --step NS     of a step of work, as --calibrate says (default: measured)
    --seed X      start of the random numbers (default 1)
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
        for subject in Subject.all {
          let parts = subject.present ? subject.parts.map(\.rawValue).joined(separator: ",") : "absent"
          print("\(subject.name)\t\(parts)\t\(subject.about)")
        }
        return
      case "--calibrate": return report([("ns", Work.nanosecondsPerStep())])
      case "--help", "-h": return print(usage)
      case "--threads": conditions.threads = number(argument, arguments.popFirst(), 1...1024)
      case "--section": conditions.section = number(argument, arguments.popFirst(), 0...1e9)
      case "--think": conditions.think = number(argument, arguments.popFirst(), 0...1e9)
      case "--shared": conditions.shared = number(argument, arguments.popFirst(), 0...100)
      case "--seconds": conditions.seconds = number(argument, arguments.popFirst(), 0.001...3600)
      case "--rounds": conditions.rounds = number(argument, arguments.popFirst(), 1...Int.max)
      case "--sample": conditions.sample = number(argument, arguments.popFirst(), 0...1 << 20)
      case "--step": conditions.step = number(argument, arguments.popFirst(), 0.01...1e6)
      case "--seed": conditions.seed = number(argument, arguments.popFirst(), 0...UInt64.max)
      case "--hog": conditions.hog = true
      default:
        if argument.hasPrefix("-") { fail("unknown argument '\(argument)'\n\(usage)") }
        names.append(argument)
      }
    }
    guard names.count == 2 else { fail("a subject and a case must be given\n\(usage)") }
    guard let subject = Subject.all.first(where: { $0.name == names[0] }) else {
      fail("unknown subject '\(names[0])'; 'token-workload --list' lists them")
    }
    guard subject.present else { fail("\(subject.name) was not there when this program was built") }
    if conditions.sample & (conditions.sample - 1) != 0 { fail("--sample \(conditions.sample): not a power of two") }
    if conditions.step == 0 { conditions.step = Work.nanosecondsPerStep() }
    let hog = conditions.hog ? Hog.start() : nil
    let metrics = measure(subject, names[1], conditions)
    hog?.end()
    report(metrics)
  }

  private static func measure(_ subject: Subject, _ name: String, _ conditions: Conditions) -> Metrics {
    switch name {
    case "pair": return subject.pair(conditions)
    case "contention":
      if conditions.shared > 0, !subject.canShare { fail("\(subject.name) cannot be shared") }
      return subject.contend(conditions)
    case "two":
      guard let two = subject.two else { fail("\(subject.name) cannot take two at once") }
      return two(conditions)
    default: fail("unknown case '\(name)'\n\(usage)")
    }
  }

  private static func report(_ metrics: Metrics) {
    print("{\"metrics\":{\(metrics.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ","))}}")
  }
}
