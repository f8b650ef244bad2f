// SPDX-License-Identifier: Apache-2.0
//
// `swift-workload CASE`: what Swift services do all day, in small: messages between actors, tasks that fan out, texts
// and dictionaries. One process, one case, one line of JSON. The allocator is the one that the process was started
// with.

import CBench
import Instruments

struct Case: Sendable {
  let name: String
  let about: String
  /// Operations of a run of about a tenth of a second, and what does that many; returns something that depends on all
  /// of them.
  let operations: Int
  let run: @Sendable (Int) async -> Int
}

let allCases: [Case] = [
  Case(name: "actors", about: "a message to an actor that answers, from another actor", operations: 100_000) {
    await pingPong($0)
  },
  Case(name: "fan-out", about: "a task of a group of 500, each of which makes an array", operations: 50_000) {
    await fanOut($0)
  },
  Case(name: "texts", about: "a line built, split into words, and counted in a dictionary", operations: 40_000) {
    texts($0)
  },
]

let usage = """
  usage: swift-workload CASE [--scale S]
         swift-workload --list
    --scale S    0.001 to 1000 times the usual amount of work (default 1)
  """

@main
enum Main {
  static func main() async {
    var scale = 1.0
    var name: String?
    var arguments = CommandLine.arguments.dropFirst()
    while let argument = arguments.popFirst() {
      switch argument {
      case "--list": return allCases.forEach { print("\($0.name)\t\($0.about)") }
      case "--help", "-h": return print(usage)
      case "--scale": scale = number(argument, arguments.popFirst(), 0.001...1000)
      default:
        if argument.hasPrefix("-") || name != nil { fail("unknown argument '\(argument)'\n\(usage)") }
        name = argument
      }
    }
    guard let entry = allCases.first(where: { $0.name == name }) else {
      fail("'\(name ?? "")' is no case; 'swift-workload --list' lists them")
    }
    let operations = max(Int(Double(entry.operations) * scale), 1)
    // Once in small, for what a process does only once.
    _ = await entry.run(max(operations / 20, 1))
    let start = bench_now()
    let result = await entry.run(operations)
    let time = Double(bench_now() - start) / Double(operations)
    guard result != 0 else { fail("\(entry.name) did nothing") }
    print("{\"metrics\":{\"ns\":\(time)}}")
  }
}

private actor Echo {
  private var count = 0

  func answer(_ text: [UInt8]) -> [UInt8] {
    count += 1
    return text + [UInt8(truncatingIfNeeded: count)]
  }
}

private actor Caller {
  private let echo = Echo()

  func call(_ times: Int) async -> Int {
    var sum = 0
    for index in 0..<times {
      let answer = await echo.answer([UInt8(truncatingIfNeeded: index), 1, 2])
      sum += answer.count
    }
    return sum
  }
}

private func pingPong(_ times: Int) async -> Int { await Caller().call(times) }

private func fanOut(_ tasks: Int) async -> Int {
  var (left, sum) = (tasks, 0)
  while left > 0 {
    let count = min(left, 500)
    left -= count
    sum += await withTaskGroup(of: Int.self) { group in
      for index in 0..<count {
        group.addTask {
          var values: [Int] = []
          for value in 0..<(16 + index % 48) { values.append(value) }
          return values.count
        }
      }
      return await group.reduce(0, +)
    }
  }
  return sum
}

private func texts(_ lines: Int) -> Int {
  var counts: [String: [Int]] = [:]
  for line in 0..<lines {
    let text = "request \(line) of customer number \(line % 977) for the item called thing-\(line % 389)"
    for word in text.split(separator: " ") where word.count > 3 { counts[String(word), default: []].append(line) }
  }
  return counts.values.reduce(0) { $0 + $1.count }
}
