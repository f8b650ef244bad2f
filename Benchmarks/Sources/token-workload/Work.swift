// SPDX-License-Identifier: Apache-2.0
//
// What is done inside and outside a section: steps of a random number generator, each of which waits for the one
// before.
// How long a step takes is measured once for a whole session, and every run is told, so that all subjects do the same.

import CBench
import Glibc
import Instruments

enum Work {
  /// `steps` steps from `state`. Never inlined: the same instructions for every subject.
  @inline(never)
  static func run(_ state: UInt64, _ steps: UInt64) -> UInt64 {
    var random = state
    var left = steps
    while left > 0 {
      random ^= random &<< 13
      random ^= random &>> 7
      random ^= random &<< 17
      left &-= 1
    }
    return random
  }

  /// Nanoseconds of one step: the fastest of many readings, since whatever disturbs only adds.
  static func nanosecondsPerStep() -> Double {
    let steps: UInt64 = 50_000
    var state: UInt64 = 1
    var best = Double.infinity
    for _ in 0..<400 {
      let from = bench_now()
      state = Work.run(state, steps)
      best = min(best, Double(bench_now() - from) / Double(steps))
    }
    if state == 0 { fail("the generator stopped") }
    return best
  }
}

/// What a lock guards: one cache line, on a page of its own. A writer announces its number at the section's start and
/// counts it at the end, so two writers at once lose a count, and a reader beside a writer sees two different numbers.
struct Guarded {
  private let words: UnsafeMutablePointer<UInt64>

  init() {
    // Not at a page's start, where the lock lies: the two must not meet in one cache set either.
    words = mapped(512, of: UInt64.self) + 64
    words[0] = 0x9E37_79B9_7F4A_7C15
  }

  var count: UInt64 { bench_load(words + 2) }

  @inline(__always) func write(_ steps: UInt64) {
    let count = bench_load(words + 2) &+ 1
    bench_store(words + 1, count)
    if steps > 0 { words[0] = Work.run(words[0], steps) }
    bench_store(words + 2, count)
  }

  /// False where a writer was in at the same time.
  @inline(__always) func read(_ state: inout UInt64, _ steps: UInt64) -> Bool {
    let count = bench_load(words + 2)
    if steps > 0 { state = Work.run(state, steps) }
    return bench_load(words + 1) == count
  }
}
