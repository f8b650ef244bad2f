// SPDX-License-Identifier: Apache-2.0
//
// `anax topology`: the machine, its limits and the rung, as the allocator of a process started here would find them; or
// the machine and a process that runs on it.
import Anax
import ArgumentParser
import Machine
import Topology

struct TopologyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "topology",
    abstract: "Show nodes, CPUs, caches, page colors, limits, the rung with its reason, and where pages lie.",
    discussion: """
      With --process it shows the machine with the CPUs, nodes and limits of that process, and how many of its pages lie on which \
      node: those of each of Anax's regions, of the engine's tables, and all others. The kernel walks the process's page tables for \
      that, some tens of milliseconds a GiB; a thread of it that maps memory waits so long. The heap is taken to be of this \
      release and to have as many homes as one that starts now. Ends then with 2 when there is no such process, it has ended, or the \
      number is a thread's, with 3 when it may not be read, \
      with 4 when it has no heap of Anax's, with 1 when what is read makes no sense. \
      With 1 it ends also when the standard output takes no more.
      """)

  @Option(help: "How to print.")
  var format: Format = .text

  @Option(
    help: ArgumentHelp("Show this running process, in place of what one started here would find.", valueName: "pid"))
  var process: Int32?

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text, json, svg
  }

  func validate() throws {
    if let process, process < 1 { throw ValidationError("--process \(process): a process has a number above 0.") }
  }

  func run() throws {
    Tunable.start()
    let report: TopologyReport
    if let process {
      do throws(ProcessError) {
        report = try TopologyReport(process: InspectedProcess(process))
      } catch {
        Complaint.say("\(error)")
        throw ExitCode(error.exitCode)
      }
    } else {
      report = TopologyReport(
        topology: .current(), limits: Limits(), support: .current(), rung: .current(), heap: .current(),
        engine: .current())
    }
    switch format {
    case .text: try Output.write(report.text + "\n" + report.drawing.text)
    case .json: try Output.write(report.json.text() + "\n")
    case .svg: try Output.write(report.drawing.svg)
    }
  }
}

extension TopologyReport {
  /// A process as it runs now.
  init(process: InspectedProcess) throws(ProcessError) {
    var topology = Topology.current()
    let limits = Limits(of: process.id)
    let engine = EngineView.current()
    // The engine there counts the homes as the one here.
    let homes = engine?.homes ?? 1
    let memory = try process.memory(pageSize: limits.pageSize)
    let heap = HeapPicture(memory, homes: homes, pageSize: limits.pageSize) {
      HeapPicture.nodes(of: process.id, pages: $0)
    }
    guard let heap else { throw .noHeap(process.id, name: process.name) }
    topology.allowed = process.allowed.intersection(topology.online)
    topology.allowedNodes = NodeSet(topology.nodes.map(\.id)).intersection(
      process.allowedNodes ?? topology.allowedNodes)
    self.init(topology: topology, limits: limits, heap: heap, engine: engine, process: process)
  }

  var drawing: TopologyDrawing {
    TopologyDrawing(
      topology: topology, heap: heap, pageSize: limits.pageSize, engine: engine,
      process: process.map { "\($0.id) (\($0.name))" }, warnings: warnings)
  }
}
