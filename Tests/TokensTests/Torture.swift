// SPDX-License-Identifier: Apache-2.0
// A torture of the lock in the manner of the kernel's locktorture: threads take tokens in every way there is, in random
// orders, while signals come, policies and tunables change, and every section checks that it is alone, or with readers
// only. A watchdog ends a run in which a thread makes no progress. `Fault` is a lock that is broken on purpose: the
// same run must find it.

import CAnax
import CAnaxTokens
import Foundation
import LockFree
import Machine
import Tokens

@testable import Anax

struct TorturePlan: Codable, Sendable {
  enum Fault: String, Codable {
    case none
    /// Now and then a section is entered without the token.
    case entersWithoutTaking
    /// Most releases of a contended token wake nobody.
    case wakesNobody
    /// A release by the fast path leaves the word without those who wait.
    case forgetsWaiters
  }

  var seed: UInt64
  var seconds: Double
  var threads: Int
  var fault = Fault.none
}

/// What a token guards: written only by who has it exclusively.
private final class Field: @unchecked Sendable {
  let writers = Tally()
  let readers = Tally()
  var pattern: [UInt64] = Array(repeating: 0, count: 8)
}

private struct Dice {
  var state: UInt64
  mutating func roll(_ sides: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % sides
  }
}

final class Torture: @unchecked Sendable {
  private let plan: TorturePlan
  private let tokens = (0..<8).map { Token("torture \($0)", readersPerCPU: $0 >= 6) }
  private let fields = (0..<8).map { _ in Field() }
  private let value = Serialized(0, name: "value 0", readersPerCPU: true)
  private let other = Serialized(0, name: "value 1")
  private let added = [Tally(), Tally()]
  private let condition = Token("condition")
  private var wanted = 0
  private let pool = UnsafeMutablePointer<UInt64>.allocate(capacity: 64)
  private let progress: [Tally]
  private let over = Tally()

  init(_ plan: TorturePlan) {
    self.plan = plan
    progress = (0..<plan.threads).map { _ in Tally() }
    pool.initialize(repeating: 0, count: 64)
  }

  /// Ends the process with a line and status 9 where something is wrong.
  static func fail(_ text: String) -> Never {
    FileHandle.standardError.write(Data("torture: \(text)\n".utf8))
    _exit(9)
  }

  func run() {
    // Without SA_RESTART: a sleep ends by it.
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in }
    sigaction(SIGALRM, &action, nil)
    if plan.fault == .wakesNobody { plantSilence() }
    let workers = (0..<plan.threads).map { index in Worker { self.work(index) } }
    watch(workers)
    for worker in workers { worker.join() }
    check()
  }

  // MARK: One thread

  private func work(_ index: Int) {
    var dice = Dice(state: plan.seed &+ UInt64(index) &* 0x9E37_79B9_7F4A_7C15)
    while over.value == 0 {
      act(&dice)
      progress[index].add()
    }
    // Nobody is left asleep on the condition.
    condition.wakeAll()
  }

  private func act(_ dice: inout Dice) {
    let place = dice.roll(tokens.count)
    let token = tokens[place]
    switch dice.roll(16) {
    case 0...3: exclusive(place, &dice)
    case 4, 5: token.withShared { read(place) }
    case 6:
      if token.tryWithToken({ write(place) }) == nil { _ = token.tryWithShared { read(place) } }
    case 7:
      let timeout = Duration.microseconds(dice.roll(80))
      if dice.roll(2) == 0 {
        if (try? token.acquire(timeout: timeout)) != nil { write(place); token.release() }
      } else if (try? token.acquireShared(timeout: timeout)) != nil {
        read(place)
        token.release()
      }
    case 8:
      token.acquire()
      write(place)
      token.downgrade()
      read(place)
      if token.tryUpgrade() { write(place) } else { read(place) }
      token.release()
      token.withShared { if token.tryUpgrade() { write(place) } else { read(place) } }
    case 9, 10: several(&dice)
    case 11:
      token.withToken {
        write(place)
        Token.blocking { if dice.roll(2) == 0 { usleep(10) } else { exclusive((place + 1) % 8, &dice) } }
        write(place)
      }
    case 12: sleepOrWake(&dice)
    case 13:
      let which = dice.roll(2)
      if which == 0 { value.withValue { $0 += 1 } } else { other.withValue { $0 += 1 } }
      added[which].add()
    case 14:
      if dice.roll(2) == 0 {
        if dice.roll(2) == 0 {
          withSerialized(value, other) {
            $0 += 1; $1 += 1
          }
        } else {
          withSerialized(other, value) {
            $0 += 1; $1 += 1
          }
        }
        for tally in added { tally.add() }
      } else {
        let at = pool + dice.roll(64)
        Token.pool(for: at).withToken { at.pointee += 1 }
      }
    default: turnAKnob(place, &dice)
    }
  }

  private func exclusive(_ place: Int, _ dice: inout Dice) {
    if plan.fault == .entersWithoutTaking, dice.roll(64) == 0 {
      write(place, lingers: true)
      return
    }
    tokens[place].withToken {
      write(place)
      if plan.fault == .forgetsWaiters { anax_token_thread().pointee.free = 0 }
      if dice.roll(4) == 0 { tokens[place].withToken { write(place) } }
      if dice.roll(8) == 0 { tokens[place].withShared { write(place) } }
    }
  }

  /// Two to six in a random order, released in another.
  private func several(_ dice: inout Dice) {
    var places = Array(0..<8)
    for place in 0..<7 { places.swapAt(place, place + dice.roll(8 - place)) }
    places = Array(places.prefix(2 + dice.roll(5)))
    let shared = places.map { _ in dice.roll(3) == 0 }
    for (place, shared) in zip(places, shared) {
      if shared { tokens[place].acquireShared() } else { tokens[place].acquire() }
    }
    if dice.roll(4) == 0 { Token.blocking {} }
    for (place, shared) in zip(places, shared) { if shared { read(place) } else { write(place) } }
    places.swapAt(0, dice.roll(places.count))
    for place in places { tokens[place].release() }
  }

  private func sleepOrWake(_ dice: inout Dice) {
    if dice.roll(2) == 0 {
      condition.withToken { wanted += 1 }
      if dice.roll(2) == 0 { condition.wakeOne() } else { condition.wakeAll() }
      return
    }
    condition.withToken {
      for _ in 0..<3 where wanted == 0 { _ = condition.sleep(timeout: .microseconds(200)) }
      if wanted > 0 { wanted -= 1 }
    }
  }

  private func turnAKnob(_ place: Int, _ dice: inout Dice) {
    let policies: [SpinPolicy?] = [
      nil, .dragonfly2011, .exponential2018, .fixed(tries: 0), .fixed(tries: 50, delay: 100), .standard,
    ]
    tokens[place].policy = policies[dice.roll(policies.count)]
    try? Tunables.set("lwkt.token_spin", to: dice.roll(3) * 20)
    try? Tunables.set("lwkt.token_fair", to: [10_000, 100_000, 1_000_000][dice.roll(3)])
    try? Tunables.set("lwkt.spin_loops", to: dice.roll(4))
    _ = tokens[place].statistics
    _ = Token.totalStatistics
  }

  // MARK: What a section sees

  /// `lingers`: stays in the middle long enough for others to come, however many share a processor.
  private func write(_ place: Int, lingers: Bool = false) {
    let field = fields[place]
    field.writers.add()
    if lingers { usleep(500) }
    if field.writers.value != 1 || field.readers.value != 0 {
      Self.fail("token \(place): \(field.writers.value) writers and \(field.readers.value) readers at once")
    }
    let next = field.pattern[0] &+ 1
    for word in field.pattern.indices {
      if field.pattern[word] != next &- 1 { Self.fail("token \(place): the data are torn") }
      field.pattern[word] = next
    }
    field.writers.add(.max)
  }

  private func read(_ place: Int) {
    let field = fields[place]
    field.readers.add()
    if field.writers.value != 0 { Self.fail("token \(place): a writer beside a reader") }
    let first = field.pattern[0]
    if field.pattern.contains(where: { $0 != first }) { Self.fail("token \(place): a reader saw torn data") }
    field.readers.add(.max)
  }

  // MARK: The whole run

  /// Until the time is up; a thread that gets nowhere for ten seconds is a failure. Sends signals all the while.
  private func watch(_ workers: [Worker]) {
    let end = ContinuousClock.now + .seconds(plan.seconds)
    var seen = progress.map(\.value)
    var since = progress.map { _ in ContinuousClock.now }
    while ContinuousClock.now < end {
      usleep(500)
      workers.randomElement()?.interrupt(SIGALRM)
      for index in progress.indices {
        let now = progress[index].value
        if now != seen[index] {
          seen[index] = now
          since[index] = .now
        } else if ContinuousClock.now - since[index] > .seconds(10) {
          Self.fail("thread \(index) makes no progress; words: \(tokens.map { String($0.word.bits, radix: 16) })")
        }
      }
    }
    over.add()
    let stop = ContinuousClock.now + .seconds(15)
    _ = Worker {
      while ContinuousClock.now < stop { usleep(100_000) }
      Self.fail("threads do not end; words: \(self.tokens.map { String($0.word.bits, radix: 16) })")
    }
  }

  private func check() {
    for (place, token) in tokens.enumerated() where !token.isUntouched {
      Self.fail("token \(place) is left as \(String(token.word.bits, radix: 16)), shared by \(token.sharers)")
    }
    if value.withValue({ $0 }) != Int(added[0].value) || other.withValue({ $0 }) != Int(added[1].value) {
      Self.fail("a value lost additions")
    }
    var collisions = 0
    for statistics in (tokens + [condition]).map(\.statistics) {
      collisions += statistics.collisions
      let waits = statistics.waits.reduce(0) { $0 + $1.count }
      if statistics.spun + statistics.expired > statistics.collisions || waits != statistics.collisions
        || statistics.longestWait > statistics.totalWait
      {
        Self.fail("statistics do not agree: \(statistics)")
      }
    }
    let total = Token.totalStatistics
    if collisions > total.collisions { Self.fail("the total is less than the parts") }
    let rounds = progress.reduce(0) { $0 + $1.value }
    print(
      "torture: \(rounds) operations, \(total.collisions) collisions, \(total.parked) sleeps, \(total.turns) turns,",
      "\(total.passes) passes, seed \(plan.seed)")
  }

  /// A kernel that swallows most wake-ups of exclusive waiters. Newcomers often help them on; when all have stopped,
  /// nobody does.
  private func plantSilence() {
    anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
      if number == anax_sys_futex, b == 10 | 128, c == 1, anax_ticks() % 16 != 0 { return 0 }
      return anax_system_call(number, a, b, c, d, e, f)
    }
  }
}
