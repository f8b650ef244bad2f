// SPDX-License-Identifier: Apache-2.0
//
// What is measured: the grids, what is held out, the stages; and the course of it: order, dirty cells, an end before
// its time.
import Anax
import Testing

@testable import Tuner

@Suite struct PlanTests {
  @Test func candidatesAreTheGridOnceEach() {
    let candidates = PlayedMachine.candidates
    #expect(candidates[0] == PlayedMachine.standard)
    #expect(Set(candidates).count == candidates.count)
    // No tries: one candidate, whatever the delay.
    #expect(candidates.filter { $0.policy.tries == 0 }.count == 1)
    // 320 × 1000 ns is within what a kernel takes to block and wake.
    #expect(candidates.count == 1 + 9 + 1 + PlayedMachine.extra)
    let long = CandidateGrid(tries: [1000], delays: [0, 1000], standard: PlayedMachine.standard, policies: [])
      .candidates
    // The default is in the grid once, whatever a delay that does not grow may grow to.
    let standard = Candidate(SpinPolicy(tries: 5, delay: 0, longestDelay: 1000))
    #expect(CandidateGrid(tries: [5], delays: [0], standard: standard, policies: []).candidates.count == 1)
    #expect(long == [PlayedMachine.standard, Candidate(tries: 1000, delay: 0)])
  }

  @Test(arguments: [1, 2, 3, 8, 64, 192]) func heldOutIsNeverTunedOn(cpus: Int) {
    for threads: [Double] in [[1], [1, 4], [0.5, 1, 2, 4, 8], [2, 1.5, 3, 6, 8, 12]] {
      let lists = [
        [100], [0], [1], [0, 1], [1, 2, 3], [100, 10_000], [5000, 50], [100, 1000, 10_000], [100, 1000, 2000, 20_000],
      ]
      for (sections, thinks) in lists.flatMap({ one in [one, [500, 5000, 50_000], [0]].map { (one, $0) } }) {
        let grid = WorkloadGrid(sections: sections, thinks: thinks, threadsPerCPU: threads, shared: [0, 0.5])
        let heldOut = grid.heldOut(cpus: cpus)
        let counts = Set(grid.workloads.map { $0.threads(cpus: cpus) })
        #expect(heldOut.count == 2)
        #expect(heldOut.allSatisfy { !grid.workloads.contains($0) })
        #expect(!sections.contains(heldOut[0].section) && !thinks.contains(heldOut[0].think))
        #expect(counts.contains(heldOut[0].threads(cpus: cpus)))
        #expect(sections.contains(heldOut[1].section) && !counts.contains(heldOut[1].threads(cpus: cpus)))
      }
    }
  }

  @Test func budgetsOfGrowingDelays() {
    #expect(Candidate(tries: 5, delay: 0).budget(pause: 40) == 200)
    #expect(Candidate(tries: 5, delay: 100).budget(pause: 40) == 500)
    let doubling = Candidate(.init(tries: 5, delay: 100, longestDelay: 400, growth: .double))
    #expect(doubling.budget(pause: 40) == 100 + 200 + 400 + 400 + 400)
  }

  @Test func everyRoundHasEveryCellOnce() throws {
    let record = try PlayedMachine(seed: 1).run()
    for stage in record.plan.stages {
      let samples = record.samples.filter { $0.stage == stage.name }
      for round in Set(samples.map(\.round)) {
        let cells = samples.filter { $0.round == round }.map { [$0.workload, $0.candidate] }
        #expect(Set(cells).count == cells.count)
        #expect(cells.count == Set(cells.map { $0[0] }).count * Set(cells.map { $0[1] }).count)
        #expect(cells.contains { $0[1] == 0 })
      }
    }
    #expect(record.samples.filter { $0.stage == .sweep }.count == 2 * 4 * (11 + PlayedMachine.extra))
    let held = Set(record.plan.heldOut)
    #expect(record.samples.allSatisfy { $0.stage == .confirmation || !held.contains($0.workload) })
  }

  @Test func orderComesFromTheSeed() throws {
    func order(_ seed: UInt64) throws -> [[Int]] {
      try PlayedMachine(seed: 1).run(PlayedMachine.plan(seed: seed)).samples.prefix(44).map {
        [$0.workload, $0.candidate]
      }
    }
    #expect(try order(1) == order(1))
    #expect(try order(1) != order(2))
  }

  @Test func dirtyCellIsRedoneTwiceAndThenKept() throws {
    let machine = PlayedMachine(seed: 1)
    // The first cell is dirty twice, the next always.
    machine.dirty = { [0, 1, 3, 4, 5, 6].contains($0) }
    let record = try machine.run()
    #expect(record.samples[0].reading.redone == 2 && !record.samples[0].reading.isDirty)
    #expect(record.samples[1].reading.redone == 2 && record.samples[1].reading.isDirty)
    #expect(record.samples[2].reading.redone == 1 && !record.samples[2].reading.isDirty)
    #expect(record.discarded == 5 && record.dirty == 1)
  }

  @Test func interruptLeavesWhatWasMeasured() throws {
    let machine = PlayedMachine(seed: 1)
    machine.throughput = { candidate, _ in candidate == ChoiceTests.planted ? 2 : 1 }
    var tuning = machine.tuning(PlayedMachine.plan())
    tuning.isInterrupted = { machine.cells >= 100 }
    let record = tuning.run()
    #expect(record.samples.count == 100 && record.isInterrupted && record.outcome == .unfinished)
  }

  @Test(arguments: [false, true], [20.0, 30, 45]) func budgetIsKept(allDirty: Bool, budget: Double) throws {
    for seed in 1...20 as ClosedRange<UInt64> {
      let machine = PlayedMachine(seed: seed)
      machine.throughput = { candidate, _ in candidate == ChoiceTests.planted ? 2 : 1 }
      machine.dirty = { _ in allDirty }
      var plan = PlayedMachine.plan(seed: seed)
      plan.budget = budget
      let record = machine.tuning(plan).run()
      #expect(machine.now <= budget + 1)
      #expect(Set(record.samples.map(\.stage)) == Set(Stage.Name.allCases))
      #expect(record.outcome != .unfinished)
    }
  }

  /// However many workloads are declared, clean or dirty, on a slow machine: a choice is made or the default kept,
  /// within a minute less what the machine's own costs take.
  @Test(arguments: [1, 4, 20], [false, true])
  func quickFitsWhateverIsDeclared(wide: Int, allDirty: Bool) throws {
    for seed in 1...3 as ClosedRange<UInt64> {
      let grid = WorkloadGrid(
        sections: (1...wide).map { $0 * 100 }, thinks: (1...wide).map { $0 * 70 },
        threadsPerCPU: wide > 1 ? [1, 4] : [1],
        shared: wide > 2 ? [0, 0.5] : [0])
      var plan = Plan(
        candidates: PlayedMachine.candidates, grid: grid, program: nil, cpus: 2, effort: .quick, seed: seed)
      #expect(plan.objective.count + plan.leftOut == grid.workloads.count)
      #expect((plan.leftOut == 0) == (wide == 1))
      #expect(Set(plan.workloads).count == plan.workloads.count)
      // What the machine's costs and the optima have taken.
      plan.budget = plan.budget! - 6
      plan.limit = plan.limit! - 6
      let machine = PlayedMachine(seed: seed)
      machine.overhead = 0.012
      machine.throughput = { candidate, _ in candidate == ChoiceTests.planted ? 2 : 1 }
      machine.dirty = { _ in allDirty }
      let record = machine.tuning(plan).run()
      #expect(machine.now <= 49.5)
      #expect(record.outcome != .unfinished, "\(wide), \(seed): \(machine.now)")
    }
  }

  @Test func whatIsDrawnComesFromTheSeed() {
    let grid = WorkloadGrid(sections: Array(1...30), thinks: [500], threadsPerCPU: [1, 4], shared: [0])
    func drawn(_ seed: UInt64) -> [Workload] {
      let plan = Plan(
        candidates: PlayedMachine.candidates, grid: grid, program: nil, cpus: 2, effort: .quick, seed: seed)
      return plan.objective.map { plan.workloads[$0] }
    }
    #expect(drawn(1) == drawn(1) && drawn(1) != drawn(2) && drawn(1).count > 4)
    let full = Plan(candidates: PlayedMachine.candidates, grid: grid, program: nil, cpus: 2, effort: .full, seed: 1)
    #expect(full.leftOut == 0 && full.objective.count == 60)
  }

  @Test func limitEndsWhatDoesNotFit() throws {
    let machine = PlayedMachine(seed: 1)
    var plan = PlayedMachine.plan()
    plan.budget = 2
    plan.limit = 3
    let record = machine.tuning(plan).run()
    #expect(record.isOutOfTime && !record.isInterrupted && record.outcome == .unfinished)
    #expect(machine.now >= 3 && machine.now < 3.5)
    #expect(!record.samples.isEmpty)
  }

  @Test func progressOnlyGoesForwardAndEnds() throws {
    let machine = PlayedMachine(seed: 1)
    machine.throughput = { candidate, _ in candidate == ChoiceTests.planted ? 2 : 1 }
    var tuning = machine.tuning(PlayedMachine.plan())
    var seen: [Progress] = []
    tuning.report = { seen.append($0) }
    let record = tuning.run()
    #expect(zip(seen, seen.dropFirst()).allSatisfy { $0.done <= $1.done + 1e-9 })
    let last = try #require(seen.last)
    #expect(last.done > 0.97 && last.done <= 1 && last.stage == .confirmation)
    // Half-way the time left is about what it then took.
    let half = try #require(seen.first { $0.done >= 0.5 })
    #expect(abs((half.left ?? 0) / (record.duration * 0.5) - 1) < 0.3)
  }

  @Test func failureOfACellEndsTheTuningAndKeepsWhatWasMeasured() {
    let machine = PlayedMachine(seed: 1)
    let tuning = Tuning(plan: PlayedMachine.plan(), rails: GuardRails(), now: { 0 }) {
      candidate, workload, seconds throws(CellFailure) in
      if machine.cells == 50 { throw CellFailure("broken") }
      return machine.measure(candidate, workload, seconds)
    }
    let record = tuning.run()
    #expect(record.failure == "broken" && record.samples.count == 50 && record.outcome == .unfinished)
  }
}
