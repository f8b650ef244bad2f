// SPDX-License-Identifier: Apache-2.0
// Spin policies, and what contention costs as statistics tell it.

import CAnax
import CAnaxTokens
import Glibc
import LockFree
import Machine
import Testing
@testable import Tokens

@testable import Anax

@Suite struct PolicyTests {
  @Test func policiesAreCutToTheirRanges() {
    #expect(
      SpinPolicy(tries: -1, delay: 5_000_000, longestDelay: -3)
        == SpinPolicy(tries: 0, delay: 1_000_000, longestDelay: 1_000_000))
    #expect(SpinPolicy.fixed(tries: 7, delay: 9) == SpinPolicy(tries: 7, delay: 9, longestDelay: 9, growth: .none))
    #expect(SpinPolicy.dragonfly2011.tries == 5 && SpinPolicy.exponential2018.growth == .half)
    for growth in SpinPolicy.Growth.allCases {
      let policy = SpinPolicy(tries: 1_000_000, delay: 123_456, longestDelay: 999_999, growth: growth)
      #expect(SpinPolicy(packed: policy.packed) == policy)
    }
    #expect(SpinPolicy(packed: 0) == nil)
    var policy = SpinPolicy.standard
    policy.tries = 9_000_000
    policy.delay = -1
    #expect(SpinPolicy(packed: policy.packed)?.tries == 1_000_000 && SpinPolicy(packed: policy.packed)?.delay == 0)
  }

  @Test func aTokenHasItsOwnOrTheProcesss() {
    let token = Token(policy: .dragonfly2011)
    #expect(token.policy == .dragonfly2011)
    token.policy = .exponential2018
    #expect(token.policy == .exponential2018)
    token.policy = nil
    #expect(token.policy == nil && Token().policy == nil)
  }

  @Test func tunablesAreLiveAndRefuseWhatIsOutOfRange() async {
    await #expect(processExitsWith: .success) {
      #expect(SpinPolicy.process == .standard)
      try Tunables.set("lwkt.token_spin", to: 77)
      try Tunables.set("lwkt.token_delay", to: 5)
      try Tunables.set("lwkt.token_delay_max", to: 50)
      try Tunables.set("lwkt.token_backoff", to: 2)
      #expect(SpinPolicy.process == SpinPolicy(tries: 77, delay: 5, longestDelay: 50, growth: .double))
      for (name, value) in [
        ("lwkt.token_spin", -1), ("lwkt.token_spin", 1_000_001), ("lwkt.token_delay", 1_000_001),
        ("lwkt.token_backoff", 3), ("lwkt.token_fair", 9_999), ("lwkt.spin_loops", -1),
      ] {
        #expect(throws: TunablesError.self) { try Tunables.set(name, to: value) }
      }
      #expect(SpinPolicy.process.tries == 77)
    }
  }

  /// A change is seen by who begins to wait after it, and by nobody's loss.
  @Test func policiesChangeWhileThreadsWait() {
    let token = Token()
    let guarded = Guarded()
    let policies: [SpinPolicy?] = [
      nil, .dragonfly2011, .exponential2018, .fixed(tries: 0), .fixed(tries: 100, delay: 200),
    ]
    onThreads(5) { index in
      for round in 0..<4000 {
        if index == 0 {
          token.policy = policies[round % policies.count]
        } else {
          token.withToken { guarded.value += 1 }
        }
      }
    }
    #expect(guarded.value == 16_000)
  }

  @Test func nothingIsCountedWithoutContention() {
    let token = Token()
    for _ in 0..<1000 {
      token.withToken { token.withShared {} }
      token.withShared {}
      _ = token.tryWithToken {}
      Token.blocking {}
    }
    Worker { token.withToken {} }.join()
    token.withToken { Worker { #expect(token.tryWithToken { 1 } == nil) }.join() }
    let statistics = token.statistics
    #expect(
      statistics.collisions == 0 && statistics.parked == 0 && statistics.totalWait == .zero && statistics.waits.isEmpty)
  }

  @Test func waitsAreCounted() {
    let token = Token("counted", policy: .fixed(tries: 0))
    let before = Token.totalStatistics
    for round in 1...5 {
      token.acquire()
      let waiter = Worker { token.withToken {} }
      #expect(eventually { token.hasWaiting(1, parked: round) })
      usleep(5000)
      token.release()
      waiter.join()
    }
    let statistics = token.statistics
    #expect(statistics.collisions == 5 && statistics.spun == 0 && statistics.parked >= 5)
    #expect(statistics.longestWait >= .milliseconds(4) && statistics.totalWait >= .milliseconds(20))
    #expect(statistics.totalWait >= statistics.longestWait)
    #expect(statistics.waits.reduce(0) { $0 + $1.count } == 5)
    #expect(zip(statistics.waits, statistics.waits.dropFirst()).allSatisfy { $0.from < $1.from })
    #expect(Token.totalStatistics.collisions >= before.collisions + 5)
  }

  @Test func waitsWhoseTimeIsUpAreCounted() {
    let token = Token(policy: .fixed(tries: 0))
    token.acquire()
    Worker {
      for _ in 0..<3 { _ = try? token.acquire(timeout: .milliseconds(20)) }
      _ = try? token.acquireShared(timeout: .milliseconds(20))
      _ = try? token.acquire(timeout: .zero)
    }.join()
    token.release()
    let statistics = token.statistics
    #expect(statistics.expired == 5 && statistics.collisions == 5 && statistics.spun == 0)
    // A little less than four times twenty: a deadline is set before its wait is measured.
    #expect(statistics.totalWait >= .milliseconds(65) && statistics.waits.reduce(0) { $0 + $1.count } == 5)
  }

  /// A record of statistics that goes to another token begins with nothing.
  @Test func statisticsDoNotPassToTheNextToken() {
    for _ in 0..<20 {
      let token = Token(policy: .fixed(tries: 0))
      #expect(token.statistics.collisions == 0)
      token.acquire()
      let waiter = Worker { token.withToken {} }
      #expect(eventually { token.word.waiting == 1 })
      token.release()
      waiter.join()
      #expect(token.statistics.collisions == 1)
    }
  }

  @Test func theHookSeesEachWait() async {
    await #expect(processExitsWith: .success) {
      let token = Token("observed", policy: .fixed(tries: 0))
      let seen = Tally()
      TokenContention.observe { contention in
        #expect(contention.name == "observed" && contention.identity == UInt(bitPattern: token.state))
        #expect(contention.slept && contention.wait > .zero && !contention.backtrace(depth: 8).isEmpty)
        seen.add()
      }
      for round in 1...3 {
        token.acquire()
        let waiter = Worker { token.withToken {} }
        #expect(eventually { token.hasWaiting(1, parked: round) })
        usleep(1000)
        token.release()
        waiter.join()
      }
      #expect(seen.value == 3)
      TokenContention.observe(nil)
      token.acquire()
      let waiter = Worker { token.withToken {} }
      #expect(eventually { token.word.waiting == 1 })
      token.release()
      waiter.join()
      #expect(seen.value == 3)
    }
  }

  /// Counters of two processors may disagree: a wait may seem to have begun after its end, and sums may be absurd.
  @Test func ticksThatMakeNoSenseAreBorne() async {
    await #expect(processExitsWith: .success) {
      Token().withShared {}
      for ticks in [0, 1, 1 << 40, 1 << 63, .max] as [UInt64] {
        let first = TokenEngine.nanoseconds(ofTicks: ticks)
        #expect(first <= UInt64(Int64.max) && (ticks > 0 || first == 0))
      }
      // The start lies in the future.
      anax_token_state().pointee.clock_then = .max / 2
      #expect(TokenEngine.nanoseconds(ofTicks: 1000) == 0)
      anax_token_state().pointee.ticks_then = .max / 2
      #expect(TokenEngine.nanoseconds(ofTicks: 1000) == 0)
    }
  }

  /// Whatever the policy, and across tries: so that a hypervisor sees no loop of them.
  @Test func noMoreThanSixteenPausesFollowEachOther() {
    let thread = ThreadRecord.current()
    let token = Token()
    token.acquire()
    defer { token.release() }
    let word = AtomicWord(anax_token_word(token.state))
    var most: UInt32 = 0
    for policy in [
      SpinPolicy.standard, .dragonfly2011, .exponential2018, .fixed(tries: 40), .fixed(tries: 7, delay: 5000),
    ] {
      token.policy = policy
      for _ in 0..<3 {
        var spin = Spin(token.state, thread)
        defer { spin.end() }
        var seen = word.loadRelaxed()
        var before = thread.pointee.pauses
        while spin.wait(word, &seen) {
          #expect(thread.pointee.pauses != before || policy.longestDelay > 0 || policy.delay > 0, "a try pauses")
          before = thread.pointee.pauses
          most = max(most, before)
        }
      }
    }
    #expect(most == Spin.burst)
    #if arch(x86_64)
      for _ in 0..<100 {
        let begun = anax_ticks()
        Spin.gap()
        #expect(anax_ticks() - begun > 128)
      }
    #endif
  }

  @Test func aPauseIsMeasured() {
    let picoseconds = Spin.measurePause()
    #expect((100...1_000_000).contains(picoseconds))
    #expect(Spin.pauses(inNanoseconds: 0) == 1)
    // Whole pauses, and a fraction of 2^32 for the factor: the last is less than one more.
    for nanoseconds: UInt64 in [200, 1000, 100_000] {
      let exact = Double(nanoseconds) * 1000 / Double(picoseconds)
      #expect(abs(Double(Spin.pauses(inNanoseconds: nanoseconds)) - max(1, exact)) < 1 + exact / 1000)
    }
  }

  /// Never sooner; how much later is the machine's affair. In a process where no other test spins: those whose tokens
  /// share a line share its limit of spinners.
  @Test func aSpinLastsAsLongAsItsTriesAndDelaysSay() async {
    await #expect(processExitsWith: .success) {
      let thread = ThreadRecord.current()
      let token = Token()
      token.acquire()
      defer { token.release() }
      token.policy = .fixed(tries: 50, delay: 20_000)
      var spin = Spin(token.state, thread)
      defer { spin.end() }
      let word = AtomicWord(anax_token_word(token.state))
      var seen = word.loadRelaxed()
      let begun = anax_clock()
      while spin.wait(word, &seen) {}
      #expect(anax_clock() - begun > 500_000, "1 ms, less what a PAUSE may have been measured too long")
    }
  }
}
