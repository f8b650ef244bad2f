// SPDX-License-Identifier: Apache-2.0
//
// Time as the measurement takes it: nanoseconds from the kernel's clock for cells, ticks of the cycle counter for
// waits, and the rate between the two. Any thread.

import CAnax
import Glibc

package struct Clock: Sendable {
  /// Nanoseconds a tick of the cycle counter.
  package let nanosecondsPerTick: Double
  /// Ticks that reading the counter twice takes, at the least: what every measured wait has too much.
  package let overhead: UInt64
  /// Steps of `work` in a nanosecond.
  package let stepsPerNanosecond: Double

  package static var nanoseconds: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC_RAW, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  package static var seconds: Double { Double(nanoseconds) / 1e9 }

  /// Processor seconds of the calling thread.
  static var threadSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// Sleeps; returns early when a signal comes that is not blocked.
  package static func sleep(_ seconds: Double) {
    var time = timespec(tv_sec: Int(seconds), tv_nsec: Int((seconds - seconds.rounded(.down)) * 1e9))
    nanosleep(&time, nil)
  }

  /// Takes about 60 ms.
  package init() {
    // The best of several short stretches, so that a thread that is taken off its CPU spoils none.
    let (from, fromTicks) = (Self.nanoseconds, anax_ticks())
    Self.sleep(0.04)
    nanosecondsPerTick = Double(Self.nanoseconds - from) / Double(anax_ticks() - fromTicks)
    var least = UInt64.max
    for _ in 0..<1000 {
      let start = anax_ticks()
      least = min(least, anax_ticks() - start)
    }
    overhead = least
    var rate = 0.0
    var state: UInt64 = 1
    // For 20 ms: after the sleep a CPU takes some milliseconds to come to its pace.
    let until = Self.nanoseconds + 20_000_000
    while Self.nanoseconds < until {
      let start = anax_ticks()
      state = Self.work(20_000, state)
      rate = max(rate, 20_000 / (Double(anax_ticks() - start) * nanosecondsPerTick))
    }
    stepsPerNanosecond = state == 0 ? rate / 2 : rate
  }

  /// Work that waits for nothing outside the core: each step needs the one before.
  @inline(never)
  static func work(_ steps: Int, _ state: UInt64) -> UInt64 {
    var state = state
    var step = 0
    while step < steps {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      step &+= 1
    }
    return state
  }
}
