// SPDX-License-Identifier: Apache-2.0
//
// The measurement: threads that take one lock, work inside, give it back, and work outside, for a given time. Counts
// and waits are each thread's own until the end; the stop flag has a page of its own and is written once.

import CBench
import Glibc
import Instruments

struct Conditions {
  var threads = 1
  /// Nanoseconds of work inside and outside.
  var section = 0.0
  var think = 0.0
  /// Percent of the operations that take the lock shared.
  var shared = 0
  var seconds = 0.1
  /// One of so many waits is timed, a power of two; 0 for none.
  var sample = 16
  /// Another process burns one processor.
  var hog = false
  /// Nanoseconds of a step of work; 0 to measure it.
  var step = 0.0
  /// Rounds after which two locks at once are enough; 0 to go by time.
  var rounds = 0
  var seed: UInt64 = 1

  func steps(_ nanoseconds: Double) -> UInt64 { UInt64((nanoseconds / step).rounded()) }
}

/// What one thread finds out; filled in at its end.
private struct Findings {
  var operations = 0
  var exclusive = 0
  var torn = 0
}

/// Runs the lock under the conditions. Ends the process where the lock did not exclude.
@inline(never)
func contention<Kind: Lock>(_ type: Kind.Type, _ conditions: Conditions) -> Metrics {
  let threads = conditions.threads
  let lock = Kind(at: mapped(512, of: UInt64.self))
  let guarded = Guarded()
  let stop = mapped(512, of: UInt64.self)
  let findings = mapped(threads, of: UnsafeMutablePointer<Findings>.self)
  let waits = (0..<threads).map { _ in (exclusive: Histogram(), shared: Histogram()) }
  for index in 0..<threads { findings[index] = mapped(1, of: Findings.self) }
  var span = Span()
  _ = Team.run(
    threads,
    meanwhile: {
      span.begin()
      pause(conditions.seconds)
      bench_store(stop, 1)
      span.end()
    },
    { index in
      findings[index].pointee = operate(lock, guarded, stop, waits[index], conditions, index)
    })
  let all = (0..<threads).map { findings[$0].pointee }
  let exclusive = all.reduce(0) { $0 + $1.exclusive }
  if guarded.count != UInt64(exclusive) {
    fail("the lock did not exclude: \(UInt64(exclusive) &- guarded.count) of \(exclusive) sections were lost")
  }
  if all.contains(where: { $0.torn > 0 }) { fail("the lock let a writer in beside a reader") }
  return span.metrics(all.map(\.operations)) + span.waits("wait", waits.map(\.exclusive))
    + (conditions.shared > 0 ? span.waits("shared_wait", waits.map(\.shared)) : [])
}

/// One thread's part.
@inline(__always)
private func operate<Kind: Lock>(
  _ lock: Kind, _ guarded: Guarded, _ stop: UnsafeMutablePointer<UInt64>,
  _ waits: (exclusive: Histogram, shared: Histogram), _ conditions: Conditions, _ index: Int
) -> Findings {
  var findings = Findings()
  var random = Random(conditions.seed &* 1009 &+ UInt64(index))
  var state = random.next()
  let section = conditions.steps(conditions.section)
  // Between half and one and a half of the mean, so that threads do not fall into step.
  let think = conditions.steps(conditions.think)
  let sampled = conditions.sample > 0 ? UInt64(conditions.sample - 1) : UInt64.max
  let share = UInt64(conditions.shared)
  while bench_load(stop) == 0 {
    let bits = random.next()
    let timed = bits & sampled == 0
    var from: UInt64 = 0
    var entered: UInt64 = 0
    if ((bits &>> 20 & 0xFFFF) &* 100) &>> 16 < share {
      if timed { from = bench_ticks() }
      let whole = lock.withShared {
        if timed { entered = bench_ticks() }
        return guarded.read(&state, section)
      }
      if !whole { findings.torn &+= 1 }
      if timed { waits.shared.add(entered &- from) }
    } else {
      if timed { from = bench_ticks() }
      lock.withExclusive {
        if timed { entered = bench_ticks() }
        guarded.write(section)
      }
      findings.exclusive &+= 1
      if timed { waits.exclusive.add(entered &- from) }
    }
    findings.operations &+= 1
    if think > 0 { state = Work.run(state, think &>> 1 &+ (think &* (bits &>> 40 & 0xFFFF)) &>> 16) }
  }
  return findings
}

/// Sleeps; the calling thread uses no processor meanwhile.
func pause(_ seconds: Double) {
  let whole = seconds.rounded(.down)
  var asked = timespec(tv_sec: Int(whole), tv_nsec: Int((seconds - whole) * 1e9))
  var left = timespec()
  while nanosleep(&asked, &left) != 0 && errno == EINTR { asked = left }
}
