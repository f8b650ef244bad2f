// SPDX-License-Identifier: Apache-2.0
//
// The machine as a picture: nodes with their CPUs and memory, the region that Anax has for each and where its pages
// lie, the distances, and in the SVG the caches and the warnings, which the text form has above its drawing; and of
// another process its other memory. As lines of text, and as an SVG that needs nothing else. A process's name, and what
// warnings quote from files, may be anything: all text is escaped.
import Report
import Topology

struct TopologyDrawing {
  let topology: Topology
  let heap: HeapPicture
  var pageSize = 4096
  /// Which homes nodes use that have none of their own.
  var engine: EngineView?
  /// Of another process: its number and name.
  var process: String?
  /// Drawn in the SVG alone.
  var warnings: [String] = []

  // MARK: Text

  var text: String {
    var lines: [String] = []
    for node in boxes {
      let title = title(node)
      var rows: [String] = []
      if isNode(node) {
        rows.append(node.cpus.isEmpty ? "no CPU" : "CPUs \(node.cpus)")
        if let memory = node.memory { rows.append("memory \(TopologyReport.bytes(memory))") }
        if let home = homeLabel(node) { rows.append(home) }
      }
      for region in heap.regions(home: node.id) {
        let addresses = region.addresses
        rows.append(
          "region \(TopologyReport.bytes(UInt64(addresses.count))) from 0x\(String(addresses.lowerBound, radix: 16))")
        rows += region.pages.rows.map { "pages \(count($0.count)) on node \($0.node)" }
      }
      let width = max(28, rows.map(\.count).max() ?? 0)
      lines.append("+- \(title) " + String(repeating: "-", count: width - title.count - 1) + "+")
      lines += rows.map { "| \($0)" + String(repeating: " ", count: width - $0.count) + " |" }
      lines.append("+" + String(repeating: "-", count: width + 2) + "+")
    }
    if topology.nodes.count > 1 {
      lines.append(row("distance to", topology.nodes.map { "\($0.id)" }))
      lines += topology.nodes.map { row("from \($0.id)", $0.distances.map { "\($0)" }) }
    }
    return (lines + surroundings).joined(separator: "\n") + "\n"
  }

  /// What another process has in memory outside the regions, as lines.
  private var surroundings: [String] {
    guard let around = heap.surroundings else { return [] }
    return [("tables", around.tables), ("other memory", around.other)].map { label, pages in
      let parts = pages.rows.map { "\(count($0.count)) on node \($0.node)" }
      return "pages of \(label): " + (parts.isEmpty ? "none" : parts.joined(separator: ", "))
    } + (heaps > 1 ? ["\(heaps) heaps: the library is in the process more than once"] : [])
  }

  private var heaps: Int { Dictionary(grouping: heap.regions, by: \.home).values.map(\.count).max() ?? 0 }

  /// The nodes, then the homes of Anax's that no node has now.
  private var boxes: [Topology.Node] {
    let homes = Set(heap.regions.map(\.home)).subtracting(topology.nodes.map(\.id)).filter { home in
      // Numbers between nodes have a home each, whose pages are none.
      heap.regions(home: home).contains { !$0.pages.isEmpty }
    }
    return topology.nodes + homes.sorted().map { .init(id: $0, cpus: [], memory: nil, distances: []) }
  }

  private func isNode(_ box: Topology.Node) -> Bool { topology.nodes.contains { $0.id == box.id } }

  private func title(_ box: Topology.Node) -> String {
    if !isNode(box) { return "home \(box.id), of no node" }
    return "node \(box.id)" + (topology.allowedNodes.contains(box.id) ? "" : ", not allowed")
  }

  /// nil: the node has a home of its own, or no CPU.
  private func homeLabel(_ node: Topology.Node) -> String? {
    guard let home = engine?.home(ofNode: node.id), home != node.id, !node.cpus.isEmpty else { return nil }
    return "uses home \(home)"
  }

  private func count(_ pages: Int) -> String { "\(pages) (\(TopologyReport.bytes(UInt64(pages * pageSize))))" }

  private func row(_ label: String, _ cells: [String]) -> String {
    label + String(repeating: " ", count: max(1, 12 - label.count))
      + cells.map { String(repeating: " ", count: max(1, 5 - $0.count)) + $0 }.joined()
  }

  // MARK: SVG

  /// Wide enough for six CPUs in a row.
  private static let leastBox = 210
  private static let line = 18
  private static let gap = 18
  private static let cell = 34
  /// Of a line of a warning, in characters.
  private static let warningWidth = 96
  private static let style = """
    text{font:13px sans-serif;fill:#222}.head{font-weight:bold}.node{fill:#f4f4f0;stroke:#888}.cpu{fill:#c9dcf2;stroke:#5b7fa8}\
    .idle{fill:#e4e4e4;stroke:#999}.here{fill:#5b9a68}.away{fill:#d9822b}.middle{text-anchor:middle}.end{text-anchor:end}\
    .warning{fill:#a11}
    """

  /// Pixels that a text takes at most, as long as it is mostly digits and small letters.
  static func width(of text: String) -> Int { text.count * 17 / 2 }

  /// What stands at the bottom of a node's box.
  private func regionLabels(_ node: Topology.Node) -> [String] {
    let regions = heap.regions(home: node.id).map(\.addresses).map {
      "region \(TopologyReport.bytes(UInt64($0.count))), 0x\(String($0.lowerBound, radix: 16))"
    }
    return isNode(node) ? regions + (homeLabel(node).map { [$0] } ?? []) : regions
  }

  /// Of all regions of the node's home.
  private func pages(_ node: Topology.Node) -> HeapPicture.Pages {
    heap.regions(home: node.id).reduce([:]) { $0 + $1.pages }
  }

  private func memoryLabel(_ node: Topology.Node) -> String {
    if !isNode(node) { return "" }
    return node.memory.map { "memory \(TopologyReport.bytes($0))" } ?? "memory unknown"
  }

  /// A line for each node that pages of this one's region lie on; none without pages.
  private func pageLabels(_ node: Topology.Node) -> [String] {
    let pages = pages(node)
    if pages.isEmpty { return [] }
    if !isNode(node) { return pages.rows.map { "pages: \(count($0.count)) on node \($0.node)" } }
    return ["pages: \(count(pages[node.id] ?? 0)) here"]
      + pages.rows.filter { $0.node != node.id }.map { "pages: \(count($0.count)) on node \($0.node)" }
  }

  private var box: Int {
    let labels = boxes.flatMap { node in
      [title(node), memoryLabel(node)] + regionLabels(node) + pageLabels(node)
    }
    return max(Self.leastBox, 20 + (labels.map { Self.width(of: $0) }.max() ?? 0))
  }

  /// What stands below the machine, each in a line of its own, or of a class of the style.
  private var remarks: [(kind: String, text: String)] {
    let facts =
      topology.cacheLines.map { "\($0.label): \($0.value)" } + (process.map { ["process \($0)"] } ?? []) + surroundings
    return facts.map { ("", $0) } + warnings.flatMap { Self.wrapped("warning: " + $0).map { ("warning", $0) } }
  }

  /// Lines of `warningWidth` at most, cut at blanks; a word that is longer is cut too.
  static func wrapped(_ text: String) -> [String] {
    var lines: [String] = []
    var rest = Substring(text)
    while rest.count > warningWidth {
      let most = rest.prefix(warningWidth + 1)
      let end = most.lastIndex(of: " ").flatMap { $0 == rest.startIndex ? nil : $0 } ?? most.dropLast().endIndex
      lines.append(String(rest[..<end]))
      rest = rest[end...].drop { $0 == " " }
    }
    return rest.isEmpty ? lines : lines + [String(rest)]
  }

  /// Well-formed XML.
  var svg: String {
    let boxes = boxes
    let most = boxes.map { ($0.cpus.count + 5) / 6 }.max() ?? 0
    let lines = boxes.map { pageLabels($0).count + max(0, regionLabels($0).count - 1) }.max() ?? 0
    let height = 100 + max(1, most) * 28 + max(1, lines) * Self.line
    let box = box
    let columns = min(4, boxes.count)
    let rows = (boxes.count + columns - 1) / columns
    let matrix = topology.nodes.count > 1 ? 50 + (topology.nodes.count + 1) * Self.cell : 0
    let remarks = remarks
    let longest = remarks.map { Self.width(of: $0.text) }.max() ?? 0
    let width = max(
      columns * (box + Self.gap) + Self.gap, 90 + (topology.nodes.count + 1) * Self.cell, 2 * Self.gap + longest)
    let bottom = rows * (height + Self.gap) + Self.gap
    let end = bottom + matrix + (remarks.isEmpty ? 0 : remarks.count * 20 + Self.gap)
    var parts: [String] = []
    for (index, node) in boxes.enumerated() {
      let x = Self.gap + index % columns * (box + Self.gap)
      let y = Self.gap + index / columns * (height + Self.gap)
      parts += draw(node, x: x, y: y, width: box, height: height, low: y + 60 + max(1, most) * 28)
    }
    if matrix > 0 { parts += distances(x: Self.gap, y: bottom) }
    for (index, remark) in remarks.enumerated() {
      parts.append(label(remark.kind, Self.gap, bottom + matrix + 14 + index * 20, remark.text))
    }
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(end)" role="img" aria-label="nodes of the machine">
      <style>\(Self.style)</style>
      <rect width="100%" height="100%" fill="#fff"/>
      \(parts.joined(separator: "\n"))
      </svg>

      """
  }

  /// `low`: where the CPUs end.
  private func draw(_ node: Topology.Node, x: Int, y: Int, width: Int, height: Int, low: Int) -> [String] {
    var parts = [rect("node", x, y, width, height)]
    parts.append(label("head", x + 10, y + 20, title(node)))
    parts.append(label("", x + 10, y + 40, memoryLabel(node)))
    for (index, cpu) in node.cpus.enumerated() {
      let left = x + 10 + index % 6 * 32
      let top = y + 50 + index / 6 * 28
      parts.append(rect(topology.allowed.contains(cpu) ? "cpu" : "idle", left, top, 28, 22))
      parts.append(label("middle", left + 14, top + 16, "\(cpu)"))
    }
    if node.cpus.isEmpty, isNode(node) { parts.append(label("", x + 10, y + 66, "no CPU")) }
    let regions = regionLabels(node)
    if let region = regions.first { parts.append(label("", x + 10, low, region)) }
    let pages = pages(node)
    let all = pages.values.reduce(0, +)
    if all > 0 {
      var left = Double(x + 10)
      for (other, count) in pages.rows {
        let share = Double(width - 20) * Double(count) / Double(all)
        parts.append(
          "<rect class=\"\(other == node.id ? "here" : "away")\" x=\"\(left)\" y=\"\(low + 10)\" width=\"\(share)\" height=\"12\"/>"
        )
        left += share
      }
    }
    for (index, line) in (pageLabels(node) + regions.dropFirst()).enumerated() {
      parts.append(label("", x + 10, low + 38 + index * Self.line, line))
    }
    return parts
  }

  /// The further, the darker.
  private func distances(x: Int, y: Int) -> [String] {
    let furthest = topology.nodes.flatMap(\.distances).max() ?? 10
    var parts = [label("head", x, y + 14, "distances, from row to column")]
    for (row, node) in topology.nodes.enumerated() {
      let top = y + 24 + (row + 1) * Self.cell
      parts.append(label("end", x + Self.cell - 8, top + 22, "\(node.id)"))
      parts.append(label("middle", x + Self.cell + row * Self.cell + Self.cell / 2, y + 24 + 26, "\(node.id)"))
      for (column, distance) in node.distances.enumerated() {
        let light = 95 - 45 * max(0, distance - 10) / max(1, furthest - 10)
        let left = x + Self.cell + column * Self.cell
        parts.append(
          "<rect x=\"\(left)\" y=\"\(top)\" width=\"\(Self.cell - 2)\" height=\"\(Self.cell - 2)\" fill=\"hsl(30,70%,\(light)%)\"/>"
        )
        parts.append(label("middle", left + Self.cell / 2 - 1, top + 21, "\(distance)"))
      }
    }
    return parts
  }

  private func rect(_ name: String, _ x: Int, _ y: Int, _ width: Int, _ height: Int) -> String {
    "<rect class=\"\(name)\" x=\"\(x)\" y=\"\(y)\" width=\"\(width)\" height=\"\(height)\" rx=\"3\"/>"
  }

  private func label(_ name: String, _ x: Int, _ y: Int, _ text: String) -> String {
    "<text class=\"\(name)\" x=\"\(x)\" y=\"\(y)\">\(Markup.escaped(text))</text>"
  }
}
