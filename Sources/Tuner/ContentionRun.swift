// SPDX-License-Identifier: Apache-2.0
//
// One cell of contention: threads take a token, work, give it back, and work without it, for a given time. Every wait
// is timed; the two readings of the cycle counter are part of the cell, the same for every candidate.

import Report
import CAnax
import Glibc

/// What is measured: a token with the candidate's way to wait. Any thread.
package protocol ContendedToken: Sendable {
  func acquire()
  func acquireShared()
  func release()
}

package struct ContentionRun {
  package let workload: Workload.Contention
  package let cpus: Int
  package let clock: Clock

  package init(_ workload: Workload.Contention, cpus: Int, clock: Clock) {
    self.workload = workload
    self.cpus = cpus
    self.clock = clock
  }

  /// What one thread did; written by it alone, read when it has ended.
  private final class Tally: @unchecked Sendable {
    var operations = 0
    var cpu = 0.0
    var voluntary = 0
    var involuntary = 0
    var waits = WaitHistogram()
  }

  /// Lines that the sections write, as the data a token guards would be.
  private final class Data: @unchecked Sendable {
    let words = UnsafeMutablePointer<UInt64>.allocate(capacity: 64)
    init() { words.initialize(repeating: 1, count: 64) }
    deinit { words.deallocate() }
  }

  /// The reading, and the waits in ticks.
  package func measure(_ token: some ContendedToken, seconds: Double) throws(CellFailure) -> (Reading, WaitHistogram) {
    let threads = workload.threads(cpus: cpus)
    let tallies = (0..<threads).map { _ in Tally() }
    let stop = SharedWord()
    let data = Data()
    let workload = workload
    let steps = clock.stepsPerNanosecond
    let overhead = clock.overhead
    let load = ForeignLoad.now()
    let team = try Team(count: threads) { index in
      Self.thread(
        tallies[index], token, data.words, stop.pointer, seed: UInt64(index + 1), shared: workload.shared,
        section: Int(Double(workload.section) * steps), think: Int(Double(workload.think) * steps), overhead: overhead)
    }
    let start = Clock.seconds
    Clock.sleep(seconds)
    stop.value = 1
    let wall = Clock.seconds - start
    try team.join()

    var waits = WaitHistogram()
    for tally in tallies { waits.add(tally.waits) }
    let operations = tallies.map { Double($0.operations) }
    let scale = clock.nanosecondsPerTick
    var reading = Reading(
      operations: operations.reduce(0, +), wall: wall, cpu: tallies.reduce(0) { $0 + $1.cpu },
      waits: .init(
        p50: waits.percentile(0.5) * scale, p99: waits.percentile(0.99) * scale, p999: waits.percentile(0.999) * scale,
        longest: Double(waits.largest) * scale),
      fairness: Statistics.fairness(operations))
    reading.voluntarySwitches = tallies.reduce(0) { $0 + $1.voluntary }
    reading.involuntarySwitches = tallies.reduce(0) { $0 + $1.involuntary }
    load.mark(&reading, processors: cpus)
    return (reading, waits)
  }

  private static func thread(
    _ tally: Tally, _ token: some ContendedToken, _ data: UnsafeMutablePointer<UInt64>,
    _ stop: UnsafeMutablePointer<UInt64>, seed: UInt64, shared: Double, section: Int, think: Int, overhead: UInt64
  ) {
    var waits = WaitHistogram()
    var operations = 0
    var state = seed &* 0x9E37_79B9_7F4A_7C15
    let sharedBelow = shared >= 1 ? UInt64.max : UInt64(shared * Double(UInt64.max >> 1)) << 1
    let cpu = Clock.threadSeconds
    let before = usage()
    while anax_load_relaxed(stop) == 0 {
      let isShared = sharedBelow != 0 && state < sharedBelow
      let asked = anax_ticks()
      if isShared { token.acquireShared() } else { token.acquire() }
      let got = anax_ticks()
      // Whoever waits when the time is up has still to come through: without a section, so that many threads end soon.
      if anax_load_relaxed(stop) != 0 {
        token.release()
        break
      }
      if isShared {
        state ^= anax_load_relaxed(data)
      } else {
        anax_store_relaxed(data, anax_load_relaxed(data) &+ 1)
        anax_store_relaxed(data + 8, state)
      }
      state = Clock.work(section, state)
      token.release()
      let wait = got &- asked
      waits.add(wait > overhead ? wait &- overhead : 0)
      operations &+= 1
      // Half to one and a half times as long, so that threads do not fall into step.
      if think > 0 { state = Clock.work(think / 2 + Int(truncatingIfNeeded: state >> 33) % (think + 1), state) }
    }
    let after = usage()
    tally.operations = operations
    tally.waits = waits
    tally.cpu = Clock.threadSeconds - cpu
    tally.voluntary = after.ru_nvcsw - before.ru_nvcsw
    tally.involuntary = after.ru_nivcsw - before.ru_nivcsw
  }

  private static func usage() -> rusage {
    var usage = rusage()
    // RUSAGE_THREAD, which Swift does not import.
    getrusage(__rusage_who_t(1), &usage)
    return usage
  }
}
