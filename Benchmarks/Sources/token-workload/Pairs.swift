// SPDX-License-Identifier: Apache-2.0
//
// Two cases beside contention: one lock that nobody else wants, and two locks that threads take in opposite orders.

import CBench
import Glibc
import Instruments

/// Nanoseconds of acquire and release, by a thread beside another that sleeps: the C library is quicker in a process
/// that never had a second thread, which no service is.
@inline(never)
func uncontended<Kind: Lock>(_ type: Kind.Type, _ conditions: Conditions) -> Metrics {
  let lock = Kind(at: mapped(512, of: UInt64.self))
  let word = mapped(512, of: UInt64.self)
  let chunks = max(Int(conditions.seconds * 1e9 / 1e5), 31)
  var time = 0.0
  _ = Team.run(1, meanwhile: {}) { _ in
    // About 0.1 ms each.
    time = Clock.median(chunks: chunks, operations: 10_000) { count in
      for _ in 0..<count { lock.withExclusive { _ = bench_opaque(word) } }
    }
  }
  var metrics = [("ns", time)]
  if Kind.canShare {
    _ = Team.run(1, meanwhile: {}) { _ in
      time = Clock.median(chunks: chunks, operations: 10_000) { count in
        for _ in 0..<count { lock.withShared { _ = bench_opaque(word) } }
      }
    }
    metrics.append(("shared_ns", time))
  }
  return metrics
}

/// Each thread takes both locks, every other thread in the opposite order, until the time or the rounds are over. Ends
/// the process where for ten seconds nobody got on.
@inline(never)
func twoAtOnce<Kind: PairLock>(_ type: Kind.Type, _ conditions: Conditions) -> Metrics {
  let threads = conditions.threads
  let locks = (Kind(at: mapped(512, of: UInt64.self)), Kind(at: mapped(512, of: UInt64.self)))
  let guarded = (Guarded(), Guarded())
  let stop = mapped(512, of: UInt64.self)
  // Each on a page of its own, told every so often.
  let progress = (0..<threads).map { _ in mapped(512, of: UInt64.self) }
  let section = conditions.steps(conditions.section)
  let think = conditions.steps(conditions.think)
  var span = Span()
  _ = Team.run(
    threads,
    meanwhile: {
      span.begin()
      var (last, since) = (UInt64(0), bench_now())
      while true {
        let now = bench_now()
        let done = progress.reduce(UInt64(0)) { $0 + bench_load($1) }
        if done != last { (last, since) = (done, now) }
        if now - since > 10_000_000_000 { fail("deadlock: nobody got on for ten seconds, after about \(done) rounds") }
        if conditions.rounds > 0 ? done >= UInt64(conditions.rounds) : span.elapsed(now) >= conditions.seconds { break }
        pause(conditions.rounds > 0 ? 0.01 : min(conditions.seconds / 20, 0.05))
      }
      bench_store(stop, 1)
      span.end()
    },
    { index in
      let (first, second) = index % 2 == 0 ? (locks.0, locks.1) : (locks.1, locks.0)
      var random = Random(conditions.seed &* 1009 &+ UInt64(index))
      var state = random.next()
      var done: UInt64 = 0
      while bench_load(stop) == 0 {
        Kind.withBoth(first, second) {
          guarded.0.write(section)
          guarded.1.write(section)
        }
        done &+= 1
        if done & 63 == 0 { bench_store(progress[index], done) }
        if think > 0 {
          state = Work.run(state, think &>> 1 &+ (think &* (random.next() &>> 40 & 0xFFFF)) &>> 16)
        }
      }
      bench_store(progress[index], done)
    })
  let done = progress.map { Int(bench_load($0)) }
  let total = UInt64(done.reduce(0, +))
  if guarded.0.count != total || guarded.1.count != total { fail("the locks did not exclude") }
  return span.metrics(done)
}
