// SPDX-License-Identifier: Apache-2.0
//
// Locks that nobody else asks for: a number is counted up, or read, under them.
import Anax
import Benchmark
import CCounts
import Synchronization

/// Values that cannot be copied, for closures that outlive their scope.
private final class Shared: Sendable {
  let serialized = Serialized(0)
  let mutex = Mutex(0)
}

func tokens() {
  let token = Token("micro")
  let other = Token("micro, the other")
  let perCPU = Token("micro, read nearly always", readersPerCPU: true)
  let shared = Shared()
  Benchmark("token-with-token") { benchmark in
    var number = 0
    benchmark.count { token.withToken { touch(&number) } }
  }
  Benchmark("token-with-shared") { benchmark in
    var number = 0
    benchmark.count { token.withShared { touch(&number) } }
  }
  Benchmark("token-readers-per-cpu-shared") { benchmark in
    var number = 0
    benchmark.count { perCPU.withShared { touch(&number) } }
  }
  Benchmark("token-readers-per-cpu-alone") { benchmark in
    var number = 0
    benchmark.count { perCPU.withToken { touch(&number) } }
  }
  Benchmark("token-two") { benchmark in
    var number = 0
    benchmark.count { withTokens(token, other) { touch(&number) } }
  }
  Benchmark("serialized-with-value") { benchmark in
    benchmark.count { shared.serialized.withValue { touch(&$0) } }
  }
  Benchmark("peer-mutex") { benchmark in
    benchmark.count { shared.mutex.withLock { touch(&$0) } }
  }
}

@inline(__always)
private func touch(_ number: inout Int) {
  number &+= 1
  counts_keep(&number)
}
