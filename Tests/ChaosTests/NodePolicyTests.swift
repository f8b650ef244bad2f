// SPDX-License-Identifier: Apache-2.0
// An explicit node, on a machine with two that are played: what the kernel is asked for, and that nothing of it
// outlives the run.

import CAnax
import Foundation
import Heap
import LockFree
import OneCPU
import Testing

@testable import Pages
@testable import Zones

private enum Asked {
  struct Call: Equatable {
    var address: UInt64
    var bytes: Int
    var policy: Int
    var nodes: UInt64
    var flags: Int
  }
  nonisolated(unsafe) static var calls: [Call] = []
  nonisolated(unsafe) static var remapped: [UInt64] = []
  nonisolated(unsafe) static var answer = 0
  nonisolated(unsafe) static var refusesToMap = false
  /// The cpuset's nodes, and how often they were asked for.
  nonisolated(unsafe) static var allowed: UInt64 = 3
  nonisolated(unsafe) static var looks = 0
  /// Nodes of each policy that a thread was given but for the default one.
  nonisolated(unsafe) static var preferred: [UInt64] = []

  /// The kernel is the real one but for mbind, set_mempolicy, and the nodes that the process may use.
  static func listen() {
    anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
      if number == anax_sys_mbind {
        let nodes = UnsafePointer<UInt64>(bitPattern: d)?.pointee ?? 0
        Asked.calls.append(Call(address: UInt64(UInt(bitPattern: a)), bytes: b, policy: c, nodes: nodes, flags: f))
        return Asked.answer
      }
      if number == anax_sys_set_mempolicy {
        if a != 0 { Asked.preferred.append(UnsafePointer<UInt64>(bitPattern: b)!.pointee) }
        return 0
      }
      // MPOL_F_MEMS_ALLOWED
      if number == anax_sys_get_mempolicy, e == 4 {
        Asked.looks += 1
        UnsafeMutablePointer<UInt64>(bitPattern: b)!.pointee = Asked.allowed
        return 0
      }
      if number == anax_sys_mmap, d & Int(MAP_FIXED) != 0 {
        Asked.remapped.append(UInt64(UInt(bitPattern: a)))
        if Asked.refusesToMap { return -Int(ENOMEM) }
      }
      return anax_system_call(number, a, b, c, d, e, f)
    }
  }

  /// The node whose turn it is, in a row of the zones that no zone has.
  static func turn() -> Int { ZoneRequest.nextInterleaved(Int(ANAX_ZONES_MAX) - 1) }

  static func call(_ page: UInt64, _ pages: UInt64, nodes: UInt64, flags: Int) -> Call {
    let address = Region.address(ofPage: page)
    return Call(address: address, bytes: Int(pages << Region.pageShift), policy: 1, nodes: nodes, flags: flags)
  }

  static func write(_ run: PageRun, _ pages: UInt64) {
    memset(UnsafeMutableRawPointer(bitPattern: UInt(run.address))!, 1, Int(pages << Region.pageShift))
  }

  static func run(_ count: UInt64, _ placement: PagePlacement) throws -> PageRun {
    try PageRequest.allocate(count: count, alignment: 1, placement: placement, zeroed: false, .normal)
  }
}

@Suite struct NodePolicyTests {
  @Test func anExplicitNodeIsPreferredUntilTheRunEnds() async {
    await #expect(processExitsWith: .success) {
      #expect(TwoNodes.start())
      OneCPU.stay(on: 0)
      Asked.listen()
      let run = try Asked.run(3, .node(1))
      #expect(Region.node(ofPage: run.page) == 1)
      #expect(Asked.calls == [Asked.call(run.page, 3, nodes: 2, flags: 0)])
      Asked.write(run, 3)
      try PageRequest.hold(page: run.page)
      try PageRequest.release(page: run.page)
      #expect(Asked.remapped.isEmpty, "it is held")
      try PageRequest.unhold(page: run.page)
      #expect(Asked.remapped == [run.address])
      #expect(anax_state().pointee.own_mappings == 0)
      #expect(AtomicWord(anax_node_dirty_pages(Pages.node(1))).loadRelaxed() == 0)
      // Others get the pages, which are as new.
      let next = Pages.allocate(node: 1, cpu: 0, count: 3)!
      #expect(next.page == run.page && next.zero)
      #expect(Asked.calls.count == 1)
      Pages.release(page: next.page, count: 3)
      // What lies there already is moved.
      let again = try Asked.run(3, .node(1))
      #expect(!again.zero && Asked.calls.last?.flags == 2)
      let colored = try PageRequest.allocateColored(
        index: 1, objectColor: 0, placement: .node(0), zeroed: false, .normal)
      #expect(Asked.calls.last == Asked.call(colored.page, 1, nodes: 1, flags: 0))
      #expect(anax_state().pointee.own_mappings == 2)
    }
  }

  /// Each costs mappings, of which a process has a number.
  @Test func beyondSoManyAWishIsNone() async {
    await #expect(processExitsWith: .success) {
      #expect(TwoNodes.start())
      Asked.listen()
      anax_state().pointee.own_mappings = 16383
      let last = try Asked.run(3, .node(1))
      #expect(Asked.calls.count == 1 && anax_state().pointee.own_mappings == 16384)
      let beyond = try Asked.run(3, .node(1))
      #expect(Asked.calls.count == 1 && anax_state().pointee.own_mappings == 16384)
      #expect(Region.node(ofPage: beyond.page) == 1)
      try PageRequest.release(page: beyond.page)
      #expect(Asked.remapped.isEmpty && anax_state().pointee.own_mappings == 16384)
      try PageRequest.release(page: last.page)
      #expect(Asked.remapped == [last.address] && anax_state().pointee.own_mappings == 16383)
    }
  }

  @Test func withoutAWishTheKernelIsNotAsked() async {
    await #expect(processExitsWith: .success) {
      #expect(TwoNodes.start())
      Asked.listen()
      let run = try Asked.run(3, .local)
      try PageRequest.release(page: run.page)
      #expect(Asked.calls.isEmpty && Asked.remapped.isEmpty)
    }
  }

  @Test func aKernelThatRefusesChangesNothing() async {
    await #expect(processExitsWith: .success) {
      #expect(TwoNodes.start())
      Asked.listen()
      // One that does not take this node after all is asked for the next nearest.
      for code in [EPERM, ENOSYS, EINVAL] {
        Asked.answer = -Int(code)
        let run = try Asked.run(3, .node(0))
        #expect(anax_state().pointee.own_mappings == 0)
        try PageRequest.release(page: run.page)
      }
      #expect(Asked.calls.map(\.nodes) == [1, 1, 1, 2] && Asked.remapped.isEmpty)
    }
  }

  /// Over several mappings, some of which may have the policy by then.
  @Test func aRefusalMidwayLeavesNoPolicyBehind() async {
    await #expect(processExitsWith: .success) {
      #expect(TwoNodes.start())
      Asked.listen()
      Asked.answer = -Int(ENOMEM)
      let run = try Asked.run(3, .node(1))
      #expect(Asked.calls.map(\.policy) == [1, 0] && Asked.calls.map(\.nodes) == [2, 0])
      #expect(Set(Asked.calls.map(\.address)) == [run.address] && Set(Asked.calls.map(\.bytes)).count == 1)
      #expect(anax_state().pointee.own_mappings == 0)
    }
  }

  /// As where the process has as many mappings as it may.
  @Test func aRunThatCannotBeMappedAnewLosesItsPolicy() async {
    await #expect(processExitsWith: .success) {
      #expect(TwoNodes.start())
      OneCPU.stay(on: 0)
      Asked.listen()
      let run = try Asked.run(3, .node(1))
      Asked.write(run, 3)
      Asked.refusesToMap = true
      try PageRequest.release(page: run.page)
      #expect(Asked.remapped == [run.address])
      let last = Asked.calls.last
      #expect(Asked.calls.count == 2 && last?.address == run.address && last?.policy == 0 && last?.nodes == 0)
      // The pages are not lost, and what is in them is known.
      let next = Pages.allocate(node: 1, cpu: 0, count: 3)
      #expect(next?.page == run.page && next?.zero == false)
    }
  }

  @Test func interleavedRunsAreAskedForOnAllNodes() async {
    await #expect(processExitsWith: .success) {
      #expect(TwoNodes.start())
      Asked.listen()
      let run = try Asked.run(4, .interleaved)
      #expect(Asked.calls.count == 1 && Asked.calls[0].policy == 3 && Asked.calls[0].nodes & 1 == 1)
      try PageRequest.release(page: run.page)
      #expect(Asked.remapped == [run.address])
    }
  }

  /// The node that is not allowed is not even asked for and refused: not for runs, nor for items.
  @Test(arguments: [0, 1])
  func nodesOutsideTheCPUSetAreNeverNamed(outside: Int) async {
    await #expect(processExitsWith: .success) { [outside] in
      #expect(TwoNodes.start())
      TwoNodes.stayOnOneNode()
      Asked.listen()
      let inside = outside ^ 1
      Asked.allowed = 1 << UInt64(inside)
      var runs: [PageRun] = []
      for placement in [PagePlacement.node(outside), .node(inside), .interleaved] {
        runs.append(try Asked.run(4, placement))
      }
      #expect(Region.node(ofPage: runs[0].page) == outside, "its home is as wished")
      #expect(Asked.calls.map(\.nodes) == [Asked.allowed, Asked.allowed, Asked.allowed])
      let zone = try "items".withCString {
        try ZoneRegistry.create(
          name: UnsafeRawPointer($0).assumingMemoryBound(to: UInt8.self), nameCount: 5, size: 96, alignment: 16,
          limit: 0, systemReserve: 0, interruptReserve: 0)
      }
      for turn in 0..<1000 {
        _ = try ZoneRequest.allocate(zone.id, generation: zone.generation, .normal, node: turn & 1)
      }
      #expect(!Asked.preferred.isEmpty && Set(Asked.preferred) == [Asked.allowed])
      #expect((0..<200).allSatisfy { _ in Asked.turn() == inside })
    }
  }

  /// A node without memory has no turn either, and is not named for runs.
  @Test func nodesWithoutMemoryHaveNoTurn() async {
    await #expect(processExitsWith: .success) {
      TwoNodes.hasMemory = "1\n"
      #expect(TwoNodes.start())
      Asked.listen()
      #expect((0..<200).allSatisfy { _ in Asked.turn() == 1 })
      _ = try Asked.run(4, .interleaved)
      _ = try Asked.run(4, .node(0))
      #expect(Asked.calls.map(\.nodes) == [2, 2])
    }
  }

  @Test func turnsFollowTheCPUSet() async {
    await #expect(processExitsWith: .success) {
      #expect(TwoNodes.start())
      Asked.listen()
      let turns = (0..<640).map { _ in Asked.turn() }
      #expect(turns == (0..<640).map { $0 & 1 })
      #expect(Asked.looks == 10, "the kernel is asked with every 64th")
      Asked.allowed = 1
      let later = (0..<128).map { _ in Asked.turn() }
      #expect(later[64...].allSatisfy { $0 == 0 })
    }
  }

  /// The played second node is none of this machine's: the real kernel does not allow it, and takes the first.
  @Test func theRealKernelIsAsked() async {
    await #expect(processExitsWith: .success) {
      #expect(TwoNodes.start())
      OneCPU.stay(on: 0)
      for node in [0, 1] {
        let run = try Asked.run(5, .node(node))
        Asked.write(run, 5)
        try PageRequest.release(page: run.page)
        // Where the kernel may not be asked it lies ready.
        PageDrain.everything()
        #expect(Pages.allocate(node: node, cpu: 0, count: 5)?.page == run.page)
      }
      #expect(anax_state().pointee.own_mappings == 0)
    }
  }
}
