// SPDX-License-Identifier: Apache-2.0
//
// The report as lines for a terminal.

import Report
import Anax

extension TuningReport {
  package var text: String {
    var lines: [String] = []
    func line(_ label: String, _ value: String) {
      lines.append(label + String(repeating: " ", count: max(1, 20 - label.count)) + value)
    }
    for row in machineRows { line(row.label, row.value) }
    lines.append("")
    lines += table
    lines.append("")
    for (index, optimum) in optima.sorted(by: { $0.key < $1.key }) {
      line("computed optimum", "\(optimumText(optimum)): \(plan.workloads[index].name)")
    }
    if !optima.isEmpty { lines.append("") }
    line("cells", measureText)
    line("verdict", verdict)
    line("", reason)
    if let warning { line("warning", warning) }
    return lines.joined(separator: "\n") + "\n"
  }

  package var machineRows: [(label: String, value: String)] {
    let quota = machine.cpuQuota.map { ", quota \(Text.number($0))" } ?? ""
    func spread(_ spread: MachineCosts.Spread?, _ none: String) -> String {
      guard let spread else { return none }
      return "\(Text.duration(spread.middle)) (\(Text.duration(spread.low)) to \(Text.duration(spread.high)))"
    }
    return [
      ("processor", "\(machine.processor), \(machine.architecture)"),
      ("CPUs allowed", "\(machine.cpus)\(quota)"),
      ("hypervisor", machine.hypervisor ?? "none"),
      ("kernel", machine.kernel),
      (
        "cycle counter",
        "\(Text.fixed(costs.counterFrequency, places: 0)) kHz, \(Text.duration(costs.counterRead)) to read twice"
      ),
      ("one pause", spread(costs.pause, "")),
      (
        "futex, same CPU",
        spread(costs.futexSameCPU, "not measured: threads cannot be kept on a CPU here") + ", there and back"
      ),
      (
        "futex, two CPUs",
        costs.futexOtherCPU == nil ? "not measured: one CPU" : spread(costs.futexOtherCPU, "") + ", there and back"
      ),
      ("context switch", spread(costs.contextSwitch, "not measured: threads cannot be kept on a CPU here")),
    ]
  }

  /// The finalists beside the default, then the winner where it was not tuned.
  private var table: [String] {
    var rows = [["candidate", "throughput", "CPU per operation", "p99.9 of the wait", "least fair", "rounds"]]
    func row(_ name: String, _ comparison: Comparison) {
      rows.append([
        name, Choice.text(comparison.throughput), Text.change(comparison.cpu.middle),
        comparison.tail.map { Text.change($0.middle) } ?? "–",
        comparison.parts.compactMap(\.fairness?.own).min().map { Text.fixed($0, places: 2) } ?? "–",
        "\(comparison.rounds)",
      ])
    }
    for comparison in finalists { row("\(plan.candidates[comparison.candidate].name), finals", comparison) }
    if let candidate = record.winner {
      let name = plan.candidates[candidate].name
      if let own = Comparison(record.samples, stage: .confirmation, candidate: candidate, workloads: plan.objective) {
        row("\(name), confirmed", own)
      }
      for workload in plan.heldOut {
        if let other = Comparison(record.samples, stage: .confirmation, candidate: candidate, workloads: [workload]) {
          row("  validated: \(plan.workloads[workload].name)", other)
        }
      }
    }
    guard rows.count > 1 else { return ["no candidate has come to the finals"] }
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ").trimmedEnd
    } + ["relative to the default, \(plan.candidates[0].name)"]
  }

  package func optimumText(_ optimum: SpinOptimum) -> String {
    "wait \(Text.duration(optimum.budget)), then block (\(Text.duration(optimum.cost)) an acquisition; default "
      + "\(Text.duration(optimum.costOfDefault)), blocking at once \(Text.duration(optimum.costOfBlocking)), "
      + "a block costs \(Text.duration(optimum.blockCost)))"
  }

  package var measureText: String {
    "\(record.samples.count) measured, \(record.discarded) thrown away as dirty and redone, \(record.dirty) kept dirty, "
      + "in \(Text.clock(record.duration))"
      + (plan.leftOut == 0
        ? ""
        : "; \(plan.leftOut) of the declared workloads were left out, by chance: a quick measurement has no time for them")
  }
}

extension String {
  fileprivate var trimmedEnd: String {
    var text = self
    while text.hasSuffix(" ") { text.removeLast() }
    return text
  }
}
