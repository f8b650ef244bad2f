// SPDX-License-Identifier: Apache-2.0
//
// The machine as a picture: what it shows, and that a parser takes it.
import Anax
import Foundation
import Testing
import Topology

#if canImport(FoundationXML)
  import FoundationXML
#endif

@testable import AnaxCommand

@Suite struct DrawingTests {
  static let drawing = TopologyDrawing(
    topology: Topology(
      nodes: [
        .init(id: 0, cpus: CPUSet(0...8), memory: 3 << 29, distances: [10, 21, 41]),
        .init(id: 1, cpus: CPUSet(9...10), memory: 1 << 30, distances: [31, 10, 51]),
        .init(id: 2, cpus: CPUSet(), memory: nil, distances: [41, 51, 10]),
      ],
      possible: CPUSet(0...10), online: CPUSet(0...10), allowed: CPUSet(0...9), allowedNodes: CPUSet([0, 2]),
      caches: (0...10).map {
        .init(level: 2, kind: .unified, size: 1 << 20, ways: 8, line: 64, sets: 2048, sharedBy: CPUSet([$0]))
      },
      warnings: []),
    heap: HeapPicture(
      regions: [0x1000_0000..<0x2000_0000, 0x2000_0000..<0x3000_0000, 0x3000_0000..<0x4000_0000],
      pages: [[120, 0, 7], [0, 3, 0], [0, 0, 0]]))

  @Test func theTextShowsNodesRegionsPagesAndDistances() {
    let text = Self.drawing.text
    for line in [
      "+- node 0 ", "| CPUs 0-8 ", "| memory 1.5 GiB ", "| region 256 MiB from 0x10000000 ", "| pages  120 on node 0 ",
      "| pages  7 on node 2 ", "| no CPU ", "distance to     0    1    2\n", "from 0         10   21   41\n",
      "from 1         31   10   51\n",
    ] {
      #expect(text.contains(line), "\(line) in\n\(text)")
    }
  }

  @Test func theBoxesAreClosed() {
    let lines = Self.drawing.text.split(separator: "\n").prefix { !$0.hasPrefix("distance") }
    #expect(lines.allSatisfy { ($0.hasPrefix("|") && $0.hasSuffix("|")) || ($0.hasPrefix("+") && $0.hasSuffix("+")) })
    #expect(Set(lines.map(\.count)).count <= 3)
  }

  @Test func thePictureIsWellFormedAndComplete() throws {
    let svg = Self.drawing.svg
    let counter = Counter()
    let parser = XMLParser(data: Data(svg.utf8))
    parser.delegate = counter
    #expect(parser.parse(), "\(String(describing: parser.parserError))")
    #expect(counter.classes["node"] == 3 && counter.classes["cpu"] == 10 && counter.classes["idle"] == 1)
    #expect(counter.classes["here"] == 2 && counter.classes["away"] == 1)
    for text in ["pages: 120 here, 7 on node 2", "node 1, not allowed", ">51<", "no CPU", "L2 unified: 1 MiB, 8 ways"] {
      #expect(svg.contains(text))
    }
  }

  @Test func oneNodeHasNoDistances() {
    let one = TopologyDrawing(
      topology: Topology(
        nodes: [.init(id: 0, cpus: CPUSet([0]), memory: nil, distances: [10])], possible: CPUSet([0]),
        online: CPUSet([0]),
        allowed: CPUSet([0]), allowedNodes: CPUSet([0]), caches: [], warnings: []),
      heap: HeapPicture(regions: [], pages: []))
    #expect(!one.text.contains("distance") && !one.svg.contains("distances"))
  }
}

private final class Counter: NSObject, XMLParserDelegate {
  var classes: [String: Int] = [:]

  func parser(
    _ parser: XMLParser, didStartElement element: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    if let name = attributes["class"] { classes[name, default: 0] += 1 }
  }
}
