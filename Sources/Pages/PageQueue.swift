// SPDX-License-Identifier: Apache-2.0
// Colours and queues. A page's queue is the XOR-fold of its page number (the twist), so that any aligned run of 4096 pages
// puts 64 on each of the 64 queues, and each queue holds pages of every cache colour. The colour asked for is the CPU in the
// low bits plus the page's index in its object: CPUs start in queues no other CPU starts in, and successive pages of an object
// still spread over the cache. Only the start of a search is a CPU's own, never its reach. Arithmetic only; no state.
// After DragonFly BSD's vm_page colouring (2011), with nearest-first widening (2016).

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

  /// The queue where a request starts: CPU in the low bits, object and page index above.
  @inlinable @_noLocks @_noAllocation
  package static func start(cpu: UInt64, pageIndex: UInt64, objectColor: UInt64) -> UInt64 {
    let cpus = anax_state().pointee.cpu_count
    var fit: UInt64 = 1
    while fit < cpus && fit < count { fit &<<= 1 }
    let low = fit &- 1
    return ((cpu & low) &+ (pageIndex & ~low) &+ (objectColor & ~low)) & 63
  }

  /// The `step`th queue to try from `start`: itself, then one above, one below, two above …
  @inlinable @_noLocks @_noAllocation
  package static func widen(_ start: UInt64, _ step: UInt64) -> UInt64 {
    let distance = (step &+ 1) / 2
    return (step & 1 == 1 ? start &+ distance : start &- distance) & 63
  }
}
