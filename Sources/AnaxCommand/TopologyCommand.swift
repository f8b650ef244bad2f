// SPDX-License-Identifier: Apache-2.0
//
// `anax topology`: the machine, its limits and the rung, as the allocator of a process started here would find them.
import ArgumentParser
import Anax
import Machine
import Topology

struct TopologyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "topology",
    abstract: "Show nodes, CPUs, caches, page colors, limits, the rung with its reason, and where pages lie.")

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text, json, svg
  }

  @Option(help: "How to print.")
  var format: Format = .text

  func run() {
    Tunable.start()
    let report = TopologyReport(
      topology: .current(), limits: Limits(), support: .current(), rung: .current(), heap: .current(),
      engine: .current())
    let drawing = TopologyDrawing(topology: report.topology, heap: report.heap)
    switch format {
    case .text: print(report.text + "\n" + drawing.text, terminator: "")
    case .json: print(report.json.text())
    case .svg: print(drawing.svg, terminator: "")
    }
  }
}
