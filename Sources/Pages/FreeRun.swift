// SPDX-License-Identifier: Apache-2.0
// Free pages in a row, as a search meets them word by word, until what is wanted fits in. A value of one search: the
// pages may be taken by the time it has found some, and whoever claims them learns that.

import CAnax
import LockFree

struct FreeRun {
  /// Pages wanted; the first at a multiple of `step` pages of the address space, a power of two.
  let count: UInt64
  let step: UInt64
  /// Pages seen free in a row.
  private var length: UInt64 = 0
  /// Where among them the wanted ones may begin, and how many pages from the first free one they end.
  private var start: UInt64 = 0
  private var needed: UInt64 = 0

  @inline(__always) @_noLocks @_noAllocation
  init(count: UInt64, step: UInt64 = 1) {
    self.count = count
    self.step = step
  }

  /// The first page from `page` on that lies at a multiple of `step`. The heap itself begins at one of 2 MiB only.
  @inline(__always) @_noLocks @_noAllocation
  func first(from page: UInt64) -> UInt64 {
    let address = anax_state().pointee.heap_base &>> Region.pageShift &+ page
    return page &+ ((0 &- address) & (step &- 1))
  }

  /// What comes next does not follow what was seen.
  @inline(__always) @_noLocks @_noAllocation
  mutating func interrupt() { length = 0 }

  /// Goes on through words `from ..< to` of the bitmap. Where the wanted pages begin, or nil: not found yet.
  @inline(__always) @_noLocks @_noAllocation
  mutating func found(from: UInt64, to: UInt64) -> UInt64? {
    var index = from
    while index < to {
      if let page = found(inWord: index) { return page }
      index &+= 1
    }
    return nil
  }

  /// Goes on through a word of the bitmap. Where the wanted pages begin, or nil: not found yet.
  @inline(__always) @_noLocks @_noAllocation
  mutating func found(inWord index: UInt64) -> UInt64? {
    let value = PageBitmap.claimedWord(index).loadRelaxed()
    if value == ~0 {
      length = 0
      return nil
    }
    var bit: UInt64 = 0
    while bit < 64 {
      let rest = value &>> bit
      let free = rest == 0 ? 64 &- bit : UInt64(rest.trailingZeroBitCount)
      if free > 0 {
        if length == 0 {
          let page = index &* 64 &+ bit
          start = first(from: page)
          needed = start &- page &+ count
        }
        length &+= free
        if length >= needed { return start }
        bit &+= free
      }
      if bit < 64 {
        bit &+= UInt64((~(value &>> bit)).trailingZeroBitCount)
        length = 0
      }
    }
    return nil
  }
}
