// SPDX-License-Identifier: Apache-2.0
//
// Pages, taken and given back untouched.
import Anax
import Benchmark
import CCounts

func pages() {
  Benchmark("page") { benchmark in
    try benchmark.count { () throws(PageError) in
      let page = try PageRun(count: 1)
      counts_keep(page.address)
    }
  }
  Benchmark("page-run-16") { benchmark in
    try benchmark.count { () throws(PageError) in
      let run = try PageRun(count: 16)
      counts_keep(run.address)
    }
  }
}
