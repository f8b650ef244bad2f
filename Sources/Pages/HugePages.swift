// SPDX-License-Identifier: Apache-2.0
// Huge pages for large blocks. The heap is mapped without them, so that a small process stays small where the system
// gives them to everybody, and each chunk declines them anew when it is opened, since a program may have asked for them
// on every mapping of its own; a large block asks for its whole chunks when it is made, and gives the wish back when
// its pages have gone back to the kernel. A 2 MiB page is faulted in several times faster than its 512 small ones, and
// costs memory only where a block is sparse: so not for calloc, and not for a block larger than all else that the node
// holds.
//
// `huge_chunks`, a byte a chunk: 1 while the chunk is advised. Changed by who holds claims in the chunk; a race costs
// one madvise.

import CAnax
import LockFree
import Machine

@usableFromInline
package enum HugePages {
  /// Blocks from 4 MiB, up to 32 MiB or what the node holds already.
  @_noLocks @_noAllocation
  package static func suit(_ count: UInt64, node: Int) -> Bool {
    if count < Region.pagesPerChunk &* 2 { return Tunable.pageHuge.value == 2 && count >= Region.pagesPerChunk }
    if Tunable.pageHuge.value == 0 { return false }
    return count <= Region.pagesPerChunk &* 16
      || count <= AtomicWord(anax_node_claimed_pages(Pages.node(node))).loadRelaxed() / 2
  }

  /// Asks for huge pages in the whole chunks of a claimed run.
  @_noLocks @_noAllocation
  package static func advise(page: UInt64, count: UInt64) {
    let flags = anax_state().pointee.huge_chunks!
    let end = (page &+ count) / Region.pagesPerChunk
    var chunk = (page &+ Region.pagesPerChunk &- 1) / Region.pagesPerChunk
    while chunk < end {
      let first = chunk
      while chunk < end, flags[Int(chunk)] == 0 {
        flags[Int(chunk)] = 1
        chunk &+= 1
      }
      if chunk > first {
        _ = Kernel.advise(
          Region.address(ofPage: first &* Region.pagesPerChunk),
          bytes: ((chunk &- first) &* Region.pagesPerChunk) &<< Region.pageShift, MADV_HUGEPAGE)
      } else {
        chunk &+= 1
      }
    }
  }

  /// From now on a chunk is filled in by small pages.
  @_noLocks @_noAllocation
  static func decline(page: UInt64) {
    _ = Kernel.advise(Region.address(ofPage: page), bytes: Region.pagesPerChunk &<< Region.pageShift, MADV_NOHUGEPAGE)
  }

  /// The whole chunks of a claimed run were mapped anew, without the wish.
  @_noLocks @_noAllocation
  static func noteRemapped(page: UInt64, count: UInt64) {
    let end = (page &+ count) / Region.pagesPerChunk
    var chunk = (page &+ Region.pagesPerChunk &- 1) / Region.pagesPerChunk
    while chunk < end {
      anax_state().pointee.huge_chunks![Int(chunk)] = 0
      chunk &+= 1
    }
  }

  /// After a sweep of the chunk: where nothing of it is resident, the next user starts with small pages.
  @_noLocks @_noAllocation
  static func forget(chunk: UInt64) {
    let flag = anax_state().pointee.huge_chunks! + Int(chunk)
    if flag.pointee == 0 { return }
    var word = chunk &* 8
    while word < chunk &* 8 &+ 8 {
      if PageBitmap.touchedWord(word).loadRelaxed() != 0 { return }
      word &+= 1
    }
    flag.pointee = 0
    decline(page: chunk &* Region.pagesPerChunk)
  }
}
