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
    abstract: "Show nodes, CPUs, caches, page colors, limits, and the rung with its reason.")

  @OptionGroup var output: FormatOption

  func run() {
    Tunable.start()
    let report = TopologyReport(
      topology: .current(), limits: Limits(), support: .current(), rung: .current())
    switch output.format {
    case .text: print(report.text, terminator: "")
    case .json: print(report.json.text())
    }
  }
}
