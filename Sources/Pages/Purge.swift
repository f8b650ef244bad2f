// SPDX-License-Identifier: Apache-2.0
// How free pages go back to the kernel. A freed page is kept for one to two decay periods (a service that breathes must
// not fault its memory in again at every breath), then returned by a sweep. Sweeps by time ride on later calls, on
// anax_tick() and on the helper thread; one of them runs at a time, others pass by. Independently, what is free and
// dirty on a node may not exceed vm.page.keep_floor plus vm.page.keep percent of what is claimed, less what may lie
// ready on CPUs: beyond that the releaser returns pages at once, down to seven eighths. Sweeps of the cap take no turn:
// several may run side by side, and beside one by time. Where pages are then taken that the cap had returned a moment
// ago, the cap was too low for a heap that breathes that deep: it rises by four times what was missed, to four times
// itself at most, and each sweep by time forgets half of that.
//
// The kernel may refuse: all that is locked (mlockall), a sandbox's every call, or a page that its user left locked. A
// chunk is left at the first refusal. After `mostRefusals` chunks in a row there is no sweep for the cap until the next
// one by time, which tries each chunk once: one locked page keeps its chunk, and a kernel that takes nothing is not
// asked at every release.
//
// | word of a node | transition | by | order |
// |---|---|---|---|
// | hasty | + n | who returned n pages for the cap | relaxed |
// | hasty | n → n - k | who took k pages that are not resident | CAS, acquire and release: each is missed once |
// | hasty | n → 0 | a sweep by time | relaxed |
// | missed | + 4k | the same who took k off `hasty` | relaxed |
// | missed | n → n / 2 | a sweep by time | relaxed load and store: what is added in between is forgotten too |
// | refused | + 1 | a sweep for the cap, a chunk of which the kernel refused | relaxed |
// | refused | n → 0 | a sweep for the cap, a chunk of which the kernel took; a sweep by time, before it begins | relaxed |
// | dirty_pages | + n | who releases n pages, before their bits | relaxed |
// | dirty_pages | - n | who took n dirty pages; a sweep that returned n, chunk by chunk | relaxed |
// All are counts that decide when to sweep, not what may be touched. The marks of chunks: DirtyChunk.
//
// Returning claims the pages first, then MADV_DONTNEED, then marks them zero, then releases. A sweeper stopped midway
// keeps the pages of one run inside a chunk (at most 512) from others.

import CAnax
import LockFree
import Machine

@usableFromInline
package enum Purge {
  /// Bytes of the node that may be free and dirty.
  @_noLocks @_noAllocation
  package static func allowance(node: UnsafeMutablePointer<anax_node>) -> UInt64 {
    let claimed = AtomicWord(anax_node_claimed_pages(node)).loadRelaxed() &<< anax_state().pointee.page_shift
    let depot = AtomicWord(anax_node_depot_bytes(node)).loadRelaxed()
    let live = claimed > depot ? claimed &- depot : 0
    let base = floor &+ live / 100 &* UInt64(Tunable.pageKeep.value)
    return base &+ min(AtomicWord(anax_node_missed(node)).loadRelaxed() &<< anax_state().pointee.page_shift, base &* 3)
  }

  /// Bytes of `vm.page.keep_floor`, without those that ready pages may take.
  static var floor: UInt64 {
    @_noLocks @_noAllocation get {
      let floor = UInt64(Tunable.pageKeepFloor.value)
      return floor &- min(PageCache.most &+ RunCache.most &+ ColorCache.most, floor)
    }
  }

  /// Pages that are not resident were taken: what the cap returned too early, as far as it did, raises the cap. Counts
  /// that races blur by a few pages.
  @_noLocks @_noAllocation
  static func noteMissed(node: UnsafeMutablePointer<anax_node>, count: UInt64) {
    let hasty = AtomicWord(anax_node_hasty(node))
    var old = hasty.loadRelaxed()
    while old != 0 {
      let missed = min(old, count)
      if hasty.compareExchange(&old, old &- missed) {
        AtomicWord(anax_node_missed(node)).add(missed &* 4)
        return
      }
    }
  }

  /// A decay period later: what was missed is half forgotten, and that the kernel refused.
  @_noLocks @_noAllocation
  package static func forgetMissed(node: UnsafeMutablePointer<anax_node>) {
    AtomicWord(anax_node_hasty(node)).storeRelaxed(0)
    AtomicWord(anax_node_refused(node)).storeRelaxed(0)
    let missed = AtomicWord(anax_node_missed(node))
    missed.storeRelaxed(missed.loadRelaxed() / 2)
  }

  /// Chunks in a row.
  static var mostRefusals: UInt64 { @_noLocks @_noAllocation get { 4 } }

  /// Whether the kernel has refused so often that sweeps for the cap wait for one by time.
  @_noLocks @_noAllocation
  static func isRefused(node: UnsafeMutablePointer<anax_node>) -> Bool {
    AtomicWord(anax_node_refused(node)).loadRelaxed() >= mostRefusals
  }

  @_noLocks @_noAllocation
  static func afterRelease(node: UnsafeMutablePointer<anax_node>) {
    if Tunable.pageDecay.value == 0 {
      if !isRefused(node: node) { sweep(node: node, all: true, downTo: 0, forCap: true) }
      return
    }
    let dirty = AtomicWord(anax_node_dirty_pages(node)).loadRelaxed() &<< anax_state().pointee.page_shift
    if dirty > floor, dirty > allowance(node: node), !isRefused(node: node) {
      // Down to seven eighths, so that not every release pays.
      let allowed = allowance(node: node) / 8 &* 7
      var returned = sweep(node: node, all: false, downTo: allowed, forCap: true)
      let left = AtomicWord(anax_node_dirty_pages(node)).loadRelaxed() &<< anax_state().pointee.page_shift
      if left > allowed, !isRefused(node: node) {
        returned &+= sweep(node: node, all: true, downTo: allowed, forCap: true)
      }
      AtomicWord(anax_node_hasty(node)).add(returned)
    }
  }

  /// Returns old free pages (all: also those freed since the last sweep) until no more than `downTo` bytes are dirty;
  /// the others grow older by one sweep. `downTo` 0: whatever the count says, which races blur. `forCap`: not a sweep
  /// by time, ended by refusals. Pages returned.
  @_noLocks @_noAllocation @discardableResult
  package static func sweep(
    node: UnsafeMutablePointer<anax_node>, all: Bool, downTo: UInt64, forCap: Bool = false
  ) -> UInt64 {
    let dirtyPages = AtomicWord(anax_node_dirty_pages(node))
    let kept = downTo &>> anax_state().pointee.page_shift
    let base = node.pointee.first_page / Region.pagesPerChunk
    // From the top down: what is high is least likely to be wanted again.
    var chunk = AtomicWord(anax_node_top(node)).loadAcquire()
    var returned: UInt64 = 0
    while chunk > 0 {
      chunk &-= 1
      var most = Region.pagesPerChunk
      if downTo > 0 {
        let dirty = dirtyPages.loadRelaxed()
        if dirty <= kept { break }
        most = dirty &- kept
      }
      if !DirtyChunk.take(base &+ chunk) { continue }
      var left = false
      var refused = false
      let count = sweepChunk(firstWord: (base &+ chunk) &* 8, all: all, most: most, left: &left, refused: &refused)
      if left || refused { DirtyChunk.mark(base &+ chunk) }
      HugePages.forget(chunk: base &+ chunk)
      if count > 0 {
        dirtyPages.subtract(count)
        AtomicWord(anax_node_purged_pages(node)).add(count)
        returned &+= count
      }
      if forCap, refused || count > 0, noteAnswer(node: node, refused) { break }
    }
    return returned
  }

  /// Notes what the kernel did with a chunk of a sweep for the cap. Whether the sweep ends here.
  @_noLocks @_noAllocation
  static func noteAnswer(node: UnsafeMutablePointer<anax_node>, _ refused: Bool) -> Bool {
    let word = AtomicWord(anax_node_refused(node))
    if refused { return word.add(1) &+ 1 >= mostRefusals }
    if word.loadRelaxed() != 0 { word.storeRelaxed(0) }
    return false
  }

  /// Sweeps 512 pages, of which at most `most` are returned; adjacent ranges across words go to the kernel in one call.
  /// `left`: some are dirty still. `refused`: so the kernel did with some, and the sweep of the chunk ended there.
  @_noLocks @_noAllocation
  static func sweepChunk(
    firstWord: UInt64, all: Bool, most: UInt64, left: inout Bool, refused: inout Bool
  ) -> UInt64 {
    var returned: UInt64 = 0
    var claimed: UInt64 = 0
    var rangeStart: UInt64 = 0
    var rangeCount: UInt64 = 0
    var index = firstWord
    while index < firstWord &+ 8, !refused {
      if claimed >= most {
        left = true
        break
      }
      let recent = PageBitmap.recentWord(index)
      let young = all ? 0 : recent.loadRelaxed()
      let free = ~PageBitmap.claimedWord(index).loadRelaxed()
      let dirty = PageBitmap.touchedWord(index).loadRelaxed() & free
      if dirty & young != 0 { left = true }
      if young != 0 { recent.release(bits: young) }
      let old = dirty & ~young
      let wanted = PageBitmap.lowest(old, most &- claimed)
      if wanted != old { left = true }
      // Between the look and the claim a page may have been used and freed; it is still ours now, and old news is fine.
      var bits = wanted == 0 ? 0 : wanted & ~PageBitmap.claimedWord(index).claim(bits: wanted)
      claimed &+= UInt64(bits.nonzeroBitCount)
      while bits != 0 {
        let bit = UInt64(bits.trailingZeroBitCount)
        let length = min(UInt64((~(bits &>> bit)).trailingZeroBitCount), 64 &- bit)
        let page = index &* 64 &+ bit
        if rangeCount > 0, rangeStart &+ rangeCount == page {
          rangeCount &+= length
        } else {
          returned &+= giveBack(page: rangeStart, count: rangeCount, refused: &refused)
          rangeStart = page
          rangeCount = length
        }
        bits = length == 64 ? 0 : bits & ~PageBitmap.mask(bit, length)
      }
      index &+= 1
    }
    returned &+= giveBack(page: rangeStart, count: rangeCount, refused: &refused)
    return returned
  }

  /// Pages that were dirty and are not any more. Fewer than `count` where another sweep was there in between the look
  /// and the claim; none where the kernel refuses, or has `refused` before: those pages stay dirty for the next sweep.
  @_noLocks @_noAllocation
  static func giveBack(page: UInt64, count: UInt64, refused: inout Bool) -> UInt64 {
    if count == 0 { return 0 }
    let shift = anax_state().pointee.page_shift
    var returned: UInt64 = 0
    if !refused, Kernel.advise(Region.address(ofPage: page), bytes: count &<< shift, MADV_DONTNEED) {
      returned = clearTouched(page: page, count: count)
    } else {
      refused = true
    }
    PageBitmap.unclaim(page: page, count: count)
    PageSearch.noteRelease(node: Pages.node(Region.node(ofPage: page)), page: page, count: count)
    return returned
  }

  /// Claimed pages that the kernel took back are zero from now on. How many of them were not known to be so.
  @_noLocks @_noAllocation @discardableResult
  static func clearTouched(page: UInt64, count: UInt64) -> UInt64 {
    var at = page
    var cleared: UInt64 = 0
    let end = page &+ count
    while at < end {
      let bit = at & 63
      let length = min(64 &- bit, end &- at)
      let bits = PageBitmap.mask(bit, length)
      cleared &+= UInt64((PageBitmap.touchedWord(at / 64).release(bits: bits) & bits).nonzeroBitCount)
      at &+= length
    }
    return cleared
  }
}
