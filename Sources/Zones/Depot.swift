// SPDX-License-Identifier: Apache-2.0
// A home's depot: a lock-free stack of batches, each up to 128 free items on their way from one CPU cache to another;
// one compare-and-swap moves a batch. Batches are type-stable records in a table of their own; a node's empty ones are
// on a stack too.
//
// While a CPU takes back what it put there itself, a batch is just the chain: nothing is walked. When batches cross
// CPUs the addresses are written out: the next owner can fetch all their lines at once instead of one after the other.
//
// A depot is for exchange, not for storage: beyond `depotBytes` a home's items go back to their slabs at once, so that
// slabs fall empty and their pages serve other sizes. Items freed in address order cost one bitmap operation for up to
// 64.
//
// Ownership of a batch record: empty stack → who popped it (fills it) → depot stack → who popped it (empties it) →
// empty stack.
// All hand-overs are the stacks' CAS (TaggedStack). A thread stopped with a batch in hand loses at most its 128 items.

import CAnax
import LockFree
import Machine
import PerCPU
import Pages

extension Home {
  @_noLocks @_noAllocation
  func batchStack(_ head: UnsafeMutablePointer<UInt64>) -> TaggedStack {
    TaggedStack(
      head: head, links: UnsafeMutableRawPointer(anax_state().pointee.batches!) + 16,
      stride: MemoryLayout<anax_batch>.stride)
  }

  /// Bytes of free items that a home's depot may hold.
  static var depotBytes: UInt64 { @_noLocks @_noAllocation get { 128 << 10 } }

  var depot: TaggedStack { @_noLocks @_noAllocation get { batchStack(anax_home_depot(entry)) } }
  var emptyBatches: TaggedStack {
    @_noLocks @_noAllocation get { batchStack(anax_state_batch_free(anax_state()) + node) }
  }

  @_noLocks @_noAllocation
  func emptyBatch() -> UInt32? {
    if let index = emptyBatches.pop() { return index }
    let top = AtomicWord(anax_state_batch_top(anax_state()))
    if top.loadRelaxed() >= anax_state().pointee.batch_limit { return nil }
    let index = top.add(1)
    return index < anax_state().pointee.batch_limit ? UInt32(truncatingIfNeeded: index) : nil
  }

  @_noLocks @_noAllocation
  func count(ofList list: UInt64) -> UInt64 { ListWord.count(list, limit: UInt64(zone.pointee.list_limit)) }

  /// Puts a whole list, of this home's items, into the depot; where that is full, back into the slabs. False: the
  /// slabs.
  @_noLocks @_noAllocation @discardableResult
  package func deposit(list: UInt64, cpu: Int) -> Bool {
    let count = count(ofList: list)
    let bytes = count &* UInt64(zone.pointee.stride)
    let entry = self.entry
    let items = AtomicWord(anax_home_depot_items(entry))
    guard (items.loadRelaxed() &+ count) &* UInt64(zone.pointee.stride) <= Home.depotBytes, let index = emptyBatch()
    else {
      releaseToSlabs(list: list)
      return false
    }
    let batch = anax_state().pointee.batches! + Int(index)
    batch.pointee.cpu = UInt32(truncatingIfNeeded: cpu)
    batch.pointee.count = UInt32(truncatingIfNeeded: count)
    if AtomicWord(anax_home_crossed(entry)).loadRelaxed() > 0 {
      writeOut(list, batch)
    } else {
      batch.pointee.chain = list
    }
    AtomicWord(anax_node_depot_bytes(Pages.node(node))).add(bytes)
    items.add(count)
    depot.push(index)
    HelperCall.noteDirty()
    return true
  }

  /// Writes the addresses of a list into a batch.
  @_noLocks @_noAllocation
  func writeOut(_ list: UInt64, _ batch: UnsafeMutablePointer<anax_batch>) {
    let items = anax_batch_items(batch)
    let base = list &>> 16
    var word = list
    var index = 0
    while word &>> 16 != 0, index < ANAX_BATCH_ITEMS {
      let item = word &>> 16
      let distance = Int64(bitPattern: item &- base) >> 4
      if distance != Int64(Int32(truncatingIfNeeded: distance)) {
        // Further than 32 GiB from the first: the list stays a chain.
        batch.pointee.chain = list
        return
      }
      items[index] = UInt32(bitPattern: Int32(truncatingIfNeeded: distance))
      word = UnsafePointer<UInt64>(bitPattern: UInt(item))!.pointee
      index += 1
    }
    batch.pointee.base = base
    batch.pointee.count = UInt32(index)
    batch.pointee.chain = 0
  }

  /// Takes the batch put last, as a list word on the zone's room. 0: the depot is empty.
  @_noLocks @_noAllocation
  package func withdraw(cpu: Int) -> UInt64 {
    guard let index = depot.pop() else { return 0 }
    let entry = self.entry
    let batch = anax_state().pointee.batches! + Int(index)
    let count = UInt64(batch.pointee.count)
    let crossed = AtomicWord(anax_home_crossed(entry))
    let crossings = crossed.loadRelaxed()
    if batch.pointee.cpu != UInt32(truncatingIfNeeded: cpu) {
      if crossings < 64 { crossed.storeRelaxed(64) }
    } else if crossings > 0 {
      crossed.storeRelaxed(crossings &- 1)
    }
    AtomicWord(anax_home_depot_items(entry)).subtract(count)
    AtomicWord(anax_node_depot_bytes(Pages.node(node))).subtract(count &* UInt64(zone.pointee.stride))
    var list = batch.pointee.chain
    if list == 0 {
      // Written out with the item freed last first; the chain is built from the other end, so that it is handed out
      // first.
      let items = anax_batch_items(batch)
      let base = batch.pointee.base
      list = UInt64(zone.pointee.list_limit)
      var left = Int(count)
      while left > 0 {
        left -= 1
        let distance = Int64(Int32(bitPattern: items[left])) << 4
        let item = base &+ UInt64(bitPattern: distance)
        UnsafeMutablePointer<UInt64>(bitPattern: UInt(item))!.pointee = list
        list = item &<< 16 | (list & 0xffff) &- 1
      }
    }
    emptyBatches.push(index)
    let low = AtomicWord(anax_home_depot_low(entry))
    let now = AtomicWord(anax_home_depot_items(entry)).loadRelaxed()
    if now < low.loadRelaxed() { low.storeRelaxed(now) }
    return list
  }

  /// Sends what the depot did not need since the last call back to the slabs; `all`: everything. Items sent.
  @_noLocks @_noAllocation @discardableResult
  package func drain(all: Bool, cpu: Int) -> UInt64 {
    let entry = self.entry
    let items = AtomicWord(anax_home_depot_items(entry))
    let low = AtomicWord(anax_home_depot_low(entry))
    var surplus = all ? UInt64.max : low.loadRelaxed()
    var sent: UInt64 = 0
    while surplus > 0, !depot.isEmpty {
      let list = withdraw(cpu: cpu)
      if list == 0 { break }
      let count = count(ofList: list)
      releaseToSlabs(list: list)
      sent &+= count
      surplus = surplus > count ? surplus &- count : 0
    }
    low.storeRelaxed(items.loadRelaxed())
    return sent
  }
}
