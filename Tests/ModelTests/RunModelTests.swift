// SPDX-License-Identifier: Apache-2.0
// The models of the word that describes a run (hold, unhold, free; wire, discard) and of the depot's batch records.

import Testing

/// One word of several fields: the first shared ones, which a thread has read into its locals of the same numbers.
extension World {
  mutating func load(_ thread: Int, _ fields: Int) {
    for field in 0..<fields { self[thread, field] = self[field] }
  }

  /// Where the word is as it was read it becomes `new`; else it is read again.
  mutating func compareExchange(_ thread: Int, _ new: [Int]) -> Bool {
    if new.indices.contains(where: { self[thread, $0] != self[$0] }) {
      load(thread, new.count)
      return false
    }
    for (field, value) in new.enumerated() { self[field] = value }
    return true
  }
}

/// Shared: 0 live, 1 freed, 2 holds (one word), 3 times the pages were released. Locals: 0...2 the word read, 3
/// holding.
struct RunModel {
  enum Mutation { case none, freeByStore, unholdForgets }

  var mutation = Mutation.none

  func load(_ world: inout World, _ thread: Int) { world.load(thread, 3) }

  func compareExchange(_ world: inout World, _ thread: Int, _ live: Int, _ freed: Int, _ holds: Int) -> Bool {
    world.compareExchange(thread, [live, freed, holds])
  }

  func owner() -> Program {
    var program = Program()
    program.add { load(&$0, $1) }
    program.add { world, thread in
      let held = world[thread, 2] > 0
      if mutation == .freeByStore {
        world[0] = 0
        world[1] = held ? 1 : 0
        if !held { world[2] = 0 }
      } else if !compareExchange(&world, thread, 0, held ? 1 : 0, world[thread, 2]) {
        world.go(thread, 1)
        return
      }
      if held { world.go(thread, 3) }
    }
    program.add { world, _ in world[3] += 1 }
    return program
  }

  func holder() -> Program {
    var program = Program()
    let end = 7
    program.add { load(&$0, $1) }
    program.add { world, thread in
      if world[thread, 0] == 0 {
        world.go(thread, end)
      } else if compareExchange(&world, thread, 1, world[thread, 1], world[thread, 2] + 1) {
        world[thread, 3] = 1
      } else {
        world.go(thread, 1)
      }
    }
    program.add { _, _ in }
    program.add { load(&$0, $1) }
    program.add { world, thread in
      let last = world[thread, 1] == 1 && world[thread, 2] == 1 && mutation != .unholdForgets
      if compareExchange(&world, thread, world[thread, 0], last ? 0 : world[thread, 1], world[thread, 2] - 1) {
        world[thread, 3] = 0
        if !last { world.go(thread, end) }
      } else {
        world.go(thread, 4)
      }
    }
    program.add { world, _ in world[3] += 1 }
    program.add { _, _ in }
    precondition(program.here == end)
    return program
  }

  func explore(stops: Int) -> Exploration {
    Model(
      shared: 4, locals: 4, programs: [owner(), holder(), holder()], stops: stops,
      start: { $0[0] = 1 },
      always: { world in
        let held = (1...2).contains { world[$0, 3] == 1 }
        if world[3] > 1 { return "the pages are released twice" }
        return held && world[3] > 0 ? "the pages are released while held" : nil
      },
      atEnd: { world in
        let stopped = (0...2).contains { world.isStopped($0) }
        return world[3] == 1 || stopped ? nil : "the pages are never released"
      }
    ).explore()
  }
}

/// What a thread writes after it has wired the run stays until it unwires it. Shared: 0 wirings, 1 discarding (one
/// word), 2 the contents: 0 zero. Locals: 0 1 the word read, 2 wired.
struct DiscardModel {
  enum Mutation { case none, looksAndThenAsks, secondDiscardGoesOn, clearsBeforeTheKernel }

  var mutation = Mutation.none

  func load(_ world: inout World, _ thread: Int) { world.load(thread, 2) }

  func compareExchange(_ world: inout World, _ thread: Int, _ wirings: Int, _ discarding: Int) -> Bool {
    world.compareExchange(thread, [wirings, discarding])
  }

  func wirer() -> Program {
    var program = Program()
    let end = 5
    program.add { load(&$0, $1) }
    program.add { world, thread in
      if world[thread, 1] == 1 {
        world.go(thread, end)
      } else if compareExchange(&world, thread, world[thread, 0] + 1, 0) {
        world[thread, 2] = 1
      } else {
        world.go(thread, 1)
      }
    }
    program.add { world, _ in world[2] = 1 }
    program.add { world, thread in
      if world[2] == 0 { world.fail("what is wired was discarded") }
      load(&world, thread)
    }
    program.add { world, thread in
      if compareExchange(&world, thread, world[thread, 0] - 1, world[thread, 1]) {
        world[thread, 2] = 0
      } else {
        world.go(thread, 4)
      }
    }
    precondition(program.here == end)
    return program
  }

  func discarder() -> Program {
    var program = Program()
    let end = 4
    program.add { load(&$0, $1) }
    program.add { world, thread in
      let refused = world[thread, 1] == 1 && mutation != .secondDiscardGoesOn
      if world[thread, 0] > 0 || refused {
        world.go(thread, end)
      } else if mutation != .looksAndThenAsks, !compareExchange(&world, thread, 0, 1) {
        world.go(thread, 1)
      }
    }
    let kernel: Program.Step = { world, _ in world[2] = 0 }
    let clear: Program.Step = { world, _ in world[1] = 0 }
    program.add(mutation == .clearsBeforeTheKernel ? clear : kernel)
    program.add(mutation == .clearsBeforeTheKernel ? kernel : clear)
    precondition(program.here == end)
    return program
  }

  func explore(stops: Int) -> Exploration {
    Model(
      shared: 3, locals: 3, programs: [wirer(), wirer(), discarder(), discarder()], stops: stops,
      atEnd: { world in
        let stopped = (0...3).contains { world.isStopped($0) }
        return stopped || world[0] == 0 && world[1] == 0 ? nil : "the word is not as it was"
      }
    ).explore()
  }
}

/// Two batch records. Shared: 0 the stack of empty records (a mask), 1 the depot's top, 2 below it (records), 3 4 the
/// item that record 1, 2 carries, 5 items in slabs (a mask). Locals: 0 record in hand, 1 item in hand.
struct DepotModel {
  enum Mutation { case none, recordBackBeforeItsItems }

  var mutation = Mutation.none

  func depositor() -> Program {
    var program = Program()
    program.add { world, thread in
      let free = world[0] & 6
      if free == 0 {
        world[5] |= 1 << world[thread, 1]
        world[thread, 1] = 0
        world.go(thread, 3)
      } else {
        let record = free.trailingZeroBitCount
        world[0] &= ~(1 << record)
        world[thread, 0] = record
      }
    }
    program.add { world, thread in world[2 + world[thread, 0]] = world[thread, 1] }
    program.add { world, thread in
      world[2] = world[1]
      world[1] = world[thread, 0]
      world[thread, 0] = 0
      world[thread, 1] = 0
    }
    return program
  }

  func withdrawer(times: Int) -> Program {
    var program = Program()
    for _ in 0..<times {
      let first = program.here
      program.add { world, thread in
        let record = world[1]
        if record == 0 {
          world.go(thread, first + 4)
        } else {
          world[1] = world[2]
          world[2] = 0
          world[thread, 0] = record
        }
      }
      let read: Program.Step = { world, thread in
        let item = world[2 + world[thread, 0]]
        if item == 0 || world[5] & 1 << item != 0 { world.fail("a batch carries what is not its own") }
        world[thread, 1] = item
        if mutation == .none { world[2 + world[thread, 0]] = 0 }
      }
      let back: Program.Step = { world, thread in
        world[0] |= 1 << world[thread, 0]
        if mutation == .none { world[thread, 0] = 0 }
      }
      program.add(mutation == .none ? read : back)
      program.add(mutation == .none ? back : read)
      program.add { world, thread in
        if world[5] & 1 << world[thread, 1] != 0 { world.fail("an item is handed out twice") }
        world[5] |= 1 << world[thread, 1]
        world[thread, 1] = 0
        world[thread, 0] = 0
      }
    }
    return program
  }

  func explore(stops: Int) -> Exploration {
    let programs = [depositor(), depositor(), depositor(), withdrawer(times: 2), withdrawer(times: 1)]
    return Model(
      shared: 6, locals: 2, programs: programs, stops: stops,
      start: { world in
        world[0] = 6
        for thread in 0..<3 { world[thread, 1] = thread + 1 }
      },
      always: { world in
        if mutation != .none { return nil }
        var records = [0, 0, 0]
        for record in 1...2 where world[0] & 1 << record != 0 { records[record] += 1 }
        records[world[1]] += 1
        records[world[2]] += 1
        for thread in programs.indices { records[world[thread, 0]] += 1 }
        for record in 1...2 where records[record] != 1 { return "record \(record) is in \(records[record]) places" }
        return nil
      },
      atEnd: { world in
        var found = world[5]
        for record in [world[1], world[2]] where record != 0 { found |= 1 << world[2 + record] }
        let lost = (~found & 14).nonzeroBitCount
        let stopped = programs.indices.count { world.isStopped($0) }
        return lost > stopped ? "\(lost) batches are lost" : nil
      }
    ).explore()
  }
}

@Suite struct RunModelTests {
  @Test func pagesAreReleasedOnceAndNotWhileHeld() {
    let result = RunModel().explore(stops: 1)
    #expect(result.failure == nil, "\(result)")
  }

  @Test func freeingByStoreIsFound() {
    let result = RunModel(mutation: .freeByStore).explore(stops: 0)
    #expect(result.failure != nil, "\(result)")
  }

  @Test func aLastUnholdThatForgetsIsFound() {
    let result = RunModel(mutation: .unholdForgets).explore(stops: 0)
    #expect(result.failure == "the pages are never released", "\(result)")
  }
}

@Suite struct DiscardModelTests {
  @Test(arguments: [0, 1]) func whatIsWiredIsNotDiscarded(_ stops: Int) {
    let result = DiscardModel().explore(stops: stops)
    #expect(result.failure == nil, "\(result)")
    #expect(result.states > 100)
  }

  @Test(arguments: [DiscardModel.Mutation.looksAndThenAsks, .secondDiscardGoesOn, .clearsBeforeTheKernel])
  func mutationIsFound(_ mutation: DiscardModel.Mutation) {
    let result = DiscardModel(mutation: mutation).explore(stops: 0)
    #expect(result.failure == "what is wired was discarded", "\(result)")
  }
}

@Suite struct DepotModelTests {
  @Test func aBatchHasOneOwner() {
    let result = DepotModel().explore(stops: 0)
    #expect(result.failure == nil, "\(result)")
    #expect(result.states > 1000)
  }

  @Test func aStoppedThreadLosesOneBatch() {
    let result = DepotModel().explore(stops: 1)
    #expect(result.failure == nil, "\(result)")
  }

  @Test func aRecordGivenBackBeforeItsItemsAreReadIsFound() {
    let result = DepotModel(mutation: .recordBackBeforeItsItems).explore(stops: 0)
    #expect(result.failure != nil, "\(result)")
  }
}
