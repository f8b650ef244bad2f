// SPDX-License-Identifier: Apache-2.0
// Colors and queues. A page's queue is the XOR-fold of its page number (the twist), so that any aligned run of 4096
// pages puts 64 on each of the 64 queues, and each queue holds pages of every cache color. Within a word of the bitmaps
// (64 pages) a page's queue is the low six bits of its number, all of them physical inside a huge page, with some of
// them flipped: another constant for each word. Queues are for pages of objects, and for ready pages, eight at a time
// (PageSearch+Several); runs are taken lowest first. Each CPU has a share of the queues to begin
// in, 64 divided by the CPUs; within it the object's color plus the page's index says where: up to 64 CPUs no two ever
// begin in one queue, and successive pages of an object take successive queues of the share. Where a share is one queue
// it is the twist alone that spreads them: successive words of a chunk hold another cache color of the queue each. Only
// the start of a search is a CPU's own, never its reach. Arithmetic only; no state. After DragonFly BSD's vm_page
// coloring (2011), with nearest-first widening (2016); there the CPU is in the low bits of the color and the index
// above, so that successive pages share one.

import CAnax

@usableFromInline
package enum PageQueue {
  @inlinable package static var count: UInt64 { @_noLocks @_noAllocation get { 64 } }

  /// The queue a page belongs to.
  @inlinable @_noLocks @_noAllocation
  package static func queue(ofPage page: UInt64) -> UInt64 { (page ^ (page &>> 6) ^ (page &>> 12)) & 63 }

  /// The bit of bitmap word `word` whose page belongs to `queue`: each word holds exactly one page of each queue.
  @inlinable @_noLocks @_noAllocation
  package static func bit(ofQueue queue: UInt64, word: UInt64) -> UInt64 { (queue ^ word ^ (word &>> 6)) & 63 }

  /// The queue where a request starts: one of the CPU's share.
  @inlinable @_noLocks @_noAllocation
  package static func start(cpu: UInt64, pageIndex: UInt64, objectColor: UInt64) -> UInt64 {
    (cpu &* share &+ (pageIndex &+ objectColor) & (share &- 1)) & 63
  }

  /// Queues that a CPU begins in: 64 divided by the possible CPUs, rounded up to a power of two. 1 beyond 32 CPUs;
  /// beyond 64, CPUs share.
  @inlinable
  package static var share: UInt64 {
    @_noLocks @_noAllocation get {
      let cpus = min(anax_state().pointee.cpu_count, count)
      return count &>> UInt64(64 &- (cpus &- 1).leadingZeroBitCount)
    }
  }

  /// The `step`th queue to try from `start`: itself, then one above, one below, two above …
  @inlinable @_noLocks @_noAllocation
  package static func widen(_ start: UInt64, _ step: UInt64) -> UInt64 {
    let distance = (step &+ 1) / 2
    return (step & 1 == 1 ? start &+ distance : start &- distance) & 63
  }
}
