// SPDX-License-Identifier: Apache-2.0
// How often two CPUs that look for a page at the same time begin at one page of a chunk, by the engine's own choice,
// and how often they would without the CPU in it. Keeps the picture of the documentation: with ANAX_DRAW=1 it is drawn
// anew, else it must be what the code does.

import CAnax
import Foundation
import Testing

@testable import Pages

private enum QueueMeeting {
  static let cpus = 1...64
  static let rounds = 2000

  /// Of the requests of so many CPUs, each for a page of some object, the share that begins at another's page.
  static func share(cpus: Int, colored: Bool) -> Double {
    // Uncoloured is the choice of a machine with one CPU: object and index alone.
    anax_state().pointee.cpu_count = colored ? UInt64(cpus) : 1
    var random: UInt64 = 88_172_645_463_325_252
    var met = 0
    for _ in 0..<rounds {
      var counts = [Int](repeating: 0, count: 512)
      for cpu in 0..<cpus {
        random ^= random << 13
        random ^= random >> 7
        random ^= random << 17
        let who = UInt64(colored ? cpu : 0)
        let queue = PageQueue.start(cpu: who, pageIndex: random >> 20 & 0xffff, objectColor: random >> 40 & 63)
        counts[Int(PageQueue.word(cpu: who) * 64 + queue)] += 1
      }
      met += counts.filter { $0 > 1 }.reduce(0, +)
    }
    return Double(met) / Double(rounds * cpus)
  }

  static func svg(_ lines: [(name: String, title: String, shares: [Double])]) -> String {
    func x(_ cpus: Int) -> Double { 60 + Double(cpus - 1) * 8 }
    func y(_ share: Double) -> Double { 280 - share * 240 }
    func number(_ value: Double) -> String { String(format: "%.1f", value) }
    var parts: [String] = []
    for percent in stride(from: 0, through: 100, by: 25) {
      let at = number(y(Double(percent) / 100))
      parts.append("<line class=\"grid\" x1=\"60\" x2=\"564\" y1=\"\(at)\" y2=\"\(at)\"/>")
      parts.append("<text class=\"end\" x=\"54\" y=\"\(at)\">\(percent)%</text>")
    }
    for cpus in [1, 16, 32, 48, 64] {
      parts.append("<text class=\"middle\" x=\"\(number(x(cpus)))\" y=\"300\">\(cpus)</text>")
    }
    for (index, line) in lines.enumerated() {
      let points = zip(cpus, line.shares).map { "\(number(x($0))),\(number(y($1)))" }.joined(separator: " ")
      parts.append("<polyline class=\"\(line.name)\" points=\"\(points)\"/>")
      parts.append("<text x=\"\(80 + index * 190)\" y=\"24\">\(line.title)</text>")
      parts.append(
        "<line class=\"\(line.name)\" x1=\"\(60 + index * 190)\" x2=\"\(76 + index * 190)\" y1=\"20\" y2=\"20\"/>")
    }
    parts.append("<text class=\"middle\" x=\"312\" y=\"322\">CPUs that ask at once</text>")
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 334" role="img" aria-label="share of requests that begin at a page where another CPU begins">
      <style>text{font:13px sans-serif;fill:#222}.end{text-anchor:end}.middle{text-anchor:middle}.grid{stroke:#ddd}.plain{stroke:#d9822b;stroke-width:2;fill:none}.colored{stroke:#2f6fb0;stroke-width:2;fill:none}</style>
      <rect width="100%" height="100%" fill="#fff"/>
      \(parts.joined(separator: "\n"))
      </svg>

      """
  }
}

@Suite struct QueueMeetingTests {
  @Test func cpusMeetOnlyWithoutColor() async {
    await #expect(processExitsWith: .success) {
      let plain = QueueMeeting.cpus.map { QueueMeeting.share(cpus: $0, colored: false) }
      let colored = QueueMeeting.cpus.map { QueueMeeting.share(cpus: $0, colored: true) }
      #expect(colored.allSatisfy { $0 == 0 })
      // 48 CPUs that choose among 64 queues at random: 1 - (63/64)^47 of them are not alone.
      #expect(abs(plain[47] - 0.523) < 0.02, "\(plain[47])")
      #expect(plain[0] == 0 && plain[1] > 0.005)

      let picture = QueueMeeting.svg([
        ("plain", "object and index alone", plain), ("colored", "with the CPU (Anax)", colored),
      ])
      let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Sources/Anax/Anax.docc/Resources/queues.svg")
      if ProcessInfo.processInfo.environment["ANAX_DRAW"] == "1" {
        try picture.write(to: file, atomically: true, encoding: .utf8)
      }
      #expect(try String(contentsOf: file, encoding: .utf8) == picture, "the picture is old: run this with ANAX_DRAW=1")
    }
  }
}
