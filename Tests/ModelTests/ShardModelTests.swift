// SPDX-License-Identifier: Apache-2.0
// The model of rung D's shards: two shards entered by one compare-and-swap and never waited for, and a fork at any
// moment, after which one thread is gone and the lock words read zero.

import Testing

/// Shared: 0 1 locks, 2 3 first items of the lists, 4...6 links of items 1...3, 7 items in slabs (a mask). A list has
/// room for one item. Locals: 0 shard entered (plus one), 1 head read, 2 item in hand, 3 list handed over, 4 turn.
struct ShardModel {
  enum Mutation { case none, enterByStore, locksSurviveFork, wipeInParent }

  var mutation = Mutation.none

  func enter(_ program: inout Program, failed: Int) {
    let first = program.here
    program.add { world, thread in world[thread, 4] = 0 }
    let again = program.here
    program.add { world, thread in
      let shard = world[thread, 4]
      if shard == 2 {
        world.go(thread, failed)
      } else if world[shard] == 1 {
        world[thread, 4] += 1
        world.go(thread, again)
      } else if mutation != .enterByStore {
        world[shard] = 1
        world[thread, 0] = shard + 1
        world.go(thread, first + 3)
      }
    }
    program.add { world, thread in
      // Only with the mutation: the look and the store are two steps.
      world[world[thread, 4]] = 1
      world[thread, 0] = world[thread, 4] + 1
    }
  }

  func leave(_ program: inout Program) {
    program.add { world, thread in
      world[world[thread, 0] - 1] = 0
      world[thread, 0] = 0
    }
  }

  func pop(_ program: inout Program) {
    let end = program.here + 6
    enter(&program, failed: end)
    program.add { world, thread in
      world[thread, 1] = world[1 + world[thread, 0]]
      if world[thread, 1] == 0 { world.go(thread, end - 1) }
    }
    program.add { world, thread in
      world[1 + world[thread, 0]] = world[3 + world[thread, 1]]
      world[thread, 2] = world[thread, 1]
    }
    leave(&program)
    precondition(program.here == end)
  }

  func push(_ program: inout Program) {
    let slabs = program.here + 8
    let skip = slabs + 1
    program.add { world, thread in if world[thread, 2] == 0 { world.go(thread, skip) } }
    enter(&program, failed: slabs)
    program.add { world, thread in world[thread, 1] = world[1 + world[thread, 0]] }
    program.add { world, thread in world[3 + world[thread, 2]] = 0 }
    program.add { world, thread in
      // Full: the old list is handed to the caller by the same store.
      world[thread, 3] = world[thread, 1]
      world[1 + world[thread, 0]] = world[thread, 2]
      world[thread, 2] = 0
    }
    leave(&program)
    program.add { world, thread in
      for local in 2...3 where world[thread, local] != 0 {
        let bit = 1 << world[thread, local]
        if world[7] & bit != 0 { world.fail("an item reaches its slab twice") }
        world[7] |= bit
        world[thread, local] = 0
      }
    }
    precondition(program.here == skip)
  }

  func model(forks: Bool, stops: Int) -> Model {
    var victim = Program()
    pop(&victim)
    push(&victim)
    var child = Program()
    if forks {
      child.add { world, _ in
        if mutation != .wipeInParent, world.counter(0) < victim.here { world.stop(0) }
        if mutation != .locksSurviveFork {
          world[0] = 0
          world[1] = 0
        }
      }
    }
    push(&child)
    pop(&child)
    push(&child)
    var other = Program()
    pop(&other)
    push(&other)
    let programs = forks || stops > 0 ? [victim, child] : [victim, child, other]
    return Model(
      shared: 8, locals: 5, programs: programs, stops: stops,
      start: { world in
        world[2] = 1
        world[3] = 2
        world[1, 2] = 3
      },
      always: { world in
        var found = [0, 0, 0, 0]
        found[world[2]] += 1
        found[world[3]] += 1
        for thread in programs.indices {
          found[world[thread, 2]] += 1
          found[world[thread, 3]] += 1
        }
        for item in 1...3 {
          if world[7] & 1 << item != 0 { found[item] += 1 }
          if found[item] > 1 { return "item \(item) is in two places" }
          if found[item] == 0 { return "item \(item) is lost" }
        }
        return nil
      },
      atEnd: { world in
        let taken = world[0] + world[1]
        let stopped = programs.indices.contains { world.isStopped($0) }
        if taken > 0, !stopped || forks { return "a shard stays closed" }
        return taken > 1 ? "one stopped thread closes two shards" : nil
      })
  }
}

@Suite struct ShardModelTests {
  @Test func threeThreads() {
    let result = ShardModel().model(forks: false, stops: 0).explore()
    #expect(result.failure == nil, "\(result)")
    #expect(result.states > 1000)
  }

  @Test func aStoppedThreadClosesOneShard() {
    let result = ShardModel().model(forks: false, stops: 1).explore()
    #expect(result.failure == nil, "\(result)")
  }

  @Test func aForkOpensWhatTheVanishedThreadHeld() {
    let result = ShardModel().model(forks: true, stops: 0).explore()
    #expect(result.failure == nil, "\(result)")
  }

  @Test func enteringByStoreIsFound() {
    let result = ShardModel(mutation: .enterByStore).model(forks: false, stops: 0).explore()
    #expect(result.failure != nil, "\(result)")
  }

  @Test func locksThatSurviveAForkAreFound() {
    let result = ShardModel(mutation: .locksSurviveFork).model(forks: true, stops: 0).explore()
    #expect(result.failure == "a shard stays closed", "\(result)")
  }

  @Test func openingAShardUnderItsHolderIsFound() {
    let result = ShardModel(mutation: .wipeInParent).model(forks: true, stops: 0).explore()
    #expect(result.failure != nil, "\(result)")
  }
}
