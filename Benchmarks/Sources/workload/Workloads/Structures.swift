// SPDX-License-Identifier: Apache-2.0
//
// What programs build: a tree of texts, a list of texts, a hash table that grows, many arrays that are appended to.

import CBench
import Glibc
import Instruments

let structureCases: [Case] = [
  Case(name: "tree", about: "a search tree of texts built and torn down") { tree($0) },
  Case(name: "list", about: "a list of texts: pushed, filtered, reversed by copy, torn down") { list($0) },
  Case(name: "hash-table", about: "a hash table of texts grows by realloc and is emptied") { hashTable($0) },
  Case(name: "appends", about: "2000 arrays grow at random: malloc_usable_size, then realloc to twice") { appends($0) },
]

private struct Node {
  var left: UnsafeMutablePointer<Node>?
  var right: UnsafeMutablePointer<Node>?
  var key: UInt64
  var text: Block
}

@inline(__always)
private func text(_ random: inout Random) -> Block {
  let size = random.textSize()
  let block = bench_malloc(size)
  memset(block, 65, size)
  return block
}

@inline(__always)
private func node(_ key: UInt64, _ text: Block) -> UnsafeMutablePointer<Node> {
  let node = bench_malloc(MemoryLayout<Node>.size).assumingMemoryBound(to: Node.self)
  node.initialize(to: Node(left: nil, right: nil, key: key, text: text))
  return node
}

@inline(never)
private func tree(_ conditions: Conditions) -> [(String, Double)] {
  let nodes = conditions.scaled(30_000)
  var random = Random(conditions.seed)
  let time = Clock.median(chunks: 5, operations: nodes) { count in
    let root = node(1 << 63, text(&random))
    for _ in 1..<count {
      let key = random.next()
      var at = root
      while true {
        if key < at.pointee.key {
          if let next = at.pointee.left { at = next } else { break }
        } else {
          if let next = at.pointee.right { at = next } else { break }
        }
      }
      let fresh = node(key, text(&random))
      if key < at.pointee.key { at.pointee.left = fresh } else { at.pointee.right = fresh }
    }
    tearDown(root)
  }
  return [("ns", time)]
}

private func tearDown(_ node: UnsafeMutablePointer<Node>) {
  if let left = node.pointee.left { tearDown(left) }
  if let right = node.pointee.right { tearDown(right) }
  bench_free(node.pointee.text)
  bench_free(node)
}

@inline(never)
private func list(_ conditions: Conditions) -> [(String, Double)] {
  let nodes = conditions.scaled(60_000)
  var random = Random(conditions.seed)
  let time = Clock.median(chunks: 7, operations: nodes) { count in
    var head: UnsafeMutablePointer<Node>?
    for key in 0..<count {
      let fresh = node(UInt64(key), text(&random))
      fresh.pointee.right = head
      head = fresh
    }
    // Every third goes; the others are copied into a new list, in the other order.
    var copy: UnsafeMutablePointer<Node>?
    while let first = head {
      head = first.pointee.right
      if first.pointee.key % 3 != 0 {
        let fresh = node(first.pointee.key, text(&random))
        fresh.pointee.right = copy
        copy = fresh
      }
      bench_free(first.pointee.text)
      bench_free(first)
    }
    while let first = copy {
      copy = first.pointee.right
      bench_free(first.pointee.text)
      bench_free(first)
    }
  }
  return [("ns", time)]
}

@inline(never)
private func hashTable(_ conditions: Conditions) -> [(String, Double)] {
  let entries = conditions.scaled(100_000)
  var random = Random(conditions.seed)
  let time = Clock.median(chunks: 5, operations: entries) { count in
    var capacity = 16
    var table = bench_calloc(capacity, 8).assumingMemoryBound(to: Block?.self)
    for filled in 0..<count {
      if filled * 4 >= capacity * 3 {
        // Open addressing: the old half is spread over a table of twice the size, which realloc makes.
        table = bench_realloc(table, capacity * 16).assumingMemoryBound(to: Block?.self)
        memset(table + capacity, 0, capacity * 8)
        let moved = bench_malloc(filled * 8).assumingMemoryBound(to: Block?.self)
        var count = 0
        for slot in 0..<capacity {
          guard let entry = table[slot] else { continue }
          moved[count] = entry
          count += 1
          table[slot] = nil
        }
        capacity *= 2
        for index in 0..<count { insert(moved[index]!, table, capacity) }
        bench_free(moved)
      }
      let key = text(&random)
      key.storeBytes(of: random.next(), as: UInt64.self)
      insert(key, table, capacity)
    }
    for slot in 0..<capacity { bench_free(table[slot]) }
    bench_free(table)
  }
  return [("ns", time)]
}

@inline(__always)
private func insert(_ entry: Block, _ table: UnsafeMutablePointer<Block?>, _ capacity: Int) {
  let hash = entry.load(as: UInt64.self) &* 0x9E37_79B9_7F4A_7C15
  var slot = Int(truncatingIfNeeded: hash &>> 32) & (capacity &- 1)
  while table[slot] != nil { slot = (slot &+ 1) & (capacity &- 1) }
  table[slot] = entry
}

private struct GrowingArray {
  var base: Block?
  var count: Int
  var capacity: Int
}

@inline(never)
private func appends(_ conditions: Conditions) -> [(String, Double)] {
  let arrays = 2000
  let table = mapped(arrays, of: GrowingArray.self)
  let operations = conditions.scaled(300_000)
  var random = Random(conditions.seed)
  let time = Clock.median(chunks: 7, operations: operations) { count in
    for _ in 0..<count {
      // A few arrays grow long.
      let draw = random.below(arrays)
      let array = table + draw * random.below(arrays) / arrays
      if array.pointee.count == array.pointee.capacity {
        let base = bench_realloc(array.pointee.base, max(array.pointee.count * 16, 32))
        array.pointee.base = base
        array.pointee.capacity = bench_usable(base) / 8
      }
      array.pointee.base!.storeBytes(of: draw, toByteOffset: array.pointee.count * 8, as: Int.self)
      array.pointee.count += 1
      if array.pointee.count > 64, random.next() & 1023 == 0 {
        bench_free(array.pointee.base)
        array.initialize(to: GrowingArray(base: nil, count: 0, capacity: 0))
      }
    }
    for index in 0..<arrays {
      bench_free(table[index].base)
      table[index] = GrowingArray(base: nil, count: 0, capacity: 0)
    }
  }
  return [("ns", time)]
}
