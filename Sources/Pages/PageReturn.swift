// SPDX-License-Identifier: Apache-2.0
// Single pages and short runs on their way back to the bitmaps together: what is neighbour there goes in one operation
// on the word, and the node is told once. A value of one thread, whose pages they are until they are free; it needs
// `end`. Memory orders: PageBitmap.

import CAnax
import LockFree

struct PageReturn {
  /// What a sweep is to know of pages that have come back (PageBitmap's `recent`).
  enum Age {
    /// They count as freed now.
    case fresh
    /// Nobody has wanted them for a while: the next sweep returns them.
    case old
    /// They were claimed and not given out: as it was before.
    case unchanged
  }

  /// Pages added.
  private(set) var count: UInt64 = 0
  private let age: Age
  // What is not free yet: pages of one word of the bitmap, and those of them that are known to be zero.
  private var word: UInt64 = 0
  private var bits: UInt64 = 0
  private var zero: UInt64 = 0
  private var anyDirty = false

  @_noLocks @_noAllocation
  init(_ age: Age) { self.age = age }

  @_noLocks @_noAllocation
  mutating func add(_ page: UInt64, zero isZero: Bool) {
    let bit = UInt64(1) &<< (page & 63)
    add(word: page / 64, bit, zero: isZero ? bit : 0)
  }

  @_noLocks @_noAllocation
  mutating func add(word index: UInt64, _ more: UInt64, zero moreZero: UInt64) {
    if index != word { free() }
    word = index
    bits |= more
    zero |= moreZero
    count &+= UInt64(more.nonzeroBitCount)
  }

  /// The pages of a run, all of them dirty.
  @_noLocks @_noAllocation
  mutating func add(run page: UInt64, count: UInt64) {
    var at = page
    let end = page &+ count
    while at < end {
      let length = min(64 &- at & 63, end &- at)
      add(word: at / 64, PageBitmap.mask(at & 63, length), zero: 0)
      at &+= length
    }
  }

  /// The pages so far are free.
  @inline(never) @_noLocks @_noAllocation
  mutating func free() {
    if bits == 0 { return }
    let node = Pages.node(Region.node(ofPage: word &* 64))
    let dirty = bits & ~zero
    let recent = PageBitmap.recentWord(word)
    let marked = recent.loadRelaxed() & dirty
    switch age {
    case .fresh: if marked != dirty { recent.claim(bits: dirty) }
    case .old: if marked != 0 { recent.release(bits: dirty) }
    case .unchanged: break
    }
    AtomicWord(anax_node_claimed_pages(node)).subtract(UInt64(bits.nonzeroBitCount))
    if dirty != 0 {
      AtomicWord(anax_node_dirty_pages(node)).add(UInt64(dirty.nonzeroBitCount))
      anyDirty = true
    }
    PageBitmap.claimedWord(word).release(bits: bits)
    PageSearch.noteRelease(node: node, page: word &* 64, count: 1)
    (bits, zero) = (0, 0)
  }

  /// All pages are free, and the caps hold.
  @inline(never) @_noLocks @_noAllocation
  mutating func end() {
    free()
    if !anyDirty { return }
    var node = 0
    while node < Int(anax_state().pointee.node_count) {
      Purge.afterRelease(node: Pages.node(node))
      node += 1
    }
    HelperCall.noteDirty()
  }
}
