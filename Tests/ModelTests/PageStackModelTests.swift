// SPDX-License-Identifier: Apache-2.0
// The model of a CPU's stacks of ready pages, one in each of its two blocks: sections of the CPU's threads that push
// and pop on the block in use, and who takes pages from outside (ReadyModel). Two pages.

import Testing

/// Shared: + 0 pages on the stack, + 1 closed, + 2 + 3 entries (a page, 1 or 2). Locals: 2 stack read, 3 entry read.
struct PageStackModel: ReadyModel {
  static let thing = "page"
  var mutation = Mutation.none
  let blocks: BlockModel

  init(mutation: Mutation = .none, local: Int) {
    self.mutation = mutation
    blocks = BlockModel(local: local)
  }

  func places(_ world: World, _ base: Int) -> [Int] { (0..<min(world[base], 2)).map { base + 2 + $0 } }
  func isClosed(_ world: World, _ base: Int) -> Bool { world[base + 1] == 1 }
  func setClosed(_ world: inout World, _ base: Int, _ isClosed: Bool) { world[base + 1] = isClosed ? 1 : 0 }
  func clear(_ world: inout World, _ base: Int) { world[base] = 0 }
  func start(_ world: inout World) { for (word, value) in [(0, 2), (2, 1), (3, 2)] { world[word] = value } }

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

  func empty(_ program: inout Program, _ base: Int?) {
    for _ in 0..<2 {
      let look = program.here
      program.add { world, thread in
        let stack = base ?? world[thread, 5]
        world[thread, 2] = world[stack]
        world[thread, 3] = world[stack] == 0 ? 0 : world[stack + 1 + world[stack]]
      }
      addTaking(&program, local: 3) { world, thread in
        if world[thread, 2] == 0 { return }
        let stack = base ?? world[thread, 5]
        // Another has taken some: looked at again.
        if mutation != .takeByStore, world[stack] != world[thread, 2] { return world.go(thread, look) }
        world[stack] = world[thread, 2] - 1
        if mutation != .releaseBeforeTaking { world[thread, 4] = 1 << world[thread, 3] }
      }
    }
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

  @Test func aHandlerForksInAReclaim() {
    let stacks = PageStackModel(local: 0)
    let result = stacks.model([stacks.reclaimer(), stacks.forkingHandler(), stacks.drainer()]).explore()
    #expect(result.failure == nil, "\(result)")
  }

  @Test func aReclaimWithoutALookIsFound() {
    let stacks = PageStackModel(mutation: .reclaimWithoutLook, local: 0)
    let result = stacks.model([stacks.reclaimer(), stacks.forkingHandler(), stacks.drainer()]).explore()
    #expect(result.failure == "one opens what another has closed", "\(result)")
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
