// SPDX-License-Identifier: Apache-2.0
// Pages that the kernel moves by itself (kernel.numa_balancing) to the node that works on them: homes stay, since the
// address tells them, and what Anax says of where a page lies is what move_pages(2) says. What was wished for stays.

import Anax
import Glibc

/// What is said of a page is what the kernel says, before and after; between the two it may have moved it.
private func agree(_ pages: [UnsafeMutableRawPointer], home: Int) {
  let before = Judge.nodes(of: pages)
  let said = pages.map { Memory.node(of: $0) ?? -1 }
  let after = Judge.nodes(of: pages)
  var same = 0
  for (index, page) in pages.enumerated() {
    require(Memory.home(of: page) == home, "home \(Memory.home(of: page) ?? -1) of a moved page of node \(home)")
    if before[index] != after[index] { continue }
    same += 1
    require(said[index] == after[index], "Memory.node(of:) says \(said[index]) of a page on \(after[index])")
  }
  require(same * 2 > pages.count, "of \(pages.count) pages only \(same) stood still")
}

/// Works on the pages until the kernel has moved most of them to the node.
private func draw(_ pages: [UnsafeMutableRawPointer], to node: Int) throws -> Int {
  let start = time(nil)
  var moved = 0
  try onNode(node) {
    repeat {
      for _ in 0..<20 {
        for page in pages { page.storeBytes(of: UInt8(truncatingIfNeeded: node), as: UInt8.self) }
      }
      moved = Judge.nodes(of: pages).count { $0 == node }
    } while moved * 10 < pages.count * 8 && time(nil) - start < 60
  }
  require(moved * 10 >= pages.count * 8, "of \(pages.count) pages the kernel has moved \(moved) to node \(node)")
  return moved
}

private func between(_ home: Int, _ other: Int) throws {
  let count = 600
  let zone = try RawZone("restless", itemSize: 1000)
  Memory.purge()
  let before = Memory.placement()
  var items: [UnsafeMutableRawPointer] = []
  let run = try onNode(home) {
    for _ in 0..<400 {
      items.append(try zone.allocate())
      memset(items.last!, 7, 1000)
    }
    let run = try PageRun(count: count)
    run.bytes.initializeMemory(as: UInt8.self, repeating: 1)
    return run
  }
  let wish = try onNode(other) {
    let wish = try PageRun(count: 50, placement: .node(home))
    wish.bytes.initializeMemory(as: UInt8.self, repeating: 1)
    return wish
  }
  let wished = (0..<50).map { wish.address + $0 * 4096 }
  let pages = (0..<count).map { run.address + $0 * 4096 }
  let moved = try draw(pages + items + wished, to: other)
  agree(pages, home: home)
  agree(items, home: home)
  require(
    Judge.nodes(of: wished).allSatisfy { $0 == Judge.expected(home) }, "pages that were wished for node \(home) moved")
  let elsewhere = Judge.nodes(of: pages).count { $0 == other }
  let told = Memory.placement()[home][other] - before[home][other]
  require(told >= elsewhere, "of \(elsewhere) pages that were moved \(told) are counted")
  print("guest: moved: \(moved) pages moved from node \(home) to node \(other)")
  try onNode(other) {
    for item in items { zone.deallocate(item) }
    items = []
    for _ in 0..<400 {
      items.append(try zone.allocate())
      require(Memory.home(of: items.last!) == other, "node \(other) was given an item that lies on it, of node \(home)")
    }
    for item in items { zone.deallocate(item) }
  }
  try zone.destroy()
}

func moved() throws {
  require(Judge.text("/proc/sys/kernel/numa_balancing").first == "1", "the kernel does not move pages")
  let nodes = Judge.usable.filter { !Judge.cpus(ofNode: $0).isEmpty }
  require(nodes.count > 1, "one node alone has CPUs and memory")
  try between(nodes[0], nodes[1])
  try between(nodes[1], nodes[0])
}
