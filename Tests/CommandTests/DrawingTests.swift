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
        .init(id: 2, cpus: [], memory: nil, distances: [41, 51, 10]),
      ],
      possible: CPUSet(0...10), online: CPUSet(0...10), allowed: CPUSet(0...9), allowedNodes: [0, 2],
      caches: (0...10).map {
        .init(level: 2, kind: .unified, size: 1 << 20, ways: 8, line: 64, sets: 2048, sharedBy: [$0])
      },
      warnings: []),
    heap: HeapPicture(regions: [
      .init(home: 0, addresses: 0x1000_0000..<0x2000_0000, pages: [0: 120, 2: 7]),
      .init(home: 1, addresses: 0x2000_0000..<0x3000_0000, pages: [1: 3]),
      .init(home: 2, addresses: 0x3000_0000..<0x4000_0000),
    ]))

  /// A process with two heaps, and a name that is not to be taken for markup.
  static let other = TopologyDrawing(
    topology: drawing.topology,
    heap: HeapPicture(
      regions: drawing.heap.regions + [.init(home: 0, addresses: 0x5000_0000..<0x7000_0000, pages: [0: 5, 1: 1])],
      surroundings: .init(tables: [0: 15], other: [0: 300, 2: 4])),
    process: "4711 (a<b>&c)")

  @Test func theTextShowsNodesRegionsPagesAndDistances() {
    let text = Self.drawing.text
    for line in [
      "+- node 0 ", "| CPUs 0-8 ", "| memory 1.5 GiB ", "| region 256 MiB from 0x10000000 ",
      "| pages 120 (480 KiB) on node 0 ",
      "| pages 7 (28 KiB) on node 2 ", "| no CPU ", "+- node 1, not allowed ", "distance to     0    1    2\n",
      "from 0         10   21   41\n",
      "from 1         31   10   51\n",
    ] {
      #expect(text.contains(line), "\(line) in\n\(text)")
    }
  }

  @Test func anotherProcessHasLinesForItsOtherMemory() {
    let lines = Self.other.text.split(separator: "\n")
    #expect(
      lines.suffix(3) == [
        "pages of tables: 15 (60 KiB) on node 0",
        "pages of other memory: 300 (1.2 MiB) on node 0, 4 (16 KiB) on node 2",
        "2 heaps: the library is in the process more than once",
      ])
    #expect(
      lines.filter { $0.hasPrefix("| region ") }.count == 4
        && lines.contains { $0.hasPrefix("| pages 5 (20 KiB) on node 0 ") })
    let svg = Self.other.svg
    let parser = XMLParser(data: Data(svg.utf8))
    let counter = Counter()
    parser.delegate = counter
    #expect(parser.parse())
    let texts = Set(counter.elements.compactMap { $0.attributes["text"]?.trimmed }.map(String.init))
    #expect(
      texts.isSuperset(of: [
        "process 4711 (a<b>&c)", "pages of tables: 15 (60 KiB) on node 0",
        "pages of other memory: 300 (1.2 MiB) on node 0, 4 (16 KiB) on node 2",
        "2 heaps: the library is in the process more than once", "pages: 125 (500 KiB) here",
        "pages: 1 (4 KiB) on node 1", "region 256 MiB, 0x10000000", "region 512 MiB, 0x50000000",
      ]), "\(texts)")
    #expect(!Self.drawing.text.contains("other memory") && !Self.drawing.svg.contains("process"))
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
    for text in [
      "pages: 120 (480 KiB) here<", "pages: 7 (28 KiB) on node 2<", "node 1, not allowed", ">51<", "no CPU",
      "L2 unified: 1 MiB, 8 ways",
    ] {
      #expect(svg.contains(text))
    }
  }

  /// Addresses of 47 bits, and many pages on each of many nodes: no text goes beyond its box, and no box over another.
  @Test func textsStayInTheirBoxes() throws {
    let wide = TopologyDrawing(
      topology: Topology(
        nodes: (0..<4).map { .init(id: $0, cpus: [$0], memory: 1 << 40, distances: [10, 20, 20, 20]) },
        possible: CPUSet(0...3), online: CPUSet(0...3), allowed: CPUSet(0...3), allowedNodes: NodeSet(0...3),
        caches: [], warnings: []),
      heap: HeapPicture(
        regions: (0..<4).map {
          .init(
            home: $0, addresses: 0x7fca_a140_0000 + UInt($0) << 37..<0x7fca_a140_0000 + UInt($0 + 1) << 37,
            pages: [0: 120_000_000, 1: 70_000_000, 2: 50_000_000, 3: 90_000_000])
        }))
    let boxes = try Self.places(of: "rect", in: wide.svg).filter { $0["class"] == "node" }.map { rect in
      try (
        x: Self.number(rect["x"]), y: Self.number(rect["y"]), width: Self.number(rect["width"]),
        height: Self.number(rect["height"])
      )
    }
    #expect(boxes.count == 4)
    for (left, right) in zip(boxes, boxes.dropFirst()) { #expect(left.x + left.width <= right.x) }
    var found = 0
    for text in Self.places(of: "text", in: wide.svg) {
      let (x, y) = try (Self.number(text["x"]), Self.number(text["y"]))
      guard let box = boxes.first(where: { $0.x + 10 == x && $0.y <= y }), y < box.y + box.height + 40 else { continue }
      found += 1
      // 0.636 of the letters' height of 13 is a digit wide in a broad typeface.
      let width = Double(try #require(text["text"]).count) * 13 * 0.636
      #expect(x + width <= box.x + box.width && y <= box.y + box.height - 4, "\(text)")
    }
    // Of each node a title, its memory, a region, and pages on four nodes.
    #expect(found == 4 * 7)
  }

  private static func number(_ text: String?) throws -> Double { try #require(text.flatMap { Double($0) }) }

  /// Attributes of each element of that name, and its text.
  private static func places(of element: String, in svg: String) -> [[String: String]] {
    let counter = Counter()
    let parser = XMLParser(data: Data(svg.utf8))
    parser.delegate = counter
    _ = parser.parse()
    return counter.elements.filter { $0.name == element }.map(\.attributes)
  }

  /// Also one that is longer than the picture is wide, and has no blank where a line ends.
  @Test func warningsAreDrawn() throws {
    let path = "/sys/" + String(repeating: "d", count: 200) + "/cpulist"
    let long = (1...40).map { "word\($0)" }.joined(separator: " ")
    var drawing = Self.drawing
    drawing.warnings = ["<a> & b", "\(path): \"x\" is not a list", long]
    let texts = Self.places(of: "text", in: drawing.svg).filter { $0["class"] == "warning" }
    let lines = texts.compactMap { $0["text"]?.trimmed }.map(String.init)
    #expect(lines.first == "warning: <a> & b" && lines.allSatisfy { $0.count <= 96 })
    #expect(lines.filter { $0.hasPrefix("warning:") }.count == 3)
    #expect(
      lines.dropFirst().joined().filter { $0 != " " }
        == "warning:\(path):\"x\"isnotalistwarning:\(long)".filter { $0 != " " })
    let heights = try texts.map { try Self.number($0["y"]) }
    #expect(zip(heights, heights.dropFirst()).allSatisfy { $0 + 13 <= $1 })
    let view = try #require(Self.places(of: "svg", in: drawing.svg).first?["viewBox"]).split(separator: " ")
    #expect(try Self.number(String(view[3])) > #require(heights.last) && Self.number(String(view[2])) >= 96 * 7)
    #expect(Self.drawing.svg.contains("class=\"warning\"") == false)
  }

  /// Node 1 went, or never had a number here: its home's pages are drawn all the same. Node 20 has no home of its own.
  @Test func homesWithoutANodeAndNodesWithoutAHome() throws {
    let drawing = TopologyDrawing(
      topology: Topology(
        nodes: [
          .init(id: 0, cpus: [0], memory: nil, distances: [10, 20]),
          .init(id: 20, cpus: [1], memory: nil, distances: [20, 10]),
        ], possible: [0, 1], online: [0, 1], allowed: [0, 1], allowedNodes: [0, 20], caches: [], warnings: []),
      heap: HeapPicture(regions: [
        .init(home: 0, addresses: 0x1000_0000..<0x2000_0000, pages: [0: 4]),
        .init(home: 1, addresses: 0x2000_0000..<0x3000_0000, pages: [0: 2, 20: 9]),
        .init(home: 2, addresses: 0x3000_0000..<0x4000_0000),
      ]), engine: EngineView(homes: 16, nodes: [0], homeOfCPU: [0: 0, 1: 0]))
    let text = drawing.text
    for line in [
      "+- home 1, of no node ", "| region 256 MiB from 0x20000000 ", "| pages 9 (36 KiB) on node 20 ", "| uses home 0 ",
    ] {
      #expect(text.contains(line), "\(line) in\n\(text)")
    }
    #expect(!text.contains("home 2") && text.components(separatedBy: "uses home").count == 2)
    let svg = drawing.svg
    #expect(
      svg.contains(">home 1, of no node<") && svg.contains(">uses home 0<")
        && svg.contains(">pages: 9 (36 KiB) on node 20<"))
    #expect(Self.places(of: "rect", in: svg).count { $0["class"] == "node" } == 3)
    #expect(!svg.contains("no CPU") && !text.contains("no CPU") && !svg.contains(">pages: 0 "))
  }

  @Test func oneNodeHasNoDistances() {
    let one = TopologyDrawing(
      topology: Topology(
        nodes: [.init(id: 0, cpus: [0], memory: nil, distances: [10])], possible: [0], online: [0], allowed: [0],
        allowedNodes: [0], caches: [], warnings: []),
      heap: HeapPicture(regions: []))
    #expect(!one.text.contains("distance") && !one.svg.contains("distances"))
  }
}

private final class Counter: NSObject, XMLParserDelegate {
  var classes: [String: Int] = [:]
  /// With its text as an attribute `text`.
  var elements: [(name: String, attributes: [String: String])] = []

  func parser(
    _ parser: XMLParser, didStartElement element: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    if let name = attributes["class"] { classes[name, default: 0] += 1 }
    elements.append((element, attributes))
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) {
    elements[elements.count - 1].attributes["text", default: ""] += string
  }
}
