// SPDX-License-Identifier: Apache-2.0
// The torture in a process of its own. Short by default; ANAX_TORTURE_SECONDS, or TEST_FULL=1, makes it longer, and
// ANAX_TORTURE_SEED repeats a run's dice (the threads' order is the machine's). Faults are planted to see that they are
// found.

import Foundation
import Testing

@Suite(.serialized) struct TortureTests {
  static func plan(_ fault: TorturePlan.Fault = .none) -> TorturePlan {
    let environment = ProcessInfo.processInfo.environment
    let seconds =
      environment["ANAX_TORTURE_SECONDS"].flatMap(Double.init) ?? (environment["TEST_FULL"] == "1" ? 120 : 4)
    let seed = environment["ANAX_TORTURE_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 1...1 << 40)
    let processors = Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    return TorturePlan(seed: seed, seconds: fault == .none ? seconds : 3, threads: 4 * processors, fault: fault)
  }

  @Test func theLockHoldsAndNobodyIsLeftBehind() async {
    let plan = Self.plan()
    await #expect(processExitsWith: .success) { [plan = plan as TorturePlan] in Torture(plan).run() }
  }

  /// And by the check that is there for it.
  @Test(arguments: [
    (TorturePlan.Fault.entersWithoutTaking, ["at once", "torn", "beside", "lost additions"]),
    (.wakesNobody, ["no progress", "do not end"]),
    (.forgetsWaiters, ["no progress", "do not end", "is left as"]),
  ])
  func aBrokenLockIsFound(_ fault: TorturePlan.Fault, _ words: [String]) async throws {
    let plan = Self.plan(fault)
    let result = try await #require(processExitsWith: .exitCode(9), observing: [\.standardErrorContent]) {
      [plan = plan as TorturePlan] in Torture(plan).run()
    }
    let said = String(decoding: result.standardErrorContent, as: UTF8.self)
    #expect(words.contains { said.contains($0) }, "\(said)")
  }
}
