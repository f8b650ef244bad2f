// SPDX-License-Identifier: Apache-2.0
// Single pages, short runs and objects' pages that lie ready on CPUs: whichever CPU frees them, each is handed out on
// its own node alone, where the kernel put it.

import Anax
import CAnax
import Glibc

/// Runs of so many pages each, or an object's pages, with their owners.
final class Runs {
  private let runs: UnsafeMutablePointer<PageRun>
  private let pages: Int
  private let object: PageObject?
  private(set) var count = 0

  init(capacity: Int, pages: Int, of object: PageObject? = nil) {
    runs = .allocate(capacity: capacity)
    self.pages = pages
    self.object = object
  }

  func take(_ wanted: Int) throws {
    for _ in 0..<wanted {
      if let object { add(try object.page(at: count)) } else { add(try PageRun(count: pages)) }
    }
  }

  func add(_ run: consuming PageRun) {
    (runs + count).initialize(to: run)
    count += 1
  }

  func give() {
    runs.deinitialize(count: count)
    count = 0
  }

  func color(of index: Int) -> Int { runs[index].color }

  /// Where each run begins.
  var starts: Set<UnsafeRawPointer> { Set((0..<count).map { UnsafeRawPointer(runs[$0].address) }) }
  var addresses: [UnsafeMutableRawPointer] {
    (0..<count).flatMap { run in (0..<pages).map { runs[run].address + $0 * PageRun.pageBytes } }
  }

  deinit {
    give()
    runs.deallocate()
  }
}

/// Takes and touches runs on this node's CPU; where they begin. Each of their pages is judged.
private func taken(_ runs: Runs, _ count: Int, on node: Int, _ step: String) throws -> Set<UnsafeRawPointer> {
  try runs.take(count)
  for page in runs.addresses {
    page.storeBytes(of: node, as: Int.self)
    require(Memory.home(of: page) == node, "\(step): home \(Memory.home(of: page) ?? -1) of a page on node \(node)")
    require(
      Judge.node(of: page) == Judge.expected(node), "\(step): a page on node \(node) lies on \(Judge.node(of: page))")
  }
  return runs.starts
}

func onNode<Result: ~Copyable>(_ node: Int, _ body: () throws -> Result) throws -> Result {
  let cpu = Judge.cpus(ofNode: node)[0]
  return try CurrentThread.withPinnedCPUIDs([cpu]) {
    require(Judge.cpu == cpu, "pinned to CPU \(cpu), on \(Judge.cpu)")
    return try body()
  }
}

/// More than a CPU keeps, from each node to each other: freed there, they are not handed out there, and come back to
/// theirs.
func ready(pages: Int, of object: PageObject? = nil) throws {
  let many = 40
  let here = Runs(capacity: many, pages: pages, of: object)
  let there = Runs(capacity: many, pages: pages, of: object)
  let nodes = Judge.nodes.filter { !Judge.cpus(ofNode: $0).isEmpty }
  require(nodes.count > 1, "one node alone has CPUs")
  for node in nodes {
    for other in nodes where other != node {
      let step = "\(object == nil ? "runs" : "an object's") of \(pages) from \(node) by way of \(other)"
      let first = try onNode(node) { try taken(here, many, on: node, step) }
      try onNode(other) {
        here.give()
        // Once more where a section was aborted.
        let hasAgain = try (0..<5).contains { _ in
          let foreign = try taken(there, many, on: other, step)
          require(foreign.isDisjoint(with: first), "\(step): one of node \(node) was handed out on \(other)")
          Memory.purge()
          there.give()
          let lying = try Memory.snapshot().nodes.first { $0.id == other }?.ready ?? 0
          require(
            (lying > 0) == (anax_state().pointee.rung != UInt64(ANAX_RUNG_D)),
            "\(step): \(lying) bytes lie ready on node \(other)")
          // What its own CPU freed, it has again.
          let again = try taken(there, 4, on: other, step)
          there.give()
          return again.isSubset(of: foreign)
        }
        require(hasAgain, "\(step): fresh ones while freed ones lie ready")
      }
      let again = try onNode(node) { try taken(here, many, on: node, step) }
      require(!again.isDisjoint(with: first), "\(step): none of them came back to node \(node)")
      try onNode(node) { here.give() }
    }
  }
}
