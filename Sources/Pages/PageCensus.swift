// SPDX-License-Identifier: Apache-2.0
// Where a node's pages really lie. The engine does not choose it: whoever touches a page first does, by the policy of
// its thread, and the kernel goes elsewhere where a node is full. So it is asked of the kernel, page by page, when
// somebody wants to know. Reads bits that others change, and pages that the kernel is moving are not told: a picture,
// not a count. Any thread; nobody waits, nothing allocates.

import CAnax
import LockFree
import Machine

package enum PageCensus {
  /// Adds the resident pages of a node's region to a count for each node of the kernel's, of which there are `nodes`.
  /// False: the kernel does not say.
  @_noLocks @_noAllocation
  package static func count(node: Int, into pages: UnsafeMutablePointer<UInt64>, nodes: Int) -> Bool {
    let entry = Pages.node(node)
    var word = entry.pointee.first_page / 64
    let end = word &+ AtomicWord(anax_node_top(entry)).loadAcquire() &* Region.pagesPerChunk / 64
    while word < end {
      if !count(word: word, into: pages, nodes: nodes) { return false }
      word &+= 1
    }
    return true
  }

  @_noLocks @_noAllocation
  static func count(word: UInt64, into pages: UnsafeMutablePointer<UInt64>, nodes: Int) -> Bool {
    var touched = PageBitmap.touchedWord(word).loadRelaxed()
    if touched == 0 { return true }
    var addresses = InlineArray<64, UInt64>(repeating: 0)
    var status = InlineArray<64, Int32>(repeating: -1)
    var count = 0
    while touched != 0 {
      addresses[count] = Region.address(ofPage: word &* 64 &+ UInt64(touched.trailingZeroBitCount))
      touched &= touched &- 1
      count += 1
    }
    let told = withUnsafeMutablePointer(to: &addresses) { addresses in
      withUnsafeMutablePointer(to: &status) { status in
        Kernel.nodes(
          ofPages: UnsafeMutableRawPointer(addresses).assumingMemoryBound(to: UInt64.self), count: count,
          into: UnsafeMutableRawPointer(status).assumingMemoryBound(to: Int32.self))
      }
    }
    if !told { return false }
    var index = 0
    while index < count {
      let node = Int(status[index])
      if node >= 0, node < nodes { pages[node] &+= 1 }
      index += 1
    }
    return true
  }

  /// As `pages`, for a summary: the kernel is asked for each page, so not where there is nothing to tell.
  @_noLocks @_noAllocation
  package static func told(node: Int) -> (here: UInt64, elsewhere: UInt64)? {
    anax_state().pointee.node_count == 1 ? nil : pages(node: node)
  }

  /// Resident pages of the node's region: those that lie on the node, and those that lie elsewhere. nil: the kernel
  /// does not say.
  @_noLocks @_noAllocation
  package static func pages(node: Int) -> (here: UInt64, elsewhere: UInt64)? {
    var pages = InlineArray<64, UInt64>(repeating: 0)
    let told = withUnsafeMutablePointer(to: &pages) {
      count(node: node, into: UnsafeMutableRawPointer($0).assumingMemoryBound(to: UInt64.self), nodes: 64)
    }
    if !told { return nil }
    var here: UInt64 = 0
    var elsewhere: UInt64 = 0
    var index = 0
    while index < 64 {
      if Processors.home(ofNode: index) == node {
        here &+= pages[index]
      } else {
        elsewhere &+= pages[index]
      }
      index += 1
    }
    return (here, elsewhere)
  }
}
