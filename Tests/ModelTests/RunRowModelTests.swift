// SPDX-License-Identifier: Apache-2.0
// The model of a CPU's rows of ready runs, one in each of its two blocks: threads of the CPU that look at a slot and
// then change it by a section, from what they saw to something else, and from other CPUs a drainer that closes the
// rows, stops the sections and takes slot after slot, and a reclaimer that swaps the block and then takes the runs of
// the old one. Two slots, two runs; each run is at every moment in exactly one place. Or the process is the child of a
// fork from a handler that interrupted the drainer, where the handler drained too.

import Testing

/// Shared, for blocks 0 and 1 at 0 and 4: + 0 the row (1 open, 2 closed), + 1 + 2 its slots (a run, 1 or 2); 8 the
/// block in use, 9 the lock of the CPU's stacks (who has it, from 1), 10 its reclaim lock, 11 free in the bitmap (a
/// mask), 12 this is the child. Locals: 0 in a section, 1 aborted, 2 what was seen in the slot, 3 the run to put
/// there, 4 runs in hand (a mask), 5 where the block read begins.
struct RunRowModel {
  enum Mutation {
    case none, noComparison, noLookAtTheRow, keepDisplaced, noMembarrier, membarrierBeforeClosing, openBeforeEmptying
    case releaseBeforeTaking, noLock, unlockBeforeEmptying, reclaimWithoutMembarrier, reclaimWithoutClosing
    case takeByStore, unlockWhoeverHasIt, emptyThoughRefused
  }

  var mutation = Mutation.none
  let blocks: BlockModel

  init(mutation: Mutation = .none, local: Int) {
    self.mutation = mutation
    blocks = BlockModel(local: local)
  }

  func free(_ world: inout World, _ runs: Int) {
    if world[11] & runs != 0 { world.fail("a run is freed twice") }
    world[11] |= runs
  }

  /// The section: the block, the row, the slot, the store.
  func replace(_ program: inout Program, _ slot: Int, failed: Int, _ entry: @escaping (World, Int) -> Int) {
    func leave(_ world: inout World, _ thread: Int) {
      blocks.leave(&world, thread)
      world.go(thread, failed)
    }
    blocks.section(&program, failed: failed) { world, thread in world[thread, 5] = world[8] * 4 }
    blocks.section(&program, failed: failed) { world, thread in
      if mutation != .noLookAtTheRow, world[world[thread, 5]] != 1 { leave(&world, thread) }
    }
    blocks.section(&program, failed: failed) { world, thread in
      if mutation != .noComparison, world[world[thread, 5] + slot] != world[thread, 2] { leave(&world, thread) }
    }
    blocks.section(&program, failed: failed) { world, thread in
      let new = entry(world, thread)
      world[world[thread, 5] + slot] = new
      if mutation == .keepDisplaced, new != 0 { world[thread, 2] = 0 }
      world[thread, 4] = world[thread, 4] & ~(1 << new) | 1 << world[thread, 2] & ~1
      blocks.leave(&world, thread)
    }
  }

  /// Takes what it sees in the slot.
  func take(_ program: inout Program, _ slot: Int) {
    let end = program.here + 5
    blocks.plain(&program) { world, thread in
      world[thread, 2] = world[world[8] * 4 + slot]
      if world[thread, 2] == 0 { world.go(thread, end) }
    }
    replace(&program, slot, failed: end) { _, _ in 0 }
    precondition(program.here == end)
  }

  /// Puts a run that it has into the slot, for whatever it sees there.
  func put(_ program: inout Program, _ slot: Int) {
    let end = program.here + 5
    blocks.plain(&program) { world, thread in
      world[thread, 2] = world[world[8] * 4 + slot]
      world[thread, 3] = world[thread, 4] & 2 != 0 ? 1 : 2
      if world[thread, 4] == 0 { world.go(thread, end) }
    }
    replace(&program, slot, failed: end) { world, thread in world[thread, 3] }
    precondition(program.here == end)
  }

  func taker() -> Program {
    var program = Program()
    take(&program, 1)
    take(&program, 2)
    return program
  }

  /// Takes, puts there what it has, and takes again; what it has then goes to the bitmap.
  func user() -> Program {
    var program = Program()
    take(&program, 1)
    put(&program, 2)
    put(&program, 1)
    take(&program, 2)
    blocks.plain(&program) { world, thread in
      free(&world, world[thread, 4])
      world[thread, 4] = 0
    }
    return program
  }

  func stopSections(_ world: inout World) {
    for other in 0..<blocks.local where world[other, 0] == 1 { world[other, 1] = 1 }
  }

  /// Takes both slots of the row that begins at `base` or, where that is nil, at the local.
  func empty(_ program: inout Program, _ base: Int?) {
    for slot in 1...2 {
      program.add { world, thread in world[thread, 2] = world[(base ?? world[thread, 5]) + slot] }
      let take: Program.Step = { world, thread in
        let place = (base ?? world[thread, 5]) + slot
        if world[thread, 2] == 0 { return }
        if mutation != .takeByStore, world[place] != world[thread, 2] { return }
        world[place] = 0
        if mutation != .releaseBeforeTaking { world[thread, 4] = 1 << world[thread, 2] }
      }
      if mutation == .releaseBeforeTaking {
        program.add { world, thread in if world[thread, 2] > 0 { free(&world, 1 << world[thread, 2]) } }
        program.add(take)
      } else {
        program.add(take)
        program.add { world, thread in
          free(&world, world[thread, 4])
          world[thread, 4] = 0
        }
      }
    }
  }

  /// Whether a drain has something to take, or sees that another does.
  func isWorthTaking(_ world: World) -> Bool {
    [0, 4].contains { base in world[base] == 2 || world[base + 1] + world[base + 2] > 0 }
  }

  /// `refused`: the kernel stops no sections.
  func drainer(refused: Bool = false) -> Program {
    var program = Program()
    program.add { _, _ in }
    if mutation == .membarrierBeforeClosing { program.add { world, _ in stopSections(&world) } }
    for base in [0, 4] { program.add { world, _ in world[base] = 2 } }
    if mutation != .membarrierBeforeClosing, mutation != .noMembarrier, !refused {
      program.add { world, _ in stopSections(&world) }
    }
    if mutation == .unlockBeforeEmptying { program.add { world, _ in world[9] = 0 } }
    let check = program.here
    program.add { _, _ in }
    for base in [0, 4] {
      if mutation == .openBeforeEmptying { program.add { world, _ in world[base] = 1 } }
      if !refused || mutation == .emptyThoughRefused { empty(&program, base) }
      if mutation != .openBeforeEmptying { program.add { world, _ in world[base] = 1 } }
    }
    if mutation != .unlockBeforeEmptying { program.add { world, thread in unlock(&world, thread) } }
    let end = program.here
    program.steps[check] = { world, thread in
      if mutation == .noLock || mutation == .unlockBeforeEmptying { return }
      if mutation != .unlockWhoeverHasIt, world[9] != thread + 1 { world.go(thread, end) }
    }
    program.steps[0] = { world, thread in
      if mutation == .noLock { return }
      if !isWorthTaking(world) {
        let threads = (world.words.count - world.shared) / world.stride
        let takers = (blocks.local..<threads).filter { world[$0, 4] != 0 && !world.isStopped($0) }
        if !takers.isEmpty, world[12] == 0 { world.fail("nobody sees that runs are on their way") }
        world.go(thread, end)
      } else if world[9] != 0 {
        world.go(thread, end)
      } else {
        world[9] = thread + 1
      }
    }
    return program
  }

  func unlock(_ world: inout World, _ thread: Int) {
    if mutation == .unlockWhoeverHasIt {
      if world[9] != 0, world[9] != thread + 1 { world.fail("another's lock is opened") }
      world[9] = 0
    } else if mutation == .noLock || world[9] == thread + 1 {
      world[9] = 0
    }
  }

  /// A handler forks while the drainer is in the middle, and drains in the child before it returns to it.
  func forkingHandler() -> Program {
    var program = Program()
    program.add { world, _ in
      (world[9], world[12]) = (0, 1)
      for base in [0, 4] {
        for slot in 1...2 where world[base + slot] > 0 {
          free(&world, 1 << world[base + slot])
          world[base + slot] = 0
        }
        world[base] = 1
      }
    }
    return program
  }

  /// Only what concerns runs: the lists are BlockModel's.
  func reclaimer() -> Program {
    var program = Program()
    let barriers = mutation != .reclaimWithoutMembarrier
    let taken = barriers ? 5 : 4
    let closes = mutation != .reclaimWithoutClosing
    let finish = taken + (closes ? 9 : 8)
    program.add { world, thread in if world[10] == 1 { world.go(thread, finish + 1) } else { world[10] = 1 } }
    program.add { world, thread in world[thread, 5] = world[8] * 4 }
    program.add { world, thread in world[8] = 1 - world[thread, 5] / 4 }
    if barriers { program.add { world, _ in stopSections(&world) } }
    program.add { world, thread in if world[9] != 0 { world.go(thread, finish) } else { world[9] = thread + 1 } }
    precondition(program.here == taken)
    if closes { program.add { world, thread in world[world[thread, 5]] = 2 } }
    empty(&program, nil)
    program.add { world, thread in world[world[thread, 5]] = 1 }
    program.add { world, thread in unlock(&world, thread) }
    precondition(program.here == finish)
    program.add { world, _ in world[10] = 0 }
    return program
  }

  /// At first both runs lie on the row of block 0. A thread that stops keeps what it has, and what it closed.
  func model(_ programs: [Program], stops: Int = 0) -> Model {
    let count = programs.count
    return Model(
      shared: 13, locals: 6, programs: programs, stops: stops,
      start: { world in for (word, value) in [(0, 1), (1, 1), (2, 2), (4, 1)] { world[word] = value } },
      always: { world in
        var places = [world[11]]
        for slot in [1, 2, 5, 6] where world[slot] > 0 { places.append(1 << world[slot]) }
        for thread in 0..<count { places.append(world[thread, 4]) }
        var seen = 0
        for place in places {
          if seen & place != 0 { return "a run is in two places" }
          seen |= place
        }
        return seen == 6 ? nil : "a run is lost"
      },
      atEnd: { world in
        let stopped = (0..<count).contains { world.isStopped($0) }
        let left = world[0] != 1 || world[4] != 1 || world[9] != 0 || world[10] != 0
        // In the child the next who drains opens what is closed.
        return !stopped && left && world[12] == 0 ? "a row is left closed" : nil
      })
  }
}

@Suite struct RunRowModelTests {
  @Test func usersOfACPU() {
    let rows = RunRowModel(local: 3)
    let result = rows.model([rows.user(), rows.user(), rows.taker()]).explore()
    #expect(result.failure == nil, "\(result)")
    #expect(result.states > 500)
  }

  @Test func usersOfACPUAndADrainer() {
    let rows = RunRowModel(local: 2)
    let result = rows.model([rows.user(), rows.taker(), rows.drainer()]).explore()
    #expect(result.failure == nil, "\(result)")
    #expect(result.states > 500)
  }

  @Test func twoDrainers() {
    let rows = RunRowModel(local: 1)
    let result = rows.model([rows.user(), rows.drainer(), rows.drainer()]).explore()
    #expect(result.failure == nil, "\(result)")
  }

  @Test func aDrainerAndAReclaimer() {
    let rows = RunRowModel(local: 1)
    let result = rows.model([rows.user(), rows.drainer(), rows.reclaimer()]).explore()
    #expect(result.failure == nil, "\(result)")
    #expect(result.states > 500)
  }

  @Test func twoReclaimersAndADrainer() {
    let rows = RunRowModel(local: 1)
    let result = rows.model([rows.taker(), rows.reclaimer(), rows.reclaimer(), rows.drainer()]).explore()
    #expect(result.failure == nil, "\(result)")
  }

  @Test func aStoppedThreadHoldsUpNobody() {
    let rows = RunRowModel(local: 1)
    let result = rows.model([rows.user(), rows.drainer(), rows.reclaimer()], stops: 1).explore()
    #expect(result.failure == nil, "\(result)")
  }

  @Test(arguments: [RunRowModel.Mutation.noComparison, .keepDisplaced])
  func usersMutationIsFound(_ mutation: RunRowModel.Mutation) {
    let rows = RunRowModel(mutation: mutation, local: 2)
    let result = rows.model([rows.user(), rows.user()]).explore()
    #expect(result.failure != nil, "\(result)")
  }

  @Test(arguments: [
    RunRowModel.Mutation.noLookAtTheRow, .noMembarrier, .membarrierBeforeClosing, .openBeforeEmptying,
    .releaseBeforeTaking,
  ])
  func drainersMutationIsFound(_ mutation: RunRowModel.Mutation) {
    let rows = RunRowModel(mutation: mutation, local: 1)
    let result = rows.model([rows.user(), rows.drainer()]).explore()
    #expect(result.failure != nil, "\(result)")
  }

  @Test(arguments: [RunRowModel.Mutation.noLock, .unlockBeforeEmptying])
  func twoDrainersMutationIsFound(_ mutation: RunRowModel.Mutation) {
    let rows = RunRowModel(mutation: mutation, local: 1)
    let result = rows.model([rows.user(), rows.drainer(), rows.drainer()]).explore()
    #expect(result.failure != nil, "\(result)")
  }

  @Test func aKernelThatStopsNoSections() {
    let rows = RunRowModel(local: 1)
    let result = rows.model([rows.user(), rows.drainer(refused: true)]).explore()
    #expect(result.failure == nil, "\(result)")
  }

  /// A CPU's threads are none in the child, but those that the handler has started.
  @Test func aHandlerForksInADrain() {
    let rows = RunRowModel(local: 0)
    for others in [[], [rows.drainer()]] {
      let result = rows.model([rows.drainer(), rows.forkingHandler()] + others).explore()
      #expect(result.failure == nil, "\(result)")
    }
  }

  @Test func refusalsMutationIsFound() {
    let rows = RunRowModel(mutation: .emptyThoughRefused, local: 1)
    let result = rows.model([rows.user(), rows.drainer(refused: true)]).explore()
    #expect(result.failure != nil, "\(result)")
  }

  @Test(arguments: [RunRowModel.Mutation.takeByStore, .unlockWhoeverHasIt])
  func forksMutationIsFound(_ mutation: RunRowModel.Mutation) {
    let rows = RunRowModel(mutation: mutation, local: 0)
    let result = rows.model([rows.drainer(), rows.forkingHandler(), rows.drainer()]).explore()
    #expect(result.failure != nil, "\(result)")
  }

  @Test(arguments: [RunRowModel.Mutation.reclaimWithoutMembarrier, .reclaimWithoutClosing])
  func reclaimersMutationIsFound(_ mutation: RunRowModel.Mutation) {
    let rows = RunRowModel(mutation: mutation, local: 1)
    let result = rows.model([rows.user(), rows.drainer(), rows.reclaimer()]).explore()
    #expect(result.failure != nil, "\(result)")
  }
}
