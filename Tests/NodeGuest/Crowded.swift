// SPDX-License-Identifier: Apache-2.0
// Wishes for a node whose memory others hold: they are served with the next nearest node's, and it is told how many
// pages lie elsewhere. The node is filled without Anax, by a mapping that is bound to it.

import Anax
import CAnax
import Glibc

/// Memory of a node that is held until the value ends.
private struct HeldMemory: ~Copyable {
  private let bytes: UnsafeMutableRawBufferPointer

  /// Takes memory of the node until the kernel serves with another's. What it says is free before is less than that:
  /// pages on their way back from a process that has ended are not among it.
  init(ofNode node: Int) {
    let most = Judge.whole(node: node)
    let start = mmap(nil, most, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)!
    require(start != MAP_FAILED, "mmap of \(most) bytes: \(errno)")
    bytes = UnsafeMutableRawBufferPointer(start: start, count: most)
    // Small pages, so that all of the node can be taken.
    require(madvise(start, most, MADV_NOHUGEPAGE) == 0, "madvise: \(errno)")
    var mask = UInt64(1) << UInt64(node)
    // MPOL_PREFERRED: where the kernel keeps memory back, nobody is killed.
    let result = withUnsafeMutablePointer(to: &mask) {
      anax_system_call(
        Int(anax_sys_mbind), Int(bitPattern: start), most, 1, Int(bitPattern: $0), 65, 0)
    }
    require(result == 0, "mbind: \(result)")
    for offset in stride(from: 0, to: most, by: 4096) {
      start.storeBytes(of: 1, toByteOffset: offset, as: UInt8.self)
      if offset % (64 * 4096) == 0, Judge.node(of: start + offset) != node { break }
    }
  }

  deinit { munmap(bytes.baseAddress, bytes.count) }
}

/// Pages of the node's home that are said to lie on other nodes.
private func toldElsewhere(_ node: Int) -> Int {
  Memory.placement()[node].enumerated().filter { $0.offset != node }.map(\.element).reduce(0, +)
}

/// For each node that has memory: a run, single pages, an object's pages and items, all wished there while it is full.
func crowded() throws {
  let mebibyte = 1 << 20
  for node in Judge.usable where Judge.expected(node) == node {
    Memory.purge()
    let before = toldElsewhere(node)
    let held = HeldMemory(ofNode: node)
    let free = Judge.free(node: node)
    let next = Judge.next(to: node)
    // Twice what may be left of the node, of which the kernel keeps some for itself.
    let count = 2 * free / 4096 + 4 * mebibyte / 4096
    require(Judge.free(node: next) > count * 4096 + 24 * mebibyte, "node \(next) has too little memory for this")

    var elsewhere = 0
    /// At least so many hundredths of the pages lie elsewhere.
    func judge(_ spread: [Int: Int], least: Int, _ what: String) {
      let all = spread.values.reduce(0, +)
      let foreign = all - spread[node, default: 0]
      require(foreign >= all * least / 100, "node \(node) was not full: \(what) lie on \(spread)")
      require(
        spread[next, default: 0] * 100 >= foreign * 95, "\(what) wished on the full node \(node) lie on \(spread)")
      elsewhere += foreign
    }
    let run = try PageRun(count: count, placement: .node(node))
    run.bytes.initializeMemory(as: UInt8.self, repeating: 1)
    require(Memory.home(of: run.address) == node, "the home of a run of a full node is another")
    judge(Judge.spread(run.bytes), least: 33, "\(count) pages")
    let object = PageObject()
    let singles = Runs(capacity: 256, pages: 1)
    for index in 0..<128 {
      singles.add(try PageRun(count: 1, placement: .node(node)))
      singles.add(try object.page(at: index, placement: .node(node)))
    }
    for page in singles.addresses {
      page.storeBytes(of: 1, as: Int.self)
      require(Memory.home(of: page) == node, "the home of a page of a full node is another")
    }
    judge(singles.addresses.reduce(into: [:]) { $0[Judge.node(of: $1), default: 0] += 1 }, least: 50, "single pages")

    let zone = try RawZone("crowded", itemSize: 4096)
    var items: [UnsafeMutableRawPointer] = []
    var spread: [Int: Int] = [:]
    for _ in 0..<256 {
      let item = try zone.allocate(placement: .node(node))
      memset(item, 1, 4096)
      require(Memory.home(of: item) == node, "the home of an item of a full node is another")
      spread[Judge.node(of: item), default: 0] += 1
      items.append(item)
    }
    judge(spread, least: 50, "items")
    require(Judge.policy == Judge.policyAtStart, "a wish for a full node left a policy behind")

    // Some pages of slabs are in no item. While the kernel moves a page to make room for a huge one, it does not say
    // where it lies.
    var told = 0
    for _ in 0..<100 {
      told = toldElsewhere(node) - before
      if told >= elsewhere { break }
      usleep(20000)
    }
    require(
      told >= elsewhere && told <= elsewhere + 600,
      "\(told) pages of node \(node) are said to lie elsewhere, and \(elsewhere) do")
    for item in items { zone.deallocate(item) }
    try zone.destroy()
    _ = consume held
  }
}
