// SPDX-License-Identifier: Apache-2.0
// The model of a strip: sections of a CPU's threads that take its items, put another strip in its place or give it
// back, and the reclaimer of BlockModel on another CPU. Three slots of one slab; every one is at every moment in
// exactly one place.

import Testing

/// A strip word is first * 4 + count, so that taking an item adds 3. Shared: 0 the block in use (1, 2), 2 the reclaim
/// lock, 3 4 the strip of block 1, 2; 7 free slots (a mask).
/// Locals: 0 in a section, 1 aborted, 2 block read, 3 word read, 4 items in hand (a mask), 6 a strip in hand, 7 block
/// swapped out.
struct StripModel {
  enum Mutation { case none, noMembarrier, putWithoutExchange }

  var mutation = Mutation.none
  let blocks: BlockModel

  init(mutation: Mutation = .none, local: Int) {
    self.mutation = mutation
    blocks = BlockModel(local: local)
  }

  static func items(_ word: Int) -> Int { ((1 << (word & 3)) - 1) << (word >> 2) }

  func release(_ world: inout World, _ thread: Int) {
    let items = StripModel.items(world[thread, 6])
    if world[7] & items != 0 { world.fail("slots are released twice") }
    world[7] |= items
    world[thread, 6] = 0
  }

  func read(_ program: inout Program, failed: Int) {
    blocks.section(&program, failed: failed) { world, thread in world[thread, 2] = world[0] }
    blocks.section(&program, failed: failed) { world, thread in world[thread, 3] = world[2 + world[thread, 2]] }
  }

  /// Takes an item, twice at most.
  func taker() -> Program {
    var program = Program()
    for end in [3, 6] {
      read(&program, failed: end)
      blocks.section(&program, failed: end) { world, thread in
        let word = world[thread, 3]
        if word & 3 != 0 {
          world[2 + world[thread, 2]] = word + 3
          world[thread, 4] |= 1 << (word >> 2)
        }
        blocks.leave(&world, thread)
      }
      precondition(program.here == end)
    }
    return program
  }

  /// Claims what is free as a strip, keeps its first item and puts the others in place of the CPU's strip, which goes
  /// back.
  func refiller() -> Program {
    var program = Program()
    blocks.plain(&program) { world, thread in
      let free = world[7]
      if free == 0 {
        world.go(thread, 5)
        return
      }
      let first = free.trailingZeroBitCount
      let count = (~(free >> first)).trailingZeroBitCount
      world[7] &= ~StripModel.items(first * 4 + count)
      world[thread, 4] |= 1 << first
      world[thread, 6] = first * 4 + count + 3
    }
    read(&program, failed: 4)
    blocks.section(&program, failed: 4) { world, thread in
      world[2 + world[thread, 2]] = world[thread, 6]
      world[thread, 6] = mutation == .putWithoutExchange ? 0 : world[thread, 3]
      blocks.leave(&world, thread)
    }
    precondition(program.here == 4)
    blocks.plain(&program) { release(&$0, $1) }
    return program
  }

  /// Gives the CPU's strip back.
  func dropper() -> Program {
    var program = Program()
    read(&program, failed: 4)
    blocks.section(&program, failed: 4) { world, thread in
      world[2 + world[thread, 2]] = 0
      world[thread, 6] = world[thread, 3]
      blocks.leave(&world, thread)
    }
    blocks.plain(&program) { release(&$0, $1) }
    precondition(program.here == 4)
    return program
  }

  func reclaimer() -> Program {
    var program = Program()
    program.add { world, thread in if world[2] == 1 { world.go(thread, 7) } else { world[2] = 1 } }
    program.add { world, thread in
      world[thread, 7] = world[0]
      world[0] = 3 - world[0]
    }
    program.add { world, _ in
      if mutation == .noMembarrier { return }
      for other in 0..<blocks.local where world[other, 0] == 1 { world[other, 1] = 1 }
    }
    program.add { world, thread in world[thread, 3] = world[2 + world[thread, 7]] }
    program.add { world, thread in
      world[2 + world[thread, 7]] = 0
      world[thread, 6] = world[thread, 3]
    }
    program.add { release(&$0, $1) }
    program.add { world, _ in world[2] = 0 }
    precondition(program.here == 7)
    return program
  }

  /// At first `strip` is block 1's, and the other slots are free.
  func model(_ programs: [Program], strip: Int) -> Model {
    let count = programs.count
    let all = StripModel.items(1 * 4 + 3)
    return Model(
      shared: 8, locals: 8, programs: programs, stops: 0,
      start: { world in
        world[0] = 1
        world[3] = strip
        world[7] = all & ~StripModel.items(strip)
      },
      always: { world in
        var places = [world[7], StripModel.items(world[3]), StripModel.items(world[4])]
        for thread in 0..<count { places += [world[thread, 4], StripModel.items(world[thread, 6])] }
        var seen = 0
        for place in places {
          if seen & place != 0 { return "a slot is in two places" }
          seen |= place
        }
        return seen == all ? nil : "a slot is lost"
      },
      atEnd: { _ in nil })
  }
}

@Suite struct StripModelTests {
  @Test func takersARefillAndTheReclaimer() {
    let strips = StripModel(local: 2)
    let result = strips.model([strips.taker(), strips.refiller(), strips.reclaimer()], strip: 1 * 4 + 1).explore()
    #expect(result.failure == nil, "\(result)")
    #expect(result.states > 500)
  }

  @Test func takersADropAndTheReclaimer() {
    let strips = StripModel(local: 2)
    let result = strips.model([strips.taker(), strips.dropper(), strips.reclaimer()], strip: 1 * 4 + 3).explore()
    #expect(result.failure == nil, "\(result)")
  }

  @Test func twoRefillsReplaceEachOther() {
    let strips = StripModel(local: 3)
    let result = strips.model([strips.refiller(), strips.dropper(), strips.refiller()], strip: 2 * 4 + 2).explore()
    #expect(result.failure == nil, "\(result)")
  }

  @Test func aDrainWithoutAMembarrierIsFound() {
    let strips = StripModel(mutation: .noMembarrier, local: 1)
    let result = strips.model([strips.taker(), strips.reclaimer()], strip: 1 * 4 + 3).explore()
    #expect(result.failure != nil, "\(result)")
  }

  @Test func aRefillThatForgetsTheStripBeforeIsFound() {
    let strips = StripModel(mutation: .putWithoutExchange, local: 1)
    let result = strips.model([strips.refiller()], strip: 1 * 4 + 1).explore()
    #expect(result.failure != nil, "\(result)")
  }
}
