// SPDX-License-Identifier: Apache-2.0
// The model of a CPU's stacks of ready pages, one in each of its two blocks: sections of the CPU's threads that push
// and pop on the block in use, and from other CPUs a drainer that closes the stacks, stops the sections and takes entry
// after entry, and a reclaimer that swaps the block and then takes the pages of the old one. Two pages; each is at
// every moment in exactly one place. Or the process is the child of a fork from a handler that interrupted the drainer,
// where the handler drained too.

import Testing

/// Shared, for blocks 0 and 1 at 0 and 4: + 0 pages on the stack, + 1 closed, + 2 + 3 entries (a page, 1 or 2); 8 the
/// block in use, 9 the lock of the CPU's stacks (who has it, from 1), 10 its reclaim lock, 11 free in the bitmap (a
/// mask), 12 this is the child.
/// Locals: 0 in a section, 1 aborted, 2 stack read, 3 entry read, 4 pages in hand (a mask), 5 where the block read
/// begins.
struct PageStackModel {
  enum Mutation {
    case none, noMembarrier, membarrierBeforeClosing, openBeforeEmptying, releaseBeforeTaking
    case noLock, unlockBeforeEmptying, reclaimWithoutLock, reclaimWithoutMembarrier, reclaimWithoutClosing
    case takeByStore, unlockWhoeverHasIt, emptyThoughRefused
  }

  var mutation = Mutation.none
  let blocks: BlockModel

  init(mutation: Mutation = .none, local: Int) {
    self.mutation = mutation
    blocks = BlockModel(local: local)
  }

  func free(_ world: inout World, _ pages: Int) {
    if world[11] & pages != 0 { world.fail("a page is freed twice") }
    world[11] |= pages
  }

  /// Looks which block is in use, at `closed`, then at the stack.
  func read(_ program: inout Program, failed: Int) {
    blocks.section(&program, failed: failed) { world, thread in world[thread, 5] = world[8] * 4 }
    blocks.section(&program, failed: failed) { world, thread in
      if world[world[thread, 5] + 1] == 0 { return }
      blocks.leave(&world, thread)
      world.go(thread, failed)
    }
    blocks.section(&program, failed: failed) { world, thread in world[thread, 2] = world[world[thread, 5]] }
  }

  /// Pops so often, where there is something.
  func popper(_ times: Int = 1) -> Program {
    var program = Program()
    for end in (1...times).map({ $0 * 5 }) {
      read(&program, failed: end)
      blocks.section(&program, failed: end) { world, thread in
        if world[thread, 2] > 0 {
          world[thread, 3] = world[world[thread, 5] + 1 + world[thread, 2]]
        } else {
          blocks.leave(&world, thread)
          world.go(thread, end)
        }
      }
      blocks.section(&program, failed: end) { world, thread in
        world[world[thread, 5]] = world[thread, 2] - 1
        world[thread, 4] |= 1 << world[thread, 3]
        blocks.leave(&world, thread)
      }
      precondition(program.here == end)
    }
    return program
  }

  /// Pops, and pushes what it has; what it cannot push goes to the bitmap.
  func user() -> Program {
    var program = popper(2)
    let end = 15
    read(&program, failed: end)
    blocks.section(&program, failed: end) { world, thread in
      let page = world[thread, 4] & 2 != 0 ? 1 : 2
      if world[thread, 4] == 0 || world[thread, 2] == 2 {
        blocks.leave(&world, thread)
        world.go(thread, end)
      } else {
        world[world[thread, 5] + 2 + world[thread, 2]] = page
        world[thread, 3] = page
      }
    }
    blocks.section(&program, failed: end) { world, thread in
      world[world[thread, 5]] = world[thread, 2] + 1
      world[thread, 4] &= ~(1 << world[thread, 3])
      blocks.leave(&world, thread)
    }
    precondition(program.here == end)
    blocks.plain(&program) { world, thread in
      free(&world, world[thread, 4])
      world[thread, 4] = 0
    }
    return program
  }

  func stopSections(_ world: inout World) {
    for other in 0..<blocks.local where world[other, 0] == 1 { world[other, 1] = 1 }
  }

  /// Takes two entries, if there are so many, from the stack that begins at `base` or, where that is nil, at the local.
  func empty(_ program: inout Program, _ base: Int?) {
    for _ in 0..<2 {
      let look = program.here
      program.add { world, thread in
        let stack = base ?? world[thread, 5]
        world[thread, 2] = world[stack]
        world[thread, 3] = world[stack] == 0 ? 0 : world[stack + 1 + world[stack]]
      }
      let take: Program.Step = { world, thread in
        if world[thread, 2] == 0 { return }
        let stack = base ?? world[thread, 5]
        // Another has taken some: looked at again.
        if mutation != .takeByStore, world[stack] != world[thread, 2] { return world.go(thread, look) }
        world[stack] = world[thread, 2] - 1
        if mutation != .releaseBeforeTaking { world[thread, 4] = 1 << world[thread, 3] }
      }
      if mutation == .releaseBeforeTaking {
        program.add { world, thread in if world[thread, 2] > 0 { free(&world, 1 << world[thread, 3]) } }
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
    [0, 4].contains { base in world[base + 1] == 1 || world[base] > 0 }
  }

  /// `refused`: the kernel stops no sections.
  func drainer(refused: Bool = false) -> Program {
    var program = Program()
    program.add { _, _ in }
    if mutation == .membarrierBeforeClosing { program.add { world, _ in stopSections(&world) } }
    for base in [0, 4] { program.add { world, _ in world[base + 1] = 1 } }
    if mutation != .membarrierBeforeClosing, mutation != .noMembarrier, !refused {
      program.add { world, _ in stopSections(&world) }
    }
    if mutation == .unlockBeforeEmptying { program.add { world, _ in world[9] = 0 } }
    let check = program.here
    program.add { _, _ in }
    for base in [0, 4] {
      if mutation == .openBeforeEmptying { program.add { world, _ in world[base + 1] = 0 } }
      if !refused || mutation == .emptyThoughRefused { empty(&program, base) }
      if mutation != .openBeforeEmptying { program.add { world, _ in world[base + 1] = 0 } }
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
        if !takers.isEmpty, world[12] == 0 { world.fail("nobody sees that pages are on their way") }
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
        for index in 0..<min(world[base], 2) { free(&world, 1 << world[base + 2 + index]) }
        (world[base], world[base + 1]) = (0, 0)
      }
    }
    return program
  }

  /// Only what concerns pages: the lists are BlockModel's.
  func reclaimer() -> Program {
    var program = Program()
    let locks = mutation != .reclaimWithoutLock
    let barriers = mutation != .reclaimWithoutMembarrier
    let taken = 3 + (barriers ? 1 : 0) + (locks ? 1 : 0)
    let closes = mutation != .reclaimWithoutClosing
    let finish = taken + 6 + 1 + (closes ? 1 : 0) + (locks ? 1 : 0)
    program.add { world, thread in if world[10] == 1 { world.go(thread, finish + 1) } else { world[10] = 1 } }
    program.add { world, thread in world[thread, 5] = world[8] * 4 }
    program.add { world, thread in world[8] = 1 - world[thread, 5] / 4 }
    if barriers { program.add { world, _ in stopSections(&world) } }
    if locks {
      program.add { world, thread in if world[9] != 0 { world.go(thread, finish) } else { world[9] = thread + 1 } }
    }
    precondition(program.here == taken)
    if closes { program.add { world, thread in world[world[thread, 5] + 1] = 1 } }
    empty(&program, nil)
    program.add { world, thread in world[world[thread, 5] + 1] = 0 }
    if locks { program.add { world, thread in unlock(&world, thread) } }
    precondition(program.here == finish)
    program.add { world, _ in world[10] = 0 }
    return program
  }

  /// At first both pages lie on the stack of block 0. A thread that stops keeps what it has, and what it closed.
  func model(_ programs: [Program], stops: Int = 0) -> Model {
    let count = programs.count
    return Model(
      shared: 13, locals: 6, programs: programs, stops: stops,
      start: { world in
        world[0] = 2
        world[2] = 1
        world[3] = 2
      },
      always: { world in
        var places = [world[11]]
        for base in [0, 4] { for index in 0..<min(world[base], 2) { places.append(1 << world[base + 2 + index]) } }
        for thread in 0..<count { places.append(world[thread, 4]) }
        var seen = 0
        for place in places {
          if seen & place != 0 { return "a page is in two places" }
          seen |= place
        }
        return seen == 6 ? nil : "a page is lost"
      },
      atEnd: { world in
        let stopped = (0..<count).contains { world.isStopped($0) }
        let left = world[1] != 0 || world[5] != 0 || world[9] != 0 || world[10] != 0
        // In the child the next who drains opens what is closed.
        return !stopped && left && world[12] == 0 ? "a stack is left closed" : nil
      })
  }
}

@Suite struct PageStackModelTests {
  @Test func usersOfACPUAndADrainer() {
    let stacks = PageStackModel(local: 2)
    let result = stacks.model([stacks.user(), stacks.popper(2), stacks.drainer()]).explore()
    #expect(result.failure == nil, "\(result)")
    #expect(result.states > 500)
  }

  @Test func twoDrainers() {
    let stacks = PageStackModel(local: 1)
    let result = stacks.model([stacks.user(), stacks.drainer(), stacks.drainer()]).explore()
    #expect(result.failure == nil, "\(result)")
  }

  @Test func aDrainerAndAReclaimer() {
    let stacks = PageStackModel(local: 1)
    let result = stacks.model([stacks.user(), stacks.drainer(), stacks.reclaimer()]).explore()
    #expect(result.failure == nil, "\(result)")
    #expect(result.states > 500)
  }

  @Test func twoReclaimersAndADrainer() {
    let stacks = PageStackModel(local: 1)
    let result = stacks.model([stacks.popper(), stacks.reclaimer(), stacks.reclaimer(), stacks.drainer()]).explore()
    #expect(result.failure == nil, "\(result)")
  }

  @Test func aStoppedThreadHoldsUpNobody() {
    let stacks = PageStackModel(local: 1)
    let result = stacks.model([stacks.user(), stacks.drainer(), stacks.reclaimer()], stops: 1).explore()
    #expect(result.failure == nil, "\(result)")
  }

  @Test(arguments: [
    PageStackModel.Mutation.noMembarrier, .membarrierBeforeClosing, .openBeforeEmptying, .releaseBeforeTaking,
  ])
  func mutationIsFound(_ mutation: PageStackModel.Mutation) {
    let stacks = PageStackModel(mutation: mutation, local: 1)
    let result = stacks.model([stacks.user(), stacks.drainer()]).explore()
    #expect(result.failure != nil, "\(result)")
  }

  @Test(arguments: [PageStackModel.Mutation.noLock, .unlockBeforeEmptying])
  func twoDrainersMutationIsFound(_ mutation: PageStackModel.Mutation) {
    let stacks = PageStackModel(mutation: mutation, local: 1)
    let result = stacks.model([stacks.user(), stacks.drainer(), stacks.drainer()]).explore()
    #expect(result.failure != nil, "\(result)")
  }

  @Test func aKernelThatStopsNoSections() {
    let stacks = PageStackModel(local: 1)
    let result = stacks.model([stacks.user(), stacks.drainer(refused: true)]).explore()
    #expect(result.failure == nil, "\(result)")
  }

  /// A CPU's threads are none in the child, but those that the handler has started.
  @Test func aHandlerForksInADrain() {
    let stacks = PageStackModel(local: 0)
    for others in [[], [stacks.drainer()]] {
      let result = stacks.model([stacks.drainer(), stacks.forkingHandler()] + others).explore()
      #expect(result.failure == nil, "\(result)")
    }
  }

  @Test func refusalsMutationIsFound() {
    let stacks = PageStackModel(mutation: .emptyThoughRefused, local: 1)
    let result = stacks.model([stacks.user(), stacks.drainer(refused: true)]).explore()
    #expect(result.failure != nil, "\(result)")
  }

  @Test(arguments: [PageStackModel.Mutation.takeByStore, .unlockWhoeverHasIt])
  func forksMutationIsFound(_ mutation: PageStackModel.Mutation) {
    let stacks = PageStackModel(mutation: mutation, local: 0)
    let result = stacks.model([stacks.drainer(), stacks.forkingHandler(), stacks.drainer()]).explore()
    #expect(result.failure != nil, "\(result)")
  }

  /// The one block comes into use again, opened by who has not closed it.
  @Test func twoReclaimersMutationIsFound() {
    let stacks = PageStackModel(mutation: .reclaimWithoutLock, local: 1)
    let result = stacks.model([stacks.user(), stacks.drainer(), stacks.reclaimer(), stacks.reclaimer()]).explore()
    #expect(result.failure != nil, "\(result)")
  }

  @Test(arguments: [
    PageStackModel.Mutation.reclaimWithoutMembarrier, .reclaimWithoutClosing,
  ])
  func reclaimersMutationIsFound(_ mutation: PageStackModel.Mutation) {
    let stacks = PageStackModel(mutation: mutation, local: 1)
    let result = stacks.model([stacks.user(), stacks.drainer(), stacks.reclaimer()]).explore()
    #expect(result.failure != nil, "\(result)")
  }
}
