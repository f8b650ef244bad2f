// SPDX-License-Identifier: Apache-2.0
//
// A tuning from its wishes to its report: looks at the machine, makes the plan, takes the readings, computes the optima.
// One at a time, on the calling thread: the two tunables are the process's own, and it sets them for every cell.

import Anax
import Machine
import Topology

package struct TuningSession {
  package struct Wishes: Sendable {
    package var grid: WorkloadGrid
    package var tries: [Int]
    package var delays: [Int]
    package var effort: Plan.Effort
    package var rails = GuardRails()
    package var seed: UInt64 = 1
    package var program: [String]?

    package init(grid: WorkloadGrid, tries: [Int], delays: [Int], effort: Plan.Effort) {
      self.grid = grid
      self.tries = tries
      self.delays = delays
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
    Tunable.start()
    let start = Clock.seconds
    let allowed = Topology().allowed
    let machine = MachineFingerprint.current()
    announce("measuring the machine")
    let clock = Clock()
    let costs = try MachineCosts.measure(cpus: allowed.ids, clock: clock)
    let before = (Tunable.tokenSpin.value, Tunable.tokenDelay.value)
    defer { set(Int(before.0), Int(before.1)) }

    let standard = Candidate.tunables(tries: Int(Tunable.tokenSpin.row.initial), delay: Int(Tunable.tokenDelay.row.initial))
    var plan = Plan(
      candidates: CandidateGrid(
        tries: wishes.tries, delays: wishes.delays, standard: standard,
        // A program is told its tunables by its environment, which names no policy.
        policies: wishes.program == nil ? MeasuredToken.policies : []
      ).candidates,
      grid: wishes.grid, program: wishes.program, cpus: allowed.count, effort: wishes.effort, seed: wishes.seed)
    announce("measuring how long waits are")
    let optima = try self.optima(plan, costs, clock, cpus: allowed.count, standard: standard)
    plan.budget = plan.budget.map { max(1, $0 - (Clock.seconds - start)) }

    let isInterrupted = self.isInterrupted
    var tuning = Tuning(plan: plan, rails: wishes.rails, now: { Clock.seconds }) {
      candidate, workload, seconds throws(CellFailure) in
      switch workload {
      case .contention(let workload):
        let run = ContentionRun(workload, cpus: allowed.count, clock: clock)
        return try run.measure(token(candidate), seconds: seconds).0
      case .program(let command):
        return try ProgramRun(command, cpus: allowed.count).measure(
          variables: variables(candidate), isInterrupted: isInterrupted)
      }
    }
    tuning.isInterrupted = isInterrupted
    tuning.report = report
    return TuningReport(
      record: try tuning.run(), machine: machine, costs: costs, optima: optima, date: date, command: command)
  }

  /// One cell of each contention, with so many tries that nearly nobody blocks: how long waits are by themselves.
  private func optima(
    _ plan: Plan, _ costs: MachineCosts, _ clock: Clock, cpus: Int, standard: Candidate
  ) throws(CellFailure) -> [Int: SpinOptimum] {
    var optima: [Int: SpinOptimum] = [:]
    let pause = costs.pause.middle
    for index in plan.workloads.indices {
      guard case .contention(let workload) = plan.workloads[index], !plan.heldOut.contains(index), !isInterrupted()
      else { continue }
      let tries = Int(2_000_000 / max(pause, 1))
      let run = ContentionRun(workload, cpus: cpus, clock: clock)
      let waits = try run.measure(token(.tunables(tries: tries, delay: 0)), seconds: wishes.effort.cell * 2).1
      // What an acquisition takes that nobody contends is no wait.
      let free = 2 * waits.percentile(0.01) * clock.nanosecondsPerTick + 60
      let points = waits.points.map { point in
        let nanoseconds = point.ticks * clock.nanosecondsPerTick
        return (nanoseconds: nanoseconds <= free ? 0 : nanoseconds, count: point.count)
      }
      optima[index] = SpinOptimum(
        waits: points, blockCost: costs.blockCost(threads: workload.threads(cpus: cpus), cpus: cpus),
        defaultBudget: standard.budget(pause: pause) ?? 0)
    }
    return optima
  }

  private func set(_ tries: Int, _ delay: Int) {
    try? Tunable.tokenSpin.set(Int64(tries))
    try? Tunable.tokenDelay.set(Int64(delay))
  }

  private func token(_ candidate: Candidate) -> MeasuredToken {
    switch candidate {
    case .tunables(let tries, let delay):
      set(tries, delay)
      return MeasuredToken()
    case .policy(let name): return MeasuredToken(policy: name)
    }
  }

  private func variables(_ candidate: Candidate) -> [(name: String, value: String)] {
    guard case .tunables(let tries, let delay) = candidate,
      let spin = Tunables.entry("lwkt.token_spin"), let wait = Tunables.entry("lwkt.token_delay")
    else { return [] }
    return [(spin.variable, "\(tries)"), (wait.variable, "\(delay)")]
  }
}
