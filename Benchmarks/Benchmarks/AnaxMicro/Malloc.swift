// SPDX-License-Identifier: Apache-2.0
//
// malloc and free of whichever library the process has: the C library's, or Anax where it is preloaded. Beside the
// zones' items of the same size.
import Benchmark
import CCounts
import Glibc

func mallocs() {
  Benchmark("malloc-64") { benchmark in
    benchmark.count {
      guard let block = malloc(64) else { fatalError("out of memory") }
      counts_keep(block)
      free(block)
    }
  }
  Benchmark("posix-memalign-64") { benchmark in
    benchmark.count {
      var block: UnsafeMutableRawPointer?
      guard posix_memalign(&block, 64, 64) == 0, let block else { fatalError("out of memory") }
      counts_keep(block)
      free(block)
    }
  }
}
