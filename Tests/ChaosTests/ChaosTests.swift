// SPDX-License-Identifier: Apache-2.0
// Chaos on each rung, in a process of its own. Short by default; ANAX_CHAOS_SECONDS makes it longer and ANAX_CHAOS_SEED repeats a
// run's dice (the threads' order is the machine's). Faults are planted to see that they are found.

import CAnax
import Foundation
import Testing

@Suite(.serialized) struct ChaosTests {
  static var seed: UInt64 {
    ProcessInfo.processInfo.environment["ANAX_CHAOS_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 1...1 << 40)
  }
  static var seconds: Double {
    ProcessInfo.processInfo.environment["ANAX_CHAOS_SECONDS"].flatMap { Double($0) } ?? 3
  }

  static func said(_ result: ExitTest.Result?) -> String {
    String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
  }

  @Test(arguments: ["B", "D"])
  func everyBlockStaysWhole(_ rung: String) async {
    let plan = ChaosPlan(seed: Self.seed, seconds: Self.seconds, rung: rung)
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      [plan = plan as ChaosPlan] in Chaos(plan).run()
    }
    print(Self.said(result), terminator: "")
  }

  /// Blocks go home to another node.
  @Test(arguments: ["B", "D"])
  func everyBlockStaysWholeOnTwoNodes(_ rung: String) async {
    if sysconf(Int32(_SC_NPROCESSORS_ONLN)) < 2 { return }
    let plan = ChaosPlan(seed: Self.seed, seconds: Self.seconds, rung: rung, nodes: 2)
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      [plan = plan as ChaosPlan] in Chaos(plan).run()
    }
    print(Self.said(result), terminator: "")
  }

  /// A worker frees a block and keeps it: what an allocator does that hands a block out twice.
  @Test(arguments: ["B", "D"])
  func aBlockInTwoPlacesIsFound(_ rung: String) async {
    let plan = ChaosPlan(seed: Self.seed, threads: 3, seconds: 20, rung: rung, planted: .freedAndKept, forks: false)
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      [plan = plan as ChaosPlan] in Chaos(plan).run()
    }
    let said = Self.said(result)
    let known = ["blocks overlap", "contents changed", "not whole", "anax: "]
    #expect(known.contains { said.contains($0) }, "\(said)")
  }

  @Test func aPurgeThatDoesNothingIsFound() async {
    let plan = ChaosPlan(seed: Self.seed, threads: 3, seconds: 20, planted: .purgeDoesNothing, forks: false)
    let result = await #expect(processExitsWith: .exitCode(86), observing: [\.standardErrorContent]) {
      [plan = plan as ChaosPlan] in Chaos(plan).run()
    }
    #expect(Self.said(result).contains("calloc is not zero"))
  }
}
