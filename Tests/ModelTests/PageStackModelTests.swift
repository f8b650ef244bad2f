// SPDX-License-Identifier: Apache-2.0
// The model of a CPU's stack of ready pages: sections of the CPU's threads that push and pop, and from another CPU a drainer that
// closes the stack, stops the sections and takes entry after entry. Two pages; each is at every moment in exactly one place.

import Testing

/// Shared: 0 pages on the stack, 1 closed, 2 3 entries (a page, 1 or 2), 4 the CPU's lock, 5 free in the bitmap (a mask).
/// Locals: 0 in a section, 1 aborted, 2 stack read, 3 entry read, 4 pages in hand (a mask).
struct PageStackModel {
  enum Mutation { case none, noMembarrier, membarrierBeforeClosing, openBeforeEmptying, releaseBeforeTaking }

  var mutation = Mutation.none
  let blocks: BlockModel

  init(mutation: Mutation = .none, local: Int) {
    self.mutation = mutation
    blocks = BlockModel(local: local)
  }

  func free(_ world: inout World, _ pages: Int) {
    if world[5] & pages != 0 { world.fail("a page is freed twice") }
    world[5] |= pages
  }

  /// Looks at `closed`, then at the stack.
  func read(_ program: inout Program, failed: Int) {
    blocks.section(&program, failed: failed) { world, thread in
      if world[1] == 0 { return }
      blocks.leave(&world, thread)
      world.go(thread, failed)
    }
    blocks.section(&program, failed: failed) { world, thread in world[thread, 2] = world[0] }
  }

  /// Pops twice, where there is something.
  func popper() -> Program {
    var program = Program()
    for end in [4, 8] {
      read(&program, failed: end)
      blocks.section(&program, failed: end) { world, thread in
        if world[thread, 2] > 0 {
          world[thread, 3] = world[1 + world[thread, 2]]
        } else {
          blocks.leave(&world, thread)
          world.go(thread, end)
        }
      }
      blocks.section(&program, failed: end) { world, thread in
        world[0] = world[thread, 2] - 1
        world[thread, 4] |= 1 << world[thread, 3]
        blocks.leave(&world, thread)
      }
      precondition(program.here == end)
    }
    return program
  }

  /// Pops, and pushes what it has; what it cannot push goes to the bitmap.
  func user() -> Program {
    var program = popper()
    read(&program, failed: 12)
    blocks.section(&program, failed: 12) { world, thread in
      let page = world[thread, 4] & 2 != 0 ? 1 : 2
      if world[thread, 4] == 0 || world[thread, 2] == 2 {
        blocks.leave(&world, thread)
        world.go(thread, 12)
      } else {
        world[2 + world[thread, 2]] = page
        world[thread, 3] = page
      }
    }
    blocks.section(&program, failed: 12) { world, thread in
      world[0] = world[thread, 2] + 1
      world[thread, 4] &= ~(1 << world[thread, 3])
      blocks.leave(&world, thread)
    }
    precondition(program.here == 12)
    blocks.plain(&program) { world, thread in
      free(&world, world[thread, 4])
      world[thread, 4] = 0
    }
    return program
  }

  func drainer() -> Program {
    var program = Program()
    let barrier: Program.Step = { world, _ in
      if mutation == .noMembarrier { return }
      for other in 0..<blocks.local where world[other, 0] == 1 { world[other, 1] = 1 }
    }
    let end = 12
    program.add { world, thread in if world[4] == 1 { world.go(thread, end) } else { world[4] = 1 } }
    if mutation == .membarrierBeforeClosing { program.add(barrier) }
    program.add { world, _ in world[1] = 1 }
    if mutation != .membarrierBeforeClosing { program.add(barrier) }
    if mutation == .openBeforeEmptying { program.add { world, _ in world[1] = 0 } }
    for _ in 0..<2 {
      program.add { world, thread in
        world[thread, 2] = world[0]
        world[thread, 3] = world[0] == 0 ? 0 : world[1 + world[0]]
      }
      if mutation == .releaseBeforeTaking {
        program.add { world, thread in if world[thread, 2] > 0 { free(&world, 1 << world[thread, 3]) } }
        program.add { world, thread in if world[thread, 2] > 0 { world[0] = world[thread, 2] - 1 } }
      } else {
        program.add { world, thread in
          if world[thread, 2] == 0 { return }
          world[0] = world[thread, 2] - 1
          world[thread, 4] = 1 << world[thread, 3]
        }
        program.add { world, thread in
          free(&world, world[thread, 4])
          world[thread, 4] = 0
        }
      }
    }
    if mutation != .openBeforeEmptying { program.add { world, _ in world[1] = 0 } }
    program.add { world, _ in world[4] = 0 }
    return program
  }

  /// At first both pages lie on the stack. A thread that stops keeps what it has, and what it closed.
  func model(_ programs: [Program], stops: Int = 0) -> Model {
    let count = programs.count
    return Model(
      shared: 6, locals: 5, programs: programs, stops: stops,
      start: { world in
        world[0] = 2
        world[2] = 1
        world[3] = 2
      },
      always: { world in
        var places = [world[5]]
        for index in 0..<world[0] { places.append(1 << world[2 + index]) }
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
        return !stopped && (world[1] != 0 || world[4] != 0) ? "the stack is left closed" : nil
      })
  }
}

@Suite struct PageStackModelTests {
  @Test func usersOfACPUAndADrainer() {
    let stacks = PageStackModel(local: 2)
    let result = stacks.model([stacks.user(), stacks.popper(), stacks.drainer()]).explore()
    #expect(result.failure == nil, "\(result)")
    #expect(result.states > 500)
  }

  @Test func twoDrainers() {
    let stacks = PageStackModel(local: 1)
    let result = stacks.model([stacks.user(), stacks.drainer(), stacks.drainer()]).explore()
    #expect(result.failure == nil, "\(result)")
  }

  @Test func aStoppedThreadHoldsUpNobody() {
    let stacks = PageStackModel(local: 1)
    let result = stacks.model([stacks.user(), stacks.drainer()], stops: 1).explore()
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
}
