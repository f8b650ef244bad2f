// SPDX-License-Identifier: Apache-2.0
// Single pages that lie ready on CPUs: whichever CPU frees them, each is handed out on its own node alone, where the
// kernel put it.

import Anax
import CAnax
import Glibc

/// Single pages, each with its owner.
private final class SinglePages {
  private let pages: UnsafeMutablePointer<PageRun>
  private(set) var count = 0

  init(capacity: Int) { pages = .allocate(capacity: capacity) }

  func take(_ wanted: Int) throws {
    for _ in 0..<wanted {
      (pages + count).initialize(to: try PageRun(count: 1))
      count += 1
    }
  }

  func give() {
    pages.deinitialize(count: count)
    count = 0
  }

  var addresses: [UnsafeMutableRawPointer] { (0..<count).map { pages[$0].address } }

  deinit {
    give()
    pages.deallocate()
  }
}

/// Takes and touches pages on this node's CPU; where they are, which are judged.
private func taken(_ pages: SinglePages, _ count: Int, on node: Int, _ step: String) throws -> Set<UnsafeRawPointer> {
  try pages.take(count)
  for page in pages.addresses {
    page.storeBytes(of: node, as: Int.self)
    require(Memory.home(of: page) == node, "\(step): home \(Memory.home(of: page) ?? -1) of a page on node \(node)")
    require(
      Judge.node(of: page) == Judge.expected(node), "\(step): a page on node \(node) lies on \(Judge.node(of: page))")
  }
  return Set(pages.addresses.map { UnsafeRawPointer($0) })
}

func onNode<Result: ~Copyable>(_ node: Int, _ body: () throws -> Result) throws -> Result {
  let cpu = Judge.cpus(ofNode: node)[0]
  return try CurrentThread.withPinnedCPUIDs([cpu]) {
    require(Judge.cpu == cpu, "pinned to CPU \(cpu), on \(Judge.cpu)")
    return try body()
  }
}

/// More pages than a CPU keeps, from each node to each other: freed there, they are not handed out there, and come back
/// to theirs.
func ready() throws {
  let many = 40
  let here = SinglePages(capacity: many)
  let there = SinglePages(capacity: many)
  let nodes = Judge.nodes.filter { !Judge.cpus(ofNode: $0).isEmpty }
  require(nodes.count > 1, "one node alone has CPUs")
  for node in nodes {
    for other in nodes where other != node {
      let step = "from \(node) by way of \(other)"
      let first = try onNode(node) { try taken(here, many, on: node, step) }
      try onNode(other) {
        here.give()
        let foreign = try taken(there, many, on: other, step)
        require(foreign.isDisjoint(with: first), "\(step): a page of node \(node) was handed out on \(other)")
        there.give()
        // What its own CPU freed, it has again.
        let again = try taken(there, 4, on: other, step)
        require(again.isSubset(of: foreign), "\(step): fresh pages while freed ones lie ready")
        there.give()
      }
      let again = try onNode(node) { try taken(here, many, on: node, step) }
      require(!again.isDisjoint(with: first), "\(step): none of the pages came back to node \(node)")
      try onNode(node) { here.give() }
    }
  }
}
