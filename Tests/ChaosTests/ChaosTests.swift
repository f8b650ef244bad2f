// SPDX-License-Identifier: Apache-2.0
// Chaos on each rung that the kernel gives, in a process of its own. Short by default; ANAX_CHAOS_SECONDS makes it
// longer and ANAX_CHAOS_SEED repeats a run's dice (the threads' order is the machine's). Faults are planted to see that
// they are found.

import CAnax
import Foundation
import Testing

@Suite(.serialized) struct ChaosTests {
  /// Rung A where the kernel tells threads their node and concurrency id (since 6.3).
  static let rungs = anax_rseq_live_bytes() >= 28 ? ["A", "B", "D"] : ["B", "D"]

  static var seed: UInt64 {
    ProcessInfo.processInfo.environment["ANAX_CHAOS_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 1...1 << 40)
  }
  static var seconds: Double {
    ProcessInfo.processInfo.environment["ANAX_CHAOS_SECONDS"].flatMap { Double($0) } ?? 3
  }

  /// A plan with a log of its own.
  static func plan(rung: String, nodes: Int = 1) -> ChaosPlan {
    var plan = ChaosPlan(seed: seed, seconds: seconds, rung: rung)
    plan.nodes = nodes
    plan.log = NSTemporaryDirectory() + "/anax-chaos-\(getpid())-\(rung)-\(plan.seed)"
    return plan
  }

  static func planted(_ planted: ChaosPlan.Planted, rung: String) -> ChaosPlan {
    var plan = plan(rung: rung)
    plan.planted = planted
    plan.threads = 3
    plan.seconds = 20
    plan.forks = false
    return plan
  }

  static func said(_ plan: ChaosPlan) -> String {
    defer { unlink(plan.log) }
    // The end of an exit test writes bytes of its own there.
    let all = String(decoding: FileManager.default.contents(atPath: plan.log) ?? Data(), as: UTF8.self)
    let lines = all.split(separator: "\n").filter { $0.hasPrefix("chaos: ") || $0.hasPrefix("anax: ") }
    return lines.map { $0 + "\n" }.joined()
  }

  @Test(arguments: rungs)
  func everyBlockStaysWhole(_ rung: String) async {
    let plan = Self.plan(rung: rung)
    await #expect(processExitsWith: .success) { [plan = plan as ChaosPlan] in Chaos(plan).run() }
    print(Self.said(plan), terminator: "")
  }

  /// Blocks go home to another node.
  @Test(arguments: rungs)
  func everyBlockStaysWholeOnTwoNodes(_ rung: String) async {
    if sysconf(Int32(_SC_NPROCESSORS_ONLN)) < 2 { return }
    let plan = Self.plan(rung: rung, nodes: 2)
    await #expect(processExitsWith: .success) { [plan = plan as ChaosPlan] in Chaos(plan).run() }
    print(Self.said(plan), terminator: "")
  }

  /// A worker frees a block and keeps it: what an allocator does that hands a block out twice.
  @Test(arguments: rungs)
  func aBlockInTwoPlacesIsFound(_ rung: String) async {
    let plan = Self.planted(.freedAndKept, rung: rung)
    await #expect(processExitsWith: .failure) { [plan = plan as ChaosPlan] in Chaos(plan).run() }
    let said = Self.said(plan)
    let known = ["blocks overlap", "contents changed", "not whole", "anax: "]
    #expect(known.contains { said.contains($0) }, "\(said)")
  }

  @Test func aPurgeThatDoesNothingIsFound() async {
    let plan = Self.planted(.purgeDoesNothing, rung: "B")
    await #expect(processExitsWith: .exitCode(86)) { [plan = plan as ChaosPlan] in Chaos(plan).run() }
    let said = Self.said(plan)
    #expect(said.contains("calloc is not zero"), "\(said)")
  }
}
