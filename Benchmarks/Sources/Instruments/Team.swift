// SPDX-License-Identifier: Apache-2.0
//
// Threads of a workload: a team runs one body on each of its threads, started together, and tells the wall time from
// the start to the last one's end. A team of one runs on the calling thread, as a single-threaded program does, unless
// the calling thread has something to do meanwhile.

import CBench
import Glibc

public enum Team {
  private final class Launch {
    let body: (Int) -> Void
    let index: Int
    let state: UnsafeMutablePointer<UInt64>
    init(_ body: @escaping (Int) -> Void, _ index: Int, _ state: UnsafeMutablePointer<UInt64>) {
      (self.body, self.index, self.state) = (body, index, state)
    }
  }

  /// Runs `body` with 0, 1, … on `count` threads, and `meanwhile`, once they have started, on this one; the wall time
  /// in nanoseconds.
  public static func run(_ count: Int, meanwhile: (() -> Void)? = nil, _ body: @escaping (Int) -> Void) -> Double {
    if count == 1, meanwhile == nil {
      let start = bench_now()
      body(0)
      return Double(bench_now() - start)
    }
    // Words a cache line apart: how many threads are ready, the start signal, when the last one ended.
    let state = mapped(24, of: UInt64.self)
    var threads: [pthread_t] = []
    for index in 0..<count {
      threads.append(start(Launch(body, index, state)))
    }
    while bench_load(state) < UInt64(count) { sched_yield() }
    let start = bench_now()
    bench_store(state + 8, 1)
    meanwhile?()
    for thread in threads { pthread_join(thread, nil) }
    return Double(bench_load(state + 16) - start)
  }

  private static func start(_ launch: Launch) -> pthread_t {
    var thread = pthread_t()
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setstacksize(&attributes, 256 << 10)
    let error = pthread_create(
      &thread, &attributes,
      { argument in
        let launch = Unmanaged<Launch>.fromOpaque(argument!).takeRetainedValue()
        _ = bench_add(launch.state, 1)
        while bench_load(launch.state + 8) == 0 { sched_yield() }
        launch.body(launch.index)
        let end = bench_now()
        while true {
          let last = bench_load(launch.state + 16)
          if last >= end || bench_replace(launch.state + 16, last, end) { return nil }
        }
      }, Unmanaged.passRetained(launch).toOpaque())
    guard error == 0 else { fail("pthread_create failed with error \(error)") }
    return thread
  }
}

/// Waits for another thread: a short spin, then the processor is given up.
public struct Patience {
  @usableFromInline var tries = 0

  public init() {}

  @inlinable @inline(__always) public mutating func wait() {
    tries &+= 1
    if tries < 64 { bench_pause() } else { sched_yield() }
  }
}
