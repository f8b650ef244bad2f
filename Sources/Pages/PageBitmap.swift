// SPDX-License-Identifier: Apache-2.0
// The truth about pages: three bits each. Any thread on any CPU may change any of them at any time; there is no lock.
//
// | claimed | touched | recent | the page is |
// |---|---|---|---|
// | 0 | 0 | - | free and known to be zero: fresh from the kernel, or returned to it |
// | 0 | 1 | 1 | free, dirty, freed since the last sweep |
// | 0 | 1 | 0 | free, dirty, old: the next sweep returns it |
// | 1 | 0 | - | just claimed, or lying ready on a CPU (PageCache) and handed to nobody yet: still known to be zero; or being returned |
// | 1 | 1 | - | in use, or lying ready on a CPU |
//
// | transition | by | order |
// |---|---|---|
// | claimed 0 → 1 | who wants pages: one CAS within a word, else word after word, giving all back at the first that is taken | acquire |
// | touched 0 → 1 | the claimer of the page; of one that lay ready who hands it out | relaxed, under the claim |
// | recent 0 → 1 | the releaser, before it releases | relaxed, under the claim |
// | claimed 1 → 0 | the claimer; of one that lay ready who has taken it from there | release |
// | touched 1 → 0 | a sweep that has claimed the page, after the kernel took it back | relaxed, under the claim |
// | recent 1 → 0 | a sweep; a tick, of pages that lay ready for a period, before it releases them | relaxed; a hint |
// A thread stopped while it holds claims keeps those pages from others and nothing else.

import CAnax
import LockFree

@usableFromInline
package enum PageBitmap {
  @inlinable @_noLocks @_noAllocation
  static func claimedWord(_ index: UInt64) -> AtomicWord { AtomicWord(anax_state().pointee.claimed! + Int(index)) }
  @inlinable @_noLocks @_noAllocation
  static func touchedWord(_ index: UInt64) -> AtomicWord { AtomicWord(anax_state().pointee.touched! + Int(index)) }
  @inlinable @_noLocks @_noAllocation
  static func recentWord(_ index: UInt64) -> AtomicWord { AtomicWord(anax_state().pointee.recent! + Int(index)) }

  /// `count` ones from bit `from`; 1...64.
  @inlinable @_noLocks @_noAllocation
  static func mask(_ from: UInt64, _ count: UInt64) -> UInt64 { (~0 &>> (64 &- count)) &<< from }

  /// The lowest `count` of the set bits, or as many as there are.
  @inlinable @_noLocks @_noAllocation
  package static func lowest(_ bits: UInt64, _ count: UInt64) -> UInt64 {
    var bits = bits
    var all = UInt64(bits.nonzeroBitCount)
    while all > count {
      bits &= ~(1 &<< UInt64(63 &- bits.leadingZeroBitCount))
      all &-= 1
    }
    return bits
  }

  /// Bits at which an aligned group of `count` (a power of two up to 64) set bits begins.
  @inlinable @_noLocks @_noAllocation
  static func alignedGroups(_ word: UInt64, _ count: UInt64) -> UInt64 {
    var groups = word
    var step: UInt64 = 1
    while step < count {
      groups &= groups &>> step
      step &<<= 1
    }
    switch count {
    case 1: return groups
    case 2: return groups & 0x5555_5555_5555_5555
    case 4: return groups & 0x1111_1111_1111_1111
    case 8: return groups & 0x0101_0101_0101_0101
    case 16: return groups & 0x0001_0001_0001_0001
    case 32: return groups & 0x0000_0001_0000_0001
    default: return groups & 1
    }
  }

  /// Claims an aligned group within one word; dirty pages before clean ones. The first page, or nil.
  @_noLocks @_noAllocation
  static func claimGroup(word index: UInt64, count: UInt64) -> UInt64? {
    let word = claimedWord(index)
    var value = word.loadRelaxed()
    while true {
      let free = ~value
      var groups = alignedGroups(free & touchedWord(index).loadRelaxed(), count)
      if groups == 0 { groups = alignedGroups(free, count) }
      if groups == 0 { return nil }
      let bit = UInt64(groups.trailingZeroBitCount)
      if word.compareExchange(&value, value | mask(bit, count)) { return index &* 64 &+ bit }
    }
  }

  /// Claims exactly this run, or nothing.
  @_noLocks @_noAllocation
  package static func claim(page: UInt64, count: UInt64) -> Bool {
    var at = page
    let end = page &+ count
    while at < end {
      let bit = at & 63
      let length = min(64 &- bit, end &- at)
      let bits = mask(bit, length)
      let old = claimedWord(at / 64).claim(bits: bits)
      if old & bits != 0 {
        claimedWord(at / 64).release(bits: bits & ~old)
        unclaim(page: page, count: at &- page)
        return false
      }
      at &+= length
    }
    return true
  }

  /// Gives claims back.
  @_noLocks @_noAllocation
  static func unclaim(page: UInt64, count: UInt64) {
    var at = page
    let end = page &+ count
    while at < end {
      let bit = at & 63
      let length = min(64 &- bit, end &- at)
      claimedWord(at / 64).release(bits: mask(bit, length))
      at &+= length
    }
  }

  /// Marks a claimed run as touched; how many of its pages were so before.
  @_noLocks @_noAllocation
  static func touch(page: UInt64, count: UInt64) -> UInt64 {
    var at = page
    let end = page &+ count
    var dirty: UInt64 = 0
    while at < end {
      let bit = at & 63
      let length = min(64 &- bit, end &- at)
      let bits = mask(bit, length)
      let word = touchedWord(at / 64)
      let old = word.loadRelaxed() & bits
      dirty &+= UInt64(old.nonzeroBitCount)
      if old != bits { word.claim(bits: bits) }
      at &+= length
    }
    return dirty
  }

  /// Marks a claimed run as freed now.
  @_noLocks @_noAllocation
  static func markRecent(page: UInt64, count: UInt64) {
    var at = page
    let end = page &+ count
    while at < end {
      let bit = at & 63
      let length = min(64 &- bit, end &- at)
      let bits = mask(bit, length)
      let word = recentWord(at / 64)
      if word.loadRelaxed() & bits != bits { word.claim(bits: bits) }
      at &+= length
    }
  }

  /// The first run of `count` free pages that lies in words `from ..< to`, unclaimed yet.
  @_noLocks @_noAllocation
  static func findRun(from: UInt64, to: UInt64, count: UInt64) -> UInt64? {
    var run = FreeRun(count: count)
    return run.found(from: from, to: to)
  }

  /// How many pages from `page`, which begins a word, are free before the first that is not; at most `count`.
  @_noLocks @_noAllocation
  static func freeFrom(page: UInt64, count: UInt64) -> UInt64 {
    var done: UInt64 = 0
    while done < count {
      let value = claimedWord((page &+ done) / 64).loadRelaxed()
      if value != 0 { return min(done &+ UInt64(value.trailingZeroBitCount), count) }
      done &+= 64
    }
    return count
  }

  /// How many pages right below `page`, which begins a word, are free in a row, down to `first`; at most `count`.
  @_noLocks @_noAllocation
  static func freeBelow(page: UInt64, from first: UInt64, count: UInt64) -> UInt64 {
    var done: UInt64 = 0
    while done < count, page &- done > first {
      let value = claimedWord((page &- done) / 64 &- 1).loadRelaxed()
      if value != 0 { return min(done &+ UInt64(value.leadingZeroBitCount), count) }
      done &+= 64
    }
    return min(done, count)
  }
}
