// SPDX-License-Identifier: Apache-2.0
// Looks into the CPU blocks and shards from outside, for statistics and before a zone's id is used again. Reads only,
// words that their CPUs go on changing: each is right when it is read, a sum is right when nothing moves meanwhile.

import CAnax
import LockFree

package enum CacheCensus {
  /// Items of lists [node][zone], [node][zone's spare] and the zone's strips on all CPUs and shards.
  @_noLocks @_noAllocation
  package static func items(node: Int, zone: Int, room: UInt64) -> UInt64 {
    let list = node * ANAX_ZONES_MAX + zone
    var items: UInt64 = 0
    var cpu = 0
    while cpu < Int(anax_state().pointee.block_count) {
      items &+= count(block: cpu, list, room) &+ count(block: cpu, list | ANAX_ZONE_SPARE, room)
      if isOpen(cpu), CPUBlocks.hasStrip(zone: zone) {
        let strip = list | ANAX_ZONE_STRIP
        items &+= count(strip: word(cpu, 0, strip)) &+ count(strip: word(cpu, 1, strip))
      }
      if hasShard(cpu) {
        items &+= ListWord.count(Shards.word(cpu, list).loadRelaxed(), limit: room)
      }
      cpu += 1
    }
    return items
  }

  /// Whether no CPU and no shard has a list of the zone on any node, not even an empty one.
  @_noLocks @_noAllocation
  package static func isClear(zone: Int) -> Bool {
    var words: UInt64 = 0
    var cpu = 0
    while cpu < Int(anax_state().pointee.block_count) {
      var node = 0
      while node < Int(anax_state().pointee.node_count) {
        let list = node * ANAX_ZONES_MAX + zone
        // Asked of user zones, which have no strips.
        if isOpen(cpu) {
          words |= word(cpu, 0, list) | word(cpu, 1, list)
          words |= word(cpu, 0, list | ANAX_ZONE_SPARE) | word(cpu, 1, list | ANAX_ZONE_SPARE)
        }
        if hasShard(cpu) { words |= Shards.word(cpu, list).loadRelaxed() }
        node += 1
      }
      cpu += 1
    }
    return words == 0
  }

  /// The sum over all CPUs and shards of a counter word, which both blocks of a CPU carry.
  @_noLocks @_noAllocation
  package static func sum(ofCounter index: Int) -> UInt64 {
    var sum: UInt64 = 0
    var cpu = 0
    while cpu < Int(anax_state().pointee.block_count) {
      sum &+= counter(index, cpu: cpu)
      if hasShard(cpu) { sum &+= Shards.word(cpu, index).loadRelaxed() }
      cpu += 1
    }
    return sum
  }

  /// A counter word of one CPU.
  @_noLocks @_noAllocation
  package static func counter(_ index: Int, cpu: Int) -> UInt64 {
    isOpen(cpu) ? word(cpu, 0, index) &+ word(cpu, 1, index) : 0
  }

  /// Shards are one a CPU id, also where blocks are more.
  @_noLocks @_noAllocation
  static func hasShard(_ index: Int) -> Bool {
    anax_state_shards_used(anax_state()).pointee != 0 && index < Int(anax_state().pointee.cpu_count)
  }

  @_noLocks @_noAllocation
  package static func isOpen(_ cpu: Int) -> Bool {
    let block = CPUBlocks.inUse(cpu)
    return block != 0 && block != CPUBlocks.empty
  }

  @_noLocks @_noAllocation
  static func word(_ cpu: Int, _ which: UInt64, _ index: Int) -> UInt64 {
    AtomicWord(UnsafeMutablePointer(bitPattern: UInt(CPUBlocks.block(cpu, which)))! + index).loadRelaxed()
  }

  @_noLocks @_noAllocation
  static func count(block cpu: Int, _ list: Int, _ room: UInt64) -> UInt64 {
    if !isOpen(cpu) { return 0 }
    return ListWord.count(word(cpu, 0, list), limit: room) &+ ListWord.count(word(cpu, 1, list), limit: room)
  }

  /// Items of a strip word.
  @_noLocks @_noAllocation
  package static func count(strip: UInt64) -> UInt64 { strip & 0xff &+ strip &>> 8 & 0xff }
}
