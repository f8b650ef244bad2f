// SPDX-License-Identifier: Apache-2.0
// vm.heap.limit and the reserves below it. Arithmetic on counters that others change: near the limit two requests at
// once may both be admitted, each over by what the other took. Nor is it exact the other way: near the limit a request
// may be refused for free pages that another thread has in hand, on their way to its CPU's stack or row or from there
// (16 at most a thread, or a run of 64). For one that takes pages from outside it waits a little (PageDrain).
//
// | class | of a limit L of bytes it may use |
// |---|---|
// | normal | L - L/32 - L/128: malloc, and whatever can be refused |
// | system | L - L/128: what must go on to free memory or to report |
// | interrupt | L: what cannot wait or fail, as a signal handler |

import CAnax
import LockFree
import Machine

package enum PageLimit {
  /// Bytes that all pages in use may come to for a request of the class; nil: no limit.
  @_noLocks @_noAllocation
  package static func ceiling(_ requestClass: RequestClass) -> UInt64? {
    let limit = UInt64(Tunable.heapLimit.value)
    if limit == 0 { return nil }
    switch requestClass {
    case .normal: return limit &- limit / 32 &- limit / 128
    case .system: return limit &- limit / 128
    case .interrupt: return limit
    }
  }

  /// Whether the limit refuses `count` pages more.
  @_noLocks @_noAllocation
  package static func refuses(_ count: UInt64, _ requestClass: RequestClass) -> Bool {
    guard let ceiling = ceiling(requestClass) else { return false }
    let most = ceiling &>> anax_state().pointee.page_shift
    if count > most { return true }
    // What lies ready on CPUs is counted and free; it is looked for only where it matters.
    return pagesInUse() > most &- count && refusesWithReady(most &- count)
  }

  @inline(never) @_noLocks @_noAllocation
  static func refusesWithReady(_ most: UInt64) -> Bool {
    if pagesInUseAtLeast() <= most { return false }
    var deadline: UInt64 = 0
    _ = PageDrain.wait(until: &deadline)
    return pagesInUseAtLeast() > most
  }

  /// Without those that lie ready.
  @_noLocks @_noAllocation
  static func pagesInUseAtLeast() -> UInt64 { sum { PageCounters.claimedAtLeast(node: $0) } }

  /// As the nodes count them: with those that lie ready on CPUs.
  @_noLocks @_noAllocation
  static func pagesInUse() -> UInt64 { sum { AtomicWord(anax_node_claimed_pages(Pages.node($0))).loadRelaxed() } }

  @inline(__always) @_noLocks @_noAllocation
  private static func sum(_ pages: (Int) -> UInt64) -> UInt64 {
    var sum: UInt64 = 0
    var node = 0
    while node < Int(anax_state().pointee.node_count) {
      sum &+= pages(node)
      node += 1
    }
    return sum
  }
}
