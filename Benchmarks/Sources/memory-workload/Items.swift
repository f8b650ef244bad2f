// SPDX-License-Identifier: Apache-2.0
//
// Items of one type: one taken and given back, a thousand and then back shuffled, and items that another thread gives
// back.
// Every item is initialised when it is taken.

import Anax
import CBench
import Glibc
import Instruments

/// Words of an item's payload; 8 are 64 bytes, 25 are 200.
private protocol Payload: BitwiseCopyable {
  init(_ first: UInt64)
}

private struct Payload64: Payload {
  var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
  init(_ first: UInt64) { words = (first, 0, 0, 0, 0, 0, 0, 0) }
}

private struct Payload200: Payload {
  var head: Payload64
  var middle: Payload64
  var tail: Payload64
  var last: UInt64
  init(_ first: UInt64) { (head, middle, tail, last) = (Payload64(first), Payload64(first), Payload64(first), first) }
}

/// Where items come from.
private protocol ItemSource {
  associatedtype Item: Payload
  func take(_ value: Item) -> UnsafeMutableRawPointer
  func give(_ item: UnsafeMutableRawPointer)
}

private struct ZoneItems<Item: Payload>: ItemSource {
  private let zone: Zone<Item>

  init() {
    do throws(ZoneError) {
      zone = try Zone<Item>("benchmark")
    } catch {
      fail("a zone: \(error)")
    }
  }

  @inline(__always) func take(_ value: Item) -> UnsafeMutableRawPointer {
    do throws(ZoneError) {
      let item = try zone.allocate()
      item.initialize(to: value)
      return UnsafeMutableRawPointer(item)
    } catch {
      fail("an item: \(error)")
    }
  }

  @inline(__always) func give(_ item: UnsafeMutableRawPointer) {
    zone.deallocate(item.assumingMemoryBound(to: Item.self))
  }
}

private struct MallocItems<Item: Payload>: ItemSource {
  @inline(__always) func take(_ value: Item) -> UnsafeMutableRawPointer {
    let item = bench_malloc(MemoryLayout<Item>.size)
    item.storeBytes(of: value, as: Item.self)
    return item
  }

  @inline(__always) func give(_ item: UnsafeMutableRawPointer) { bench_free(item) }
}

private struct PointerItems<Item: Payload>: ItemSource {
  @inline(__always) func take(_ value: Item) -> UnsafeMutableRawPointer {
    let item = UnsafeMutablePointer<Item>.allocate(capacity: 1)
    item.initialize(to: value)
    return bench_opaque(item)!
  }

  @inline(__always) func give(_ item: UnsafeMutableRawPointer) {
    item.assumingMemoryBound(to: Item.self).deallocate()
  }
}

private struct ClassItems<Item: Payload>: ItemSource {
  private final class Box {
    var value: Item
    init(_ value: Item) { self.value = value }
  }

  @inline(__always) func take(_ value: Item) -> UnsafeMutableRawPointer {
    bench_opaque(Unmanaged.passRetained(Box(value)).toOpaque())!
  }

  @inline(__always) func give(_ item: UnsafeMutableRawPointer) { Unmanaged<Box>.fromOpaque(item).release() }
}

let itemCases: [Case] = [
  Case(
    name: "item", about: "an item of 64 bytes taken and given back",
    subjects: [
      ("anax", { pair(ZoneItems<Payload64>(), $0) }), ("malloc", { pair(MallocItems<Payload64>(), $0) }),
      ("pointer", { pair(PointerItems<Payload64>(), $0) }), ("class", { pair(ClassItems<Payload64>(), $0) }),
    ]),
  Case(
    name: "item-200", about: "an item of 200 bytes taken and given back",
    subjects: [
      ("anax", { pair(ZoneItems<Payload200>(), $0) }), ("malloc", { pair(MallocItems<Payload200>(), $0) }),
      ("pointer", { pair(PointerItems<Payload200>(), $0) }), ("class", { pair(ClassItems<Payload200>(), $0) }),
    ]),
  Case(
    name: "items-1000", about: "1000 items of 64 bytes taken, then given back in a fixed random order",
    subjects: [
      ("anax", { batch(ZoneItems<Payload64>(), $0) }), ("malloc", { batch(MallocItems<Payload64>(), $0) }),
      ("pointer", { batch(PointerItems<Payload64>(), $0) }), ("class", { batch(ClassItems<Payload64>(), $0) }),
    ]),
  Case(
    name: "items-passed", about: "items of 64 bytes that one thread takes and another gives back",
    subjects: [
      ("anax", { passed(ZoneItems<Payload64>(), $0) }), ("malloc", { passed(MallocItems<Payload64>(), $0) }),
      ("pointer", { passed(PointerItems<Payload64>(), $0) }), ("class", { passed(ClassItems<Payload64>(), $0) }),
    ]),
]

@inline(never)
private func pair<Source: ItemSource>(_ source: Source, _ conditions: Conditions) -> Double {
  let operations = conditions.scaled(3_000_000)
  let work = { (count: Int) in
    for index in 0..<count { source.give(source.take(Source.Item(UInt64(truncatingIfNeeded: index)))) }
  }
  if conditions.threads == 1 { return Clock.median(chunks: 31, operations: max(operations / 31, 1), work) }
  return Team.run(conditions.threads) { _ in work(operations) } / Double(operations * conditions.threads)
}

@inline(never)
private func batch<Source: ItemSource>(_ source: Source, _ conditions: Conditions) -> Double {
  let count = 1000
  let held = mapped(count, of: UnsafeMutableRawPointer.self)
  let order = mapped(count, of: Int.self)
  for index in 0..<count { order[index] = index }
  var random = Random(conditions.seed)
  random.shuffle(order, count)
  let time = Clock.median(chunks: 31, operations: conditions.scaled(60)) { batches in
    for _ in 0..<batches {
      for index in 0..<count { held[index] = source.take(Source.Item(UInt64(index))) }
      for index in 0..<count { source.give(held[order[index]]) }
    }
  }
  return time / Double(count)
}

@inline(never)
private func passed<Source: ItemSource>(_ source: Source, _ conditions: Conditions) -> Double {
  let count = conditions.scaled(1_000_000)
  let ring = Ring()
  let time = Team.run(2) { index in
    for item in 0..<count {
      if index == 0 {
        ring.send(UInt(bitPattern: source.take(Source.Item(UInt64(item)))))
      } else {
        source.give(UnsafeMutableRawPointer(bitPattern: ring.receive())!)
      }
    }
  }
  return time / Double(count)
}
