// SPDX-License-Identifier: Apache-2.0
// Single pages for a CPU's cache, some at once: eight in a row, aligned, from the eight queues that the CPU's share
// begins in outwards, so that they have successive colors and their words in the `runs` table are a line (of which
// other CPUs write only to those that were freed there); what is resident first.
// Where no such eight are left in a chunk, what one word of its bitmap has. Claims as PageBitmap says; the hints are
// PageSearch's.

import CAnax
import LockFree

extension PageSearch {
  /// Claims up to `most` pages of one word on the node. The first of them; `bits` says which. nil: none is free.
  @_noLocks @_noAllocation
  static func claimSeveral(
    node: UnsafeMutablePointer<anax_node>, most: UInt64, cpu: UInt64, _ bits: inout UInt64
  ) -> UInt64? {
    claim(node: node, .several(most), cpu: cpu, &bits)
  }

  /// As above in one chunk.
  @_noLocks @_noAllocation
  static func claimSeveral(chunk index: UInt64, most: UInt64, cpu: UInt64, _ bits: inout UInt64) -> UInt64? {
    if most >= 8, let page = claimEight(chunk: index, cpu: cpu) {
      bits = PageBitmap.mask(page & 63, 8)
      return page
    }
    var turn: UInt64 = 0
    while turn < 8 {
      let word = index &* 8 &+ ((turn &+ PageQueue.word(cpu: cpu)) & 7)
      let claimed = PageBitmap.claimedWord(word)
      var value = claimed.loadRelaxed()
      while value != ~0 {
        let dirty = ~value & PageBitmap.touchedWord(word).loadRelaxed()
        bits = PageBitmap.lowest(dirty != 0 ? dirty : ~value, most)
        if claimed.compareExchange(&value, value | bits) { return word &* 64 &+ UInt64(bits.trailingZeroBitCount) }
      }
      turn &+= 1
    }
    return nil
  }

  /// Where a CPU begins to look for eight pages: the eight of queues that its share begins in, and the word of the
  /// chunk; another place for each CPU up to 64.
  @inline(__always) @_noLocks @_noAllocation
  static func firstEight(cpu: UInt64) -> (queues: UInt64, word: UInt64) {
    (PageQueue.start(cpu: cpu, pageIndex: 0, objectColor: 0) / 8, PageQueue.word(cpu: cpu))
  }

  /// Eight pages of eight successive queues, from where the CPU begins outwards; such as were touched before others.
  @_noLocks @_noAllocation
  static func claimEight(chunk index: UInt64, cpu: UInt64) -> UInt64? {
    let first = firstEight(cpu: cpu)
    var clean: UInt64?
    var step: UInt64 = 0
    while step < 64 {
      // Eights of queues nearest first, each through all words.
      let word = index &* 8 &+ ((step &+ first.word) & 7)
      let bit = PageQueue.bit(ofQueue: PageQueue.widen(first.queues, step / 8) &* 8, word: word) & 56
      let bits = PageBitmap.mask(bit, 8)
      if PageBitmap.claimedWord(word).loadRelaxed() & bits == 0 {
        let page = word &* 64 &+ bit
        if PageBitmap.touchedWord(word).loadRelaxed() & bits != 0 {
          if claimEight(page) { return page }
        } else if clean == nil {
          clean = page
        }
      }
      step &+= 1
    }
    guard let clean, claimEight(clean) else { return nil }
    return clean
  }

  /// Claims exactly these eight, or nothing.
  @_noLocks @_noAllocation
  private static func claimEight(_ page: UInt64) -> Bool {
    let word = PageBitmap.claimedWord(page / 64)
    let bits = PageBitmap.mask(page & 63, 8)
    var value = word.loadRelaxed()
    while value & bits == 0 { if word.compareExchange(&value, value | bits) { return true } }
    return false
  }
}
