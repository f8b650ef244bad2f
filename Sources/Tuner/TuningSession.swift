// SPDX-License-Identifier: Apache-2.0
//
// A tuning from its wishes to its report: looks at the machine, makes the plan, takes the readings, computes the
// optima.
// One at a time, on the calling thread: the two tunables are the process's own, and it sets them for every cell.

import Anax
import CAnax
import Glibc
import Machine
import Topology

package struct TuningSession {
  package struct Wishes: Sendable {
    package var grid: WorkloadGrid
    package var tries: [Int]
    package var delays: [Int]
    package var policies: [Candidate]
    package var effort: Plan.Effort
    package var rails = GuardRails()
    package var seed: UInt64 = 1
    package var program: [String]?

    package init(grid: WorkloadGrid, tries: [Int], delays: [Int], policies: [Candidate], effort: Plan.Effort) {
      self.grid = grid
      self.tries = tries
      self.delays = delays
      self.policies = policies
      self.effort = effort
    }
  }

  package let wishes: Wishes
  package let command: String
  package let date: String
  package var isInterrupted: () -> Bool = { false }
  /// What is going on before the first cell, in words; then how far it is.
  package var announce: (String) -> Void = { _ in }
  package var report: (Progress) -> Void = { _ in }

  package init(_ wishes: Wishes, command: String, date: String) {
    self.wishes = wishes
    self.command = command
    self.date = date
  }

  package func run() throws(CellFailure) -> TuningReport {
    // A profile in this process's environment, or in that of the programs it runs, would set what is to be compared.
    unsetenv("ANAX_PROFILE")
    Tunable.start()
    let start = Clock.seconds
    let allowed = Topology().allowed
    let machine = MachineFingerprint.current()
    announce("measuring the machine")
    let clock = Clock()
    let costs = try MachineCosts.measure(cpus: Array(allowed), clock: clock)
    let before = SpinPolicy.process
    defer { set(Candidate(before)) }
    let standard = Candidate(.standard)
    var plan = Plan(
      candidates: CandidateGrid(
        tries: wishes.tries, delays: wishes.delays, standard: standard, policies: wishes.policies
      ).candidates,
      grid: wishes.grid, program: wishes.program, cpus: allowed.count, effort: wishes.effort, seed: wishes.seed)
    announce("measuring how long waits are")
    let optima = try self.optima(
      plan, costs, clock, cpus: allowed.count, standard: standard, until: plan.limit.map { start + $0 / 5 })
    let begun = Clock.seconds
    plan.budget = plan.budget.map { max(1, $0 - (begun - start)) }
    plan.limit = plan.limit.map { max(1, $0 - (begun - start)) }

    let limit = plan.limit
    let isInterrupted = self.isInterrupted
    var tuning = Tuning(plan: plan, rails: wishes.rails, now: { Clock.seconds }) {
      candidate, workload, seconds throws(CellFailure) in
      switch workload {
      case .contention(let workload):
        let run = ContentionRun(workload, cpus: allowed.count, clock: clock)
        set(candidate)
        return try run.measure(Token("tune"), seconds: seconds).0
      case .program(let command):
        return try ProgramRun(command, cpus: allowed.count).measure(
          variables: Self.variables(candidate),
          isInterrupted: { isInterrupted() || limit.map { Clock.seconds - begun >= $0 } ?? false })
      }
    }
    tuning.isInterrupted = isInterrupted
    tuning.report = report
    return TuningReport(
      record: tuning.run(), machine: machine, costs: costs, optima: optima, date: date, command: command)
  }

  /// One cell of each contention, with so many tries that nearly nobody blocks: how long waits are by themselves. None
  /// begins after `end`.
  private func optima(
    _ plan: Plan, _ costs: MachineCosts, _ clock: Clock, cpus: Int, standard: Candidate, until end: Double?
  ) throws(CellFailure) -> [Int: SpinOptimum] {
    var optima: [Int: SpinOptimum] = [:]
    let pause = costs.pause.middle
    // What an acquisition takes that nobody contends is no wait.
    let free = 2 * Self.uncontended(clock) + 60
    for index in plan.workloads.indices {
      guard case .contention(let workload) = plan.workloads[index], !plan.heldOut.contains(index), !isInterrupted(),
        end.map({ Clock.seconds < $0 }) ?? true
      else { continue }
      let tries = Int(2_000_000 / max(pause, 1))
      let run = ContentionRun(workload, cpus: cpus, clock: clock)
      set(Candidate(tries: tries, delay: 0))
      let waits = try run.measure(Token("tune"), seconds: wishes.effort.cell * 2).1
      optima[index] = SpinOptimum(
        waits: waits.contended(above: free, nanosecondsPerTick: clock.nanosecondsPerTick),
        blockCost: costs.blockCost(threads: workload.threads(cpus: cpus), cpus: cpus),
        defaultBudget: standard.budget(pause: pause))
    }
    return optima
  }

  /// Nanoseconds that a token takes which nobody else wants: the median. Not a low percentile of a contended run, where
  /// every acquisition may have waited.
  private static func uncontended(_ clock: Clock) -> Double {
    let token = Token("tune")
    var times = WaitHistogram()
    for _ in 0..<2000 {
      let asked = anax_ticks()
      token.acquire()
      let got = anax_ticks()
      token.release()
      times.add(got - asked > clock.overhead ? got - asked - clock.overhead : 0)
    }
    return times.percentile(0.5) * clock.nanosecondsPerTick
  }

  private func set(_ candidate: Candidate) {
    for (tunable, value) in candidate.values { try? tunable.set(Int64(value)) }
  }

  private static func variables(_ candidate: Candidate) -> [(name: String, value: String)] {
    candidate.values.compactMap { tunable, value in
      Tunables.entry("\(tunable.row.name)").map { ($0.variable, "\(value)") }
    }
  }
}

extension Token: ContendedToken {}
