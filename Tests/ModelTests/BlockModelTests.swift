// SPDX-License-Identifier: Apache-2.0
// The model of a CPU's block and its reclaimer: restartable sections of threads on one CPU, and, from another CPU, a
// swap of the block, the membarrier that stops sections, and the drain. A section is aborted when another thread of its
// CPU runs, and by the membarrier; its last step is its only store. Every item is at every moment in exactly one place.

import Testing

/// One zone, two items. Shared: 0 the entry's release word (0 none, 1 2 block), 1 its allocate word, 2 the reclaim lock
/// (2: the block that is not in use is left over),
/// 3 4 first item of the list in block 1, 2; 5 6 link of item 1, 2; 7 items in slabs (a mask).
/// Locals: 0 in a section, 1 aborted, 2 block read, 3 head read, 4 item in hand, 5 next, 6 a chain in hand, 7 entry
/// read.
struct BlockModel {
  enum Mutation {
    case none, noMembarrier, drainBeforeMembarrier, openByStore, storeInMidSection, forgetLeftOver, drainElsewhere
  }

  var mutation = Mutation.none
  /// Threads on the CPU whose block it is; the others run elsewhere.
  let local: Int

  func preempt(_ world: inout World, _ thread: Int) {
    if thread >= local { return }
    for other in 0..<local where other != thread && world[other, 0] == 1 { world[other, 1] = 1 }
  }

  /// A step on the CPU outside of sections.
  func plain(_ program: inout Program, _ body: @escaping Program.Step) {
    program.add { world, thread in
      preempt(&world, thread)
      body(&world, thread)
    }
  }

  /// A step of a section: not done when aborted, then the thread goes to `failed`.
  func section(_ program: inout Program, failed: Int, _ body: @escaping Program.Step) {
    program.add { world, thread in
      preempt(&world, thread)
      if world[thread, 1] == 1 {
        world[thread, 0] = 0
        world[thread, 1] = 0
        world.go(thread, failed)
      } else {
        world[thread, 0] = 1
        body(&world, thread)
      }
    }
  }

  func leave(_ world: inout World, _ thread: Int) {
    world[thread, 0] = 0
    world[thread, 1] = 0
  }

  /// The membarrier.
  func stopSections(_ world: inout World) {
    for other in 0..<local where world[other, 0] == 1 { world[other, 1] = 1 }
  }

  func pop(_ program: inout Program, failed: Int) {
    section(&program, failed: failed) { world, thread in world[thread, 2] = world[1] }
    section(&program, failed: failed) { world, thread in
      let head = world[thread, 2] == 0 ? 0 : world[2 + world[thread, 2]]
      world[thread, 3] = head
      if head == 0 {
        leave(&world, thread)
        world.go(thread, failed)
      }
    }
    section(&program, failed: failed) { world, thread in world[thread, 5] = world[4 + world[thread, 3]] }
    section(&program, failed: failed) { world, thread in
      world[2 + world[thread, 2]] = world[thread, 5]
      world[thread, 4] = world[thread, 3]
      leave(&world, thread)
    }
  }

  func push(_ program: inout Program, failed: Int) {
    section(&program, failed: failed) { world, thread in
      world[thread, 2] = world[0]
      if world[0] == 0 || world[thread, 4] == 0 {
        leave(&world, thread)
        world.go(thread, failed)
      }
    }
    section(&program, failed: failed) { world, thread in world[thread, 3] = world[2 + world[thread, 2]] }
    section(&program, failed: failed) { world, thread in world[4 + world[thread, 4]] = world[thread, 3] }
    if mutation == .storeInMidSection {
      // The list is emptied first: an abort after this step loses what was on it.
      section(&program, failed: failed) { world, thread in world[2 + world[thread, 2]] = 0 }
    }
    section(&program, failed: failed) { world, thread in
      world[2 + world[thread, 2]] = world[thread, 4]
      world[thread, 4] = 0
      leave(&world, thread)
    }
  }

  func open(_ program: inout Program) {
    plain(&program) { world, thread in
      if world[0] == 0 { world[0] = 1 }
      world[thread, 7] = world[0]
    }
    let next = program.here + 2
    plain(&program) { world, thread in if world[1] != 0 { world.go(thread, next) } }
    plain(&program) { world, thread in
      if mutation == .openByStore || world[1] == 0 { world[1] = world[thread, 7] }
    }
  }

  /// Pops; opens the block where there is none, and tries again.
  func popper() -> Program {
    var program = Program()
    pop(&program, failed: 5)
    plain(&program) { world, thread in world.go(thread, 12) }
    open(&program)
    pop(&program, failed: 12)
    precondition(program.here == 12)
    return program
  }

  /// Pushes the item in hand; where that fails it goes to the slabs.
  func pusher() -> Program {
    var program = Program()
    open(&program)
    let end = mutation == .storeInMidSection ? 8 : 7
    push(&program, failed: end)
    precondition(program.here == end)
    plain(&program) { world, thread in
      if world[thread, 4] != 0 { world[7] |= 1 << world[thread, 4] }
      world[thread, 4] = 0
    }
    return program
  }

  /// Takes the whole list and puts it back, or into the slabs.
  func taker() -> Program {
    var program = Program()
    section(&program, failed: 7) { world, thread in
      world[thread, 2] = world[0]
      if world[0] == 0 {
        leave(&world, thread)
        world.go(thread, 7)
      }
    }
    section(&program, failed: 7) { world, thread in world[thread, 3] = world[2 + world[thread, 2]] }
    section(&program, failed: 7) { world, thread in
      world[2 + world[thread, 2]] = 0
      world[thread, 6] = world[thread, 3]
      leave(&world, thread)
    }
    section(&program, failed: 6) { world, thread in
      world[thread, 2] = world[0]
      if world[thread, 6] == 0 || world[2 + world[0]] != 0 {
        leave(&world, thread)
        world.go(thread, 6)
      }
    }
    section(&program, failed: 6) { world, thread in
      world[2 + world[thread, 2]] = world[thread, 6]
      world[thread, 6] = 0
      leave(&world, thread)
    }
    plain(&program) { _, _ in }
    program.add { toSlabs(&$0, $1) }
    precondition(program.here == 7)
    return program
  }

  func toSlabs(_ world: inout World, _ thread: Int) {
    var item = world[thread, 6]
    world[thread, 6] = 0
    var steps = 0
    while item != 0, steps < 3 {
      if world[7] & 1 << item != 0 { world.fail("item \(item) reaches its slab twice") }
      world[7] |= 1 << item
      item = world[4 + item]
      steps += 1
    }
  }

  func reclaimer() -> Program {
    var program = Program()
    program.add { world, thread in if world[0] == 0 || world[2] != 0 { world.go(thread, 9) } else { world[2] = 1 } }
    program.add { world, thread in world[thread, 7] = world[0] }
    program.add { world, thread in world[0] = 3 - world[thread, 7] }
    program.add { world, thread in world[1] = 3 - world[thread, 7] }
    let barrier: Program.Step = { world, _ in if mutation != .noMembarrier { stopSections(&world) } }
    if mutation != .drainBeforeMembarrier { program.add(barrier) }
    program.add { world, thread in world[thread, 3] = world[2 + world[thread, 7]] }
    program.add { world, thread in
      world[2 + world[thread, 7]] = 0
      world[thread, 6] = world[thread, 3]
    }
    program.add { toSlabs(&$0, $1) }
    if mutation == .drainBeforeMembarrier { program.add(barrier) }
    program.add { world, _ in world[2] = 0 }
    precondition(program.here == 9)
    return program
  }

  /// A reclaimer whose membarrier the kernel refuses.
  func refusedReclaimer() -> Program {
    var program = Program()
    program.add { world, thread in if world[0] == 0 || world[2] != 0 { world.go(thread, 7) } else { world[2] = 1 } }
    program.add { world, thread in world[thread, 7] = world[0] }
    program.add { world, thread in world[0] = 3 - world[thread, 7] }
    program.add { world, thread in world[1] = 3 - world[thread, 7] }
    program.add { world, thread in world[0] = world[thread, 7] }
    program.add { world, thread in world[1] = world[thread, 7] }
    program.add { world, _ in world[2] = mutation == .forgetLeftOver ? 0 : 2 }
    precondition(program.here == 7)
    return program
  }

  /// A slow path that finds a block left over: it has to have run on that CPU, and may then drain it from anywhere.
  func collector() -> Program {
    var program = Program()
    let take: Program.Step = { world, thread in if world[2] != 2 { world.go(thread, 6) } else { world[2] = 1 } }
    let here: Program.Step = { world, thread in world[thread, 7] = 3 - world[0] }
    if mutation == .drainElsewhere {
      program.add(take)
      program.add(here)
    } else {
      plain(&program, take)
      plain(&program, here)
    }
    program.add { world, thread in world[thread, 3] = world[2 + world[thread, 7]] }
    program.add { world, thread in
      world[2 + world[thread, 7]] = 0
      world[thread, 6] = world[thread, 3]
    }
    program.add { toSlabs(&$0, $1) }
    program.add { world, _ in world[2] = 0 }
    precondition(program.here == 6)
    return program
  }

  /// `items`: where items 1 and 2 are at first: a thread's hand, or -1 the list of block 1, which is then open.
  func model(_ programs: [Program], items: [Int], stops: Int) -> Model {
    let count = programs.count
    return Model(
      shared: 8, locals: 8, programs: programs, stops: stops,
      start: { world in
        for (index, place) in items.enumerated() {
          if place >= 0 {
            world[place, 4] = index + 1
          } else {
            world[0] = 1
            world[1] = 1
            world[5 + index] = world[3]
            world[3] = index + 1
          }
        }
      },
      always: { world in
        var found = [0, 0, 0]
        func walk(_ from: Int) -> Bool {
          var at = from
          var steps = 0
          while at != 0, steps < 3 {
            found[at] += 1
            at = world[4 + at]
            steps += 1
          }
          return at == 0
        }
        if !walk(world[3]) || !walk(world[4]) { return "a list is a circle" }
        for thread in 0..<count {
          found[world[thread, 4]] += 1
          if !walk(world[thread, 6]) { return "a taken list is a circle" }
        }
        for item in 1...2 {
          if world[7] & 1 << item != 0 { found[item] += 1 }
          if item <= items.count, found[item] != 1 {
            return found[item] == 0 ? "item \(item) is lost" : "item \(item) is in two places"
          }
        }
        return nil
      },
      atEnd: { world in
        for thread in 0..<count where !world.isStopped(thread) && world[thread, 6] != 0 { return "a list was kept" }
        if world[0] != 0, world[2] == 0, world[5 - world[0]] != 0 { return "items lie in a block that nobody uses" }
        return nil
      })
  }
}

@Suite struct BlockModelTests {
  @Test func sectionsAndTheReclaimer() {
    let blocks = BlockModel(local: 2)
    let result = blocks.model(
      [blocks.popper(), blocks.taker(), blocks.reclaimer()], items: [-1, -1], stops: 0
    ).explore()
    #expect(result.failure == nil, "\(result)")
    #expect(result.states > 1000)
  }

  @Test func openersTheFirstPushAndTheReclaimer() {
    let blocks = BlockModel(local: 2)
    let result = blocks.model([blocks.popper(), blocks.pusher(), blocks.reclaimer()], items: [1], stops: 1).explore()
    #expect(result.failure == nil, "\(result)")
  }

  @Test func twoReclaimersPassEachOtherBy() {
    let blocks = BlockModel(local: 1)
    let result = blocks.model(
      [blocks.pusher(), blocks.reclaimer(), blocks.reclaimer()], items: [0], stops: 1
    ).explore()
    #expect(result.failure == nil, "\(result)")
  }

  @Test func whatARefusedReclaimerLeavesIsCollected() {
    let blocks = BlockModel(local: 3)
    let result = blocks.model(
      [blocks.pusher(), blocks.popper(), blocks.collector(), blocks.refusedReclaimer()], items: [0, -1], stops: 0
    ).explore()
    #expect(result.failure == nil, "\(result)")
    #expect(result.states > 1000)
  }

  @Test(arguments: [BlockModel.Mutation.forgetLeftOver, .drainElsewhere])
  func leftOversMutationIsFound(_ mutation: BlockModel.Mutation) {
    let blocks = BlockModel(mutation: mutation, local: 2)
    let result = blocks.model(
      [blocks.pusher(), blocks.popper(), blocks.collector(), blocks.refusedReclaimer()], items: [0, -1], stops: 0
    ).explore()
    #expect(result.failure != nil, "\(result)")
  }

  @Test(arguments: [BlockModel.Mutation.noMembarrier, .drainBeforeMembarrier])
  func mutationIsFound(_ mutation: BlockModel.Mutation) {
    let blocks = BlockModel(mutation: mutation, local: 1)
    let result = blocks.model([blocks.popper(), blocks.reclaimer()], items: [-1, -1], stops: 0).explore()
    #expect(result.failure != nil, "\(result)")
  }

  @Test func anOpenerThatStoresLateIsFound() {
    let blocks = BlockModel(mutation: .openByStore, local: 2)
    let result = blocks.model([blocks.popper(), blocks.pusher(), blocks.reclaimer()], items: [1], stops: 0).explore()
    #expect(result.failure != nil, "\(result)")
  }

  @Test func aSecondStoreInASectionIsFound() {
    let blocks = BlockModel(mutation: .storeInMidSection, local: 2)
    let result = blocks.model([blocks.pusher(), blocks.popper()], items: [0, -1], stops: 0).explore()
    #expect(result.failure != nil, "\(result)")
  }
}
