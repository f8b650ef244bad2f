// SPDX-License-Identifier: Apache-2.0
//
// What is chosen on machines whose truth is known: a planted optimum is found, noise is not taken for a gain, and the
// guard rails and the validation have the last word.
import Anax
import Testing

@testable import Tuner

@Suite struct ChoiceTests {
  static let planted = Candidate(tries: 40, delay: 100)

  /// Better than the default, which is better than all others.
  static func effect(_ candidate: Candidate) -> Double {
    candidate == planted ? 1.4 : (candidate == PlayedMachine.standard ? 1 : 0.8)
  }

  private func reason(_ record: Record) -> String {
    if case .keepDefault(let reason) = record.outcome { reason } else { "\(record.outcome)" }
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>) func plantedOptimumIsFound(seed: UInt64) throws {
    let machine = PlayedMachine(seed: seed)
    machine.throughput = { candidate, _ in candidate == Self.planted ? 1.4 : (candidate.policy.tries == 320 ? 0.7 : 1) }
    let record = try machine.run(PlayedMachine.plan(seed: seed))
    #expect(record.outcome == .chosen(try #require(record.plan.candidates.firstIndex(of: Self.planted))))
  }

  @Test func policyThatGrowsCanBeChosen() throws {
    let machine = PlayedMachine(seed: 3)
    machine.throughput = { candidate, _ in candidate.isPair ? 1 : 1.5 }
    let record = try machine.run()
    guard case .chosen(let index) = record.outcome else { return #expect(Bool(false), "\(record.outcome)") }
    #expect(record.plan.candidates[index].label == "exponential2018")
  }

  /// The confirmation is one comparison on fresh runs, so noise passes for a gain in at most one of forty tunings,
  /// whatever the sweep has picked.
  @Test func noiseKeepsTheDefault() throws {
    let chosen = try (1...200 as ClosedRange<UInt64>).filter { seed in
      let machine = PlayedMachine(seed: seed &* 31)
      machine.noise = 0.25
      if case .chosen = try machine.run(PlayedMachine.plan(seed: seed)).outcome { return true }
      return false
    }
    #expect(chosen.count <= 10)
  }

  @Test func noiseSaysWhy() throws {
    let machine = PlayedMachine(seed: 2)
    machine.throughput = { candidate, _ in candidate == PlayedMachine.standard ? 1 : 1.001 }
    machine.noise = 0.001
    #expect(reason(try machine.run()).contains("is below 1 %"))
    machine.throughput = { candidate, _ in candidate == PlayedMachine.standard ? 1 : 0.5 }
    #expect(reason(try machine.run()) == "nothing was faster than the default in the finals")
  }

  @Test func costlySpinningIsRefused() throws {
    let machine = PlayedMachine(seed: 5)
    machine.throughput = { candidate, _ in Self.effect(candidate) }
    machine.cpu = { candidate, _ in candidate == Self.planted ? 1.5 : 1 }
    let record = try machine.run()
    #expect(reason(record).contains("a guard rail refuses it") && reason(record).contains("CPU per operation +"))
    let patient = try machine.run(PlayedMachine.plan(), GuardRails(cpuRise: 1))
    #expect(patient.outcome == .chosen(try #require(record.plan.candidates.firstIndex(of: Self.planted))))
  }

  @Test func costOnOneWorkloadAloneIsRefusedToo() throws {
    let machine = PlayedMachine(seed: 6)
    machine.throughput = { candidate, _ in Self.effect(candidate) }
    // Over all workloads it is cheap.
    machine.cpu = { candidate, workload in
      guard candidate == Self.planted, case .contention(let it) = workload else { return 1 }
      return it.section == 2000 && it.threadsPerCPU == 4 ? 2 : 0.7
    }
    #expect(reason(try machine.run()).contains("with section 2 µs, think 500 ns, 4 threads a CPU"))
  }

  @Test func unfairIsRefused() throws {
    let machine = PlayedMachine(seed: 7)
    machine.throughput = { candidate, _ in Self.effect(candidate) }
    machine.fairness = { candidate, _ in candidate == Self.planted ? 0.6 : 0.97 }
    let words = reason(try machine.run())
    #expect(words.contains("fairness 0.60, wanted 0.9"), "\(words)")
  }

  @Test func asUnfairAsTheDefaultIsAllowed() throws {
    let machine = PlayedMachine(seed: 8)
    machine.throughput = { candidate, _ in Self.effect(candidate) }
    machine.fairness = { _, _ in 0.6 }
    #expect(try machine.run().outcome != .unfinished)
    guard case .chosen = try machine.run().outcome else { return #expect(Bool(false)) }
  }

  @Test func longTailIsRefused() throws {
    let machine = PlayedMachine(seed: 9)
    machine.throughput = { candidate, _ in Self.effect(candidate) }
    machine.tail = { candidate, _ in candidate == Self.planted ? 5 : 1 }
    #expect(reason(try machine.run()).contains("p99.9 of the wait"))
  }

  @Test func whatDoesNotHoldElsewhereIsRefused() throws {
    let machine = PlayedMachine(seed: 10)
    let plan = PlayedMachine.plan()
    let heldOut = plan.heldOut.map { plan.workloads[$0] }
    machine.throughput = { candidate, workload in
      candidate == Self.planted ? (heldOut.contains(workload) ? 0.7 : 1.4) : 0.9
    }
    let record = try machine.run(plan)
    #expect(reason(record).contains("fails its validation"))
    #expect(reason(record).contains(heldOut[0].name) && reason(record).contains(heldOut[1].name))
  }

  @Test func programDecidesForItself() throws {
    let machine = PlayedMachine(seed: 11)
    let plan = PlayedMachine.plan(program: ["server", "--once"])
    machine.throughput = { candidate, workload in
      guard case .program = workload else { return candidate == Candidate(tries: 320, delay: 0) ? 1.5 : 1 }
      return candidate == Self.planted ? 1.3 : 1
    }
    let record = try machine.run(plan)
    #expect(record.outcome == .chosen(try #require(plan.candidates.firstIndex(of: Self.planted))))
  }

  @Test func aProgramsGainThatHurtsOthersIsRefused() throws {
    let machine = PlayedMachine(seed: 12)
    machine.throughput = { candidate, workload in
      guard candidate == Self.planted else { return 0.9 }
      if case .program = workload { return 1.3 }
      return 0.6
    }
    #expect(reason(try machine.run(PlayedMachine.plan(program: ["server"]))).contains("fails its validation"))
  }

  @Test func whatOthersDisturbedConfirmsNothing() throws {
    let machine = PlayedMachine(seed: 13)
    machine.throughput = { candidate, _ in Self.effect(candidate) }
    machine.dirty = { _ in true }
    let words = reason(try machine.run())
    #expect(words.contains("were disturbed by others"), "\(words)")
  }
}
