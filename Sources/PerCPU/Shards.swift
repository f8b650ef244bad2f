// SPDX-License-Identifier: Apache-2.0
// Rung D: list words for threads without a restartable-sequence area. A shard for each of cpu_count CPU ids (an id
// beyond takes the one that is the remainder), entered by a single CAS on its lock word and never waited for: taken →
// the next shard, at most three, then the caller goes on without a cache. Contents change by one store, so a shard is
// whole whenever its holder is stopped; the lock words lie in memory that reads zero in the child of a fork, which
// opens what vanished threads held.
//
// | lock | transition | order |
// |---|---|---|
// | 0 → 1 | CAS by who enters | acquire |
// | 1 → 0 | the holder | release |

import CAnax
import LockFree

@usableFromInline
package enum Shards {
  @_noLocks @_noAllocation
  static func enter(_ cpu: Int) -> Int? {
    let count = Int(anax_state().pointee.cpu_count)
    var turn = 0
    while turn < 3 {
      let shard = (cpu + turn) % count
      let lock = AtomicWord(anax_state().pointee.shard_locks! + shard)
      var free: UInt64 = 0
      if lock.loadRelaxed() == 0, lock.compareExchange(&free, 1) { return shard }
      turn += 1
    }
    return nil
  }

  @_noLocks @_noAllocation
  static func leave(_ shard: Int) { AtomicWord(anax_state().pointee.shard_locks! + shard).storeRelease(0) }

  /// From now on who looks for items looks into shards too. Stored once: slow paths of all CPUs read that line.
  @_noLocks @_noAllocation
  static func noteUse() {
    let used = AtomicWord(anax_state_shards_used(anax_state()))
    if _slowPath(used.loadRelaxed() == 0) { used.storeRelaxed(1) }
  }

  @_noLocks @_noAllocation
  static func word(_ shard: Int, _ index: Int) -> AtomicWord {
    let base = anax_state().pointee.shards_base &+ UInt64(shard) &* anax_state().pointee.block_bytes
    return AtomicWord(UnsafeMutablePointer(bitPattern: UInt(base))! + index)
  }

  /// The first item of list `index` ([node][zone]); nil: none there, or no shard free.
  @_noLocks @_noAllocation
  package static func pop(_ cpu: Int, _ index: Int) -> UInt64? {
    guard let shard = enter(cpu) else { return nil }
    defer { leave(shard) }
    return first(shard, index)
  }

  /// As above, and one more in the word `counter`. `counted`: not where no shard is free.
  @_noLocks @_noAllocation
  package static func pop(_ cpu: Int, _ index: Int, counter: Int, counted: inout Bool) -> UInt64? {
    guard let shard = enter(cpu) else { return nil }
    defer { leave(shard) }
    noteUse()
    let count = word(shard, counter)
    count.storeRelaxed(count.loadRelaxed() &+ 1)
    counted = true
    return first(shard, index)
  }

  /// In a shard that was entered.
  @inline(__always) @_noLocks @_noAllocation
  static func first(_ shard: Int, _ index: Int) -> UInt64? {
    let list = word(shard, index)
    let item = list.loadRelaxed() &>> 16
    if item == 0 { return nil }
    list.storeRelaxed(UnsafePointer<UInt64>(bitPattern: UInt(item))!.pointee)
    return item
  }

  /// Puts the item on list `index`. When the list is full, or was never used, it is replaced by one with only this item
  /// and the old word is handed to the caller in `full`. False: no shard free.
  @_noLocks @_noAllocation
  package static func push(_ cpu: Int, _ index: Int, item: UInt64, room: UInt64, full: inout UInt64) -> Bool {
    guard let shard = enter(cpu) else { return false }
    defer { leave(shard) }
    noteUse()
    let list = word(shard, index)
    var old = list.loadRelaxed()
    full = 0
    if old & 0xffff == 0 {
      full = old
      old = room
    }
    UnsafeMutablePointer<UInt64>(bitPattern: UInt(item))!.pointee = old
    list.storeRelaxed(item &<< 16 | (old & 0xffff) &- 1)
    return true
  }

  /// Makes `list` the list where that has no item. False: it has, or no shard free.
  @_noLocks @_noAllocation
  package static func put(_ cpu: Int, _ index: Int, list new: UInt64) -> Bool {
    guard let shard = enter(cpu) else { return false }
    defer { leave(shard) }
    let list = word(shard, index)
    if list.loadRelaxed() &>> 16 != 0 { return false }
    noteUse()
    list.storeRelaxed(new)
    return true
  }

  /// Takes the whole list of one shard; 0: none, or taken.
  @_noLocks @_noAllocation
  package static func take(shard: Int, _ index: Int) -> UInt64 {
    let lock = AtomicWord(anax_state().pointee.shard_locks! + shard)
    var free: UInt64 = 0
    if !lock.compareExchange(&free, 1) { return 0 }
    defer { leave(shard) }
    let list = word(shard, index)
    let old = list.loadRelaxed()
    if old == 0 { return 0 }
    // Also an empty list goes: its room is a zone's that may end.
    list.storeRelaxed(0)
    return old &>> 16 == 0 ? 0 : old
  }
}
