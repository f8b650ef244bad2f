// SPDX-License-Identifier: Apache-2.0
// The face of the page layer (vm_page): pages and runs of a node, with what is known of their contents; hold and wire;
// counters.
// Lock-free from any thread and signal handler. A request that its node cannot serve goes to the next nearest; only
// what no node has in its bitmaps is looked for among the pages that lie ready on CPUs.
//
// Where no memory is left a request may be refused while another thread has free pages in hand that no lock tells of:
// those that it puts on its CPU's stack (7), or takes from it because it was full (8) or is to keep none any more
// (64, and of runs and objects' pages those of one word of the bitmap), or a run or page that has lost its slot to
// another (64), within some hundred instructions.

import CAnax
import LockFree
import Machine

@usableFromInline
package enum Pages {
  @inlinable @_noLocks @_noAllocation
  package static func node(_ index: Int) -> UnsafeMutablePointer<anax_node> { anax_state().pointee.nodes! + index }

  /// Pages that hold `bytes`.
  @inlinable @_noLocks @_noAllocation
  package static func count(bytes: UInt64) -> UInt64 {
    (bytes &+ (1 &<< anax_state().pointee.page_shift) &- 1) &>> anax_state().pointee.page_shift
  }

  /// Whether somebody has the page now: a hint, for messages.
  @_noLocks @_noAllocation
  package static func isClaimed(_ page: UInt64) -> Bool {
    wasOpened(page) && PageBitmap.claimedWord(page / 64).loadRelaxed() &>> (page & 63) & 1 == 1
  }

  /// Whether the page is of a chunk that was ever opened: of others nothing was ever given.
  @_noLocks @_noAllocation
  package static func wasOpened(_ page: UInt64) -> Bool {
    let entry = node(Region.node(ofPage: page))
    return page < entry.pointee.first_page &+ AtomicWord(anax_node_top(entry)).loadAcquire() &* Region.pagesPerChunk
  }

  /// `count` consecutive pages; `aligned`: a power of two up to 64, at a multiple of itself. nil: no memory.
  @_noLocks @_noAllocation
  package static func allocate(node wanted: Int, cpu: Int, count: UInt64, aligned: Bool = false) -> PageRun? {
    allocate(node: wanted, count: count) {
      PageSearch.claim(node: $0, count: count, aligned: aligned, cpu: UInt64(cpu))
    }
  }

  /// `count` consecutive pages, the first at a multiple of `alignment` pages, any power of two. nil: no memory.
  @_noLocks @_noAllocation
  package static func allocate(node wanted: Int, cpu: Int, count: UInt64, alignment: UInt64) -> PageRun? {
    allocate(node: wanted, count: count) {
      PageSearch.claimLong(node: $0, count: count, step: alignment, cpu: UInt64(cpu))
    }
  }

  /// What `claim` finds on the nearest node that has it; before a request is refused, with the pages that lie ready on
  /// CPUs.
  @inline(__always) @_noLocks @_noAllocation
  static func allocate(
    node wanted: Int, count: UInt64, claim: (UnsafeMutablePointer<anax_node>) -> UInt64?
  ) -> PageRun? {
    let most = count == 1 ? 3 : 2
    var round = 0
    var deadline: UInt64 = 0
    while true {
      var turn = 0
      while turn < Int(anax_state().pointee.node_count) {
        let entry = node(Nearest.node(from: wanted, rank: turn))
        if let page = claim(entry) {
          if turn > 0 { AtomicWord(anax_node_off_node(node(wanted))).add(count) }
          return taken(node: entry, page: page, count: count)
        }
        turn += 1
      }
      if round == most || !PageDrain.mayServe(count) { return nil }
      let drained = PageDrain.everything()
      // What came to the bitmaps meanwhile, by whomever, is looked for once more; where that was something, others may
      // have been faster, and it is worth another drain.
      round = PageDrain.wait(until: &deadline) || drained.pages > 0 ? round + 1 : most
    }
  }

  /// One page, from the queue of this CPU and color outwards.
  @_noLocks @_noAllocation
  package static func allocateColored(node wanted: Int, cpu: Int, pageIndex: UInt64, objectColor: UInt64) -> PageRun? {
    let start = PageQueue.start(cpu: UInt64(cpu), pageIndex: pageIndex, objectColor: objectColor)
    return allocate(node: wanted, count: 1) { PageSearch.claim(node: $0, .colored(start), cpu: UInt64(cpu)) }
  }

  /// Claims `count` pages right behind a run, where they are free. True: they are the caller's.
  @_noLocks @_noAllocation
  package static func extend(from page: UInt64, count: UInt64) -> Bool {
    let entry = node(Region.node(ofPage: page))
    let top = entry.pointee.first_page &+ AtomicWord(anax_node_top(entry)).loadAcquire() &* Region.pagesPerChunk
    let end = page &+ count
    if end > entry.pointee.page_limit { return false }
    if end > top {
      // Only a run that ends at the top may open more.
      if page > top
        || !PageSearch.grow(
          node: entry, from: (top &- entry.pointee.first_page) / Region.pagesPerChunk,
          chunks: (end &- top &+ Region.pagesPerChunk &- 1) / Region.pagesPerChunk)
      {
        return false
      }
    }
    if !PageSearch.claimExactly(page: page, count: count) { return false }
    _ = taken(node: entry, page: page, count: count)
    return true
  }

  @_noLocks @_noAllocation
  static func taken(node: UnsafeMutablePointer<anax_node>, page: UInt64, count: UInt64) -> PageRun {
    let dirty = PageBitmap.touch(page: page, count: count)
    AtomicWord(anax_node_claimed_pages(node)).add(count)
    PageCounters.taken(count)
    if dirty > 0 { AtomicWord(anax_node_dirty_pages(node)).subtract(dirty) }
    if dirty < count { Purge.noteMissed(node: node, count: count &- dirty) }
    return PageRun(page: page, zero: dirty == 0)
  }

  /// Gives pages back. They stay with the process for a while (see Purge).
  @_noLocks @_noAllocation
  package static func release(page: UInt64, count: UInt64) {
    let entry = node(Region.node(ofPage: page))
    PageBitmap.markRecent(page: page, count: count)
    PageCounters.given(count)
    AtomicWord(anax_node_claimed_pages(entry)).subtract(count)
    AtomicWord(anax_node_dirty_pages(entry)).add(count)
    PageBitmap.unclaim(page: page, count: count)
    PageSearch.noteRelease(node: entry, page: page, count: count)
    Purge.afterRelease(node: entry)
    HelperCall.noteDirty()
  }

  /// Gives back the pages of a run.
  @_noLocks @_noAllocation
  package static func release(_ run: Run, page: UInt64) {
    if run.hasOwnMapping { AtomicWord(anax_state_own_mappings(anax_state())).subtract(1) }
    releasePart(of: run, page: page, count: run.pages)
  }

  /// Gives back some pages of a run. Where their mapping is their own, they are mapped anew before others may have
  /// them.
  @_noLocks @_noAllocation
  package static func releasePart(of run: Run, page: UInt64, count: UInt64) {
    if !run.hasOwnMapping { return release(page: page, count: count) }
    switch Kernel.remap(Region.address(ofPage: page), bytes: count &<< Region.pageShift) {
    case .fresh:
      HugePages.noteRemapped(page: page, count: count)
      releaseZero(page: page, count: count)
    // The next who gets them has no wish, and a mapping that others follow.
    case .unchanged:
      _ = Kernel.preferNone(Region.address(ofPage: page), bytes: count &<< Region.pageShift)
      release(page: page, count: count)
    // Nobody may have these pages again.
    case .lost: break
    }
  }

  /// Gives back a part of a run that its taker did not touch: what was known to be zero still is.
  @_noLocks @_noAllocation
  package static func releaseUnused(_ run: PageRun, page: UInt64, count: UInt64) {
    if run.zero { releaseZero(page: page, count: count) } else { release(page: page, count: count) }
  }

  /// Gives back pages whose contents are known to be zero and not resident (the kernel took them).
  @_noLocks @_noAllocation
  package static func releaseZero(page: UInt64, count: UInt64) {
    let entry = node(Region.node(ofPage: page))
    Purge.clearTouched(page: page, count: count)
    PageCounters.given(count)
    AtomicWord(anax_node_claimed_pages(entry)).subtract(count)
    PageBitmap.unclaim(page: page, count: count)
    PageSearch.noteRelease(node: entry, page: page, count: count)
  }
}
