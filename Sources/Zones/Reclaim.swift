// SPDX-License-Identifier: Apache-2.0
// Taking back what CPU caches hold, from outside: the block of each CPU is swapped for its replacement, the sections of
// all are stopped at once (one membarrier), and the old blocks' lists, which are now nobody else's, go to the slabs.
// The ready pages of an old block go to the bitmaps, unless another is at that CPU's pages now (PageDrain). Nobody
// waits here: a CPU whose block is being drained already is passed by. Where the kernel refuses that membarrier, only
// shards are drained. A reclaimer that is stopped midway keeps what was in the caches it swapped, and they are not
// taken back again.

import CAnax
import LockFree
import Machine
import PerCPU
import Pages

@usableFromInline
package enum Reclaim {
  /// Drains every CPU cache and shard into the slabs.
  @_noLocks @_noAllocation
  package static func everything() {
    let state = anax_state()
    AtomicWord(anax_state_reclaims(state)).add(1)
    // A bit for each block; there are at most ANAX_CPUS_MAX.
    var swapped = InlineArray<64, UInt64>(repeating: 0)
    var any = false
    let count = Int(state.pointee.block_count)
    var cpu = 0
    while cpu < count {
      if CPUBlocks.swap(cpu) {
        swapped[cpu / 64] |= 1 &<< UInt64(cpu & 63)
        any = true
      }
      cpu += 1
    }
    let stopped = any && Ladder.stopSections()
    cpu = 0
    while any, cpu < count {
      if swapped[cpu / 64] &>> UInt64(cpu & 63) & 1 == 1, let block = CPUBlocks.take(cpu, stopped: stopped) {
        drain(block, cpu)
        CPUBlocks.finish(cpu)
      }
      cpu += 1
    }
    if anax_state_shards_used(state).pointee != 0 { shards() }
  }

  /// For slow paths: drains the block that is left over on this CPU (see CPUBlocks), where there is one.
  @inline(never) @_noLocks @_noAllocation
  static func leftOver() {
    var index = 0
    guard let block = CPUBlocks.takeLeftOver(&index) else { return }
    drain(block, index)
    CPUBlocks.finish(index)
  }

  @_noLocks @_noAllocation
  static func drain(_ block: UnsafeMutablePointer<UInt64>, _ cpu: Int) {
    PageDrain.block(block, cpu: cpu)
    let nodes = Int(anax_state().pointee.node_count)
    let top = Int(AtomicWord(anax_state_zone_top(anax_state())).loadAcquire())
    var node = 0
    while node < nodes {
      var zone = 1
      while zone < top {
        if zone & ANAX_ZONE_RESERVED_BITS == 0 {
          drain(block + node * ANAX_ZONES_MAX + zone, zone, node)
          drain(block + node * ANAX_ZONES_MAX + (zone | ANAX_ZONE_SPARE), zone, node)
          if CPUBlocks.hasStrip(zone: zone) {
            drain(strip: block + node * ANAX_ZONES_MAX + (zone | ANAX_ZONE_STRIP), zone, node)
          }
        }
        zone += 1
      }
      node += 1
    }
  }

  @_noLocks @_noAllocation
  static func drain(_ word: UnsafeMutablePointer<UInt64>, _ zone: Int, _ node: Int) {
    if word.pointee == 0 { return }
    let list = taken(word)
    if list &>> 16 != 0 { Home(zone: zone, node: node).releaseToSlabs(list: list) }
  }

  @_noLocks @_noAllocation
  static func drain(strip word: UnsafeMutablePointer<UInt64>, _ zone: Int, _ node: Int) {
    if word.pointee == 0 { return }
    let strip = taken(word)
    if strip != 0 { Home(zone: zone, node: node).releaseToSlabs(strip: strip) }
  }

  /// At once: where a handler forks here, its child may bring the block into use again and take items from it before it
  /// returns to this. (Where the handler starts threads before it returns, one of these may have read the list in a
  /// section that ends behind the exchange: such an item is given out twice.)
  @inline(__always) @_noLocks @_noAllocation
  private static func taken(_ word: UnsafeMutablePointer<UInt64>) -> UInt64 { AtomicWord(word).exchange(0) }

  @_noLocks @_noAllocation
  static func shards() {
    let state = anax_state()
    let top = Int(AtomicWord(anax_state_zone_top(state)).loadAcquire())
    var shard = 0
    while shard < Int(state.pointee.cpu_count) {
      var node = 0
      while node < Int(state.pointee.node_count) {
        var zone = 1
        while zone < top {
          if zone & ANAX_ZONE_RESERVED_BITS == 0 {
            let list = Shards.take(shard: shard, node * ANAX_ZONES_MAX + zone)
            if list != 0 { Home(zone: zone, node: node).releaseToSlabs(list: list) }
          }
          zone += 1
        }
        node += 1
      }
      shard += 1
    }
  }
}
