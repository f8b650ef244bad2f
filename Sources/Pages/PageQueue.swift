// SPDX-License-Identifier: Apache-2.0
// Colors and queues. A page's queue is the low six bits of its number with some of them flipped, another constant for
// each word of the bitmaps (64 pages): the upper three by the word's number in its chunk, mirrored, the lower three by
// the next bits of that number, and all by those above (the twist). So a word has one page of each queue, any aligned
// run of 4096 pages puts 64 on each of the 64 queues, and each queue holds pages of every cache color: the words of a
// chunk hold it at eight places, two neighbors half the colors apart. Inside a huge page all six bits are physical.
// Queues are for pages of objects, and for ready pages, eight at a time (PageSearch+Several); runs are taken from the
// lowest chunk.
// A CPU begins in a word of the chunk, the CPU modulo 8, and in its share of the queues there: all 64 up to 8 CPUs, 64
// divided by the CPUs that begin in one word beyond. Within the share the object's color plus the page's index says
// where: up to 512 CPUs no two ever begin at one page, and successive pages of an object take successive queues of the
// share. When the share's pages of that word are taken, those of the chunk's other words are next: other colors. Only
// the start of a search is a CPU's own, never its reach; a chunk's words are one line of memory all the same.
// Arithmetic only; no state. After DragonFly BSD's vm_page coloring (2011), with nearest-first widening (2016); there
// the CPU is in the low bits of the color and the index above, so that successive pages share one.

import CAnax

@usableFromInline
package enum PageQueue {
  @inlinable package static var count: UInt64 { @_noLocks @_noAllocation get { 64 } }

  /// The queue a page belongs to.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package static func queue(ofPage page: UInt64) -> UInt64 { (page ^ flips(ofWord: page &>> 6)) & 63 }

  /// The bit of bitmap word `word` whose page belongs to `queue`: each word holds exactly one page of each queue.
  @inlinable @_noLocks @_noAllocation
  package static func bit(ofQueue queue: UInt64, word: UInt64) -> UInt64 { (queue ^ flips(ofWord: word)) & 63 }

  /// What a word's queues flip of the low six bits.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  static func flips(ofWord word: UInt64) -> UInt64 {
    ((word & 1) &<< 5 | (word & 2) &<< 3 | (word & 4) &<< 1 | (word &>> 3) & 7) ^ (word &>> 6) & 63
  }

  /// The queue where a request starts, in the CPU's word: one of the CPU's share.
  @inlinable @_noLocks @_noAllocation
  package static func start(cpu: UInt64, pageIndex: UInt64, objectColor: UInt64) -> UInt64 {
    ((cpu &>> 3) &* share &+ turn(pageIndex: pageIndex, objectColor: objectColor)) & 63
  }

  /// How many queues behind the first of the CPU's share that is, 0...63.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package static func turn(pageIndex: UInt64, objectColor: UInt64) -> UInt64 {
    (pageIndex &+ objectColor) & (share &- 1)
  }

  /// The same of a page's queue; `share` or more: it is none of the CPU's.
  @inlinable @inline(__always) @_noLocks @_noAllocation
  package static func turn(ofPage page: UInt64, cpu: UInt64) -> UInt64 {
    (queue(ofPage: page) &- (cpu &>> 3) &* share) & 63
  }

  /// The word of a chunk where a CPU's requests start.
  @inlinable @_noLocks @_noAllocation
  package static func word(cpu: UInt64) -> UInt64 { cpu & 7 }

  /// Queues of its word that a CPU begins in: 64 divided by the possible CPUs of a word, rounded up to a power of two.
  /// 1 beyond 256 CPUs; beyond 512, CPUs share.
  @inlinable @inline(__always)
  package static var share: UInt64 {
    @_noLocks @_noAllocation get {
      let perWord = min((anax_state().pointee.cpu_count &+ 7) / 8, count)
      return count &>> UInt64(64 &- (perWord &- 1).leadingZeroBitCount)
    }
  }

  /// The `step`th queue to try from `start`: itself, then one above, one below, two above …
  @inlinable @_noLocks @_noAllocation
  package static func widen(_ start: UInt64, _ step: UInt64) -> UInt64 {
    let distance = (step &+ 1) / 2
    return (step & 1 == 1 ? start &+ distance : start &- distance) & 63
  }
}
