// SPDX-License-Identifier: Apache-2.0
// The model of a CPU's rows of ready runs, one in each of its two blocks: threads of the CPU that look at a slot and
// then change it by a section, from what they saw to something else, and who takes runs from outside (ReadyModel). Two
// slots, two runs. Or a row that a thread opens for the first time, while a drain comes for the CPU's other row.

import Testing

/// Shared: + 0 the row (1 open, 2 closed), + 1 + 2 its slots (a run, 1 or 2). Locals: 2 what was seen in the slot, 3
/// the run to put there.
struct RunRowModel: ReadyModel {
  static let thing = "run"
  var mutation = Mutation.none
  let blocks: BlockModel
  /// Also: no row is open yet, and thread 0 has both runs in hand.
  let drainsAnyway: Bool

  init(mutation: Mutation = .none, local: Int, drainsAnyway: Bool = false) {
    self.mutation = mutation
    blocks = BlockModel(local: local)
    self.drainsAnyway = drainsAnyway
  }

  func places(_ world: World, _ base: Int) -> [Int] { [base + 1, base + 2].filter { world[$0] > 0 } }
  func isClosed(_ world: World, _ base: Int) -> Bool { world[base] == 2 }
  func setClosed(_ world: inout World, _ base: Int, _ isClosed: Bool) {
    if world[base] != 0 { world[base] = isClosed ? 2 : 1 }
  }
  func clear(_ world: inout World, _ base: Int) { (world[base + 1], world[base + 2]) = (0, 0) }
  func start(_ world: inout World) {
    if drainsAnyway {
      world[0, 4] = 6
    } else {
      for (word, value) in [(0, 1), (1, 1), (2, 2), (4, 1)] { world[word] = value }
    }
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

  /// Makes the row, puts there what it has, and takes it again.
  func opener() -> Program {
    var program = Program()
    let end = 2
    blocks.section(&program, failed: end) { world, thread in world[thread, 5] = world[8] * 4 }
    blocks.section(&program, failed: end) { world, thread in
      if world[world[thread, 5]] == 0 { world[world[thread, 5]] = 1 }
      blocks.leave(&world, thread)
    }
    put(&program, 1)
    take(&program, 1)
    put(&program, 2)
    blocks.plain(&program) { world, thread in
      free(&world, world[thread, 4])
      world[thread, 4] = 0
    }
    return program
  }

  func empty(_ program: inout Program, _ base: Int?) {
    // What a look at the row would hide is looked for without it.
    let end = program.here + 7
    defer { precondition(program.here <= end) }
    if ![.emptyThoughOpened, .openBeforeEmptying, .reclaimWithoutClosing].contains(mutation) {
      program.add { world, thread in if world[base ?? world[thread, 5]] != 2 { world.go(thread, end) } }
    }
    for slot in 1...2 {
      program.add { world, thread in world[thread, 2] = world[(base ?? world[thread, 5]) + slot] }
      addTaking(&program, local: 2) { world, thread in
        let place = (base ?? world[thread, 5]) + slot
        if world[thread, 2] == 0 { return }
        if mutation != .takeByStore, world[place] != world[thread, 2] { return }
        world[place] = 0
        if mutation != .releaseBeforeTaking { world[thread, 4] = 1 << world[thread, 2] }
      }
    }
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

  @Test func aRowIsOpenedDuringADrain() {
    let rows = RunRowModel(local: 1, drainsAnyway: true)
    for others in [[rows.drainer()], [rows.drainer(), rows.reclaimer()]] {
      for stops in 0...1 {
        let result = rows.model([rows.opener()] + others, stops: stops).explore()
        #expect(result.failure == nil, "\(result)")
        #expect(result.states > 50)
      }
    }
  }

  @Test func toEmptyARowThatWasOpenedMeanwhileIsFound() {
    let rows = RunRowModel(mutation: .emptyThoughOpened, local: 1, drainsAnyway: true)
    let result = rows.model([rows.opener(), rows.drainer()]).explore()
    #expect(result.failure != nil, "\(result)")
  }

  /// A CPU's threads are none in the child, but those that the handler has started.
  @Test func aHandlerForksInADrain() {
    let rows = RunRowModel(local: 0)
    for others in [[], [rows.drainer()]] {
      let result = rows.model([rows.drainer(), rows.forkingHandler()] + others).explore()
      #expect(result.failure == nil, "\(result)")
    }
  }

  @Test func aHandlerForksInAReclaim() {
    let rows = RunRowModel(local: 0)
    let result = rows.model([rows.reclaimer(), rows.forkingHandler(), rows.drainer()]).explore()
    #expect(result.failure == nil, "\(result)")
  }

  @Test func aReclaimWithoutALookIsFound() {
    let rows = RunRowModel(mutation: .reclaimWithoutLook, local: 0)
    let result = rows.model([rows.reclaimer(), rows.forkingHandler(), rows.drainer()]).explore()
    #expect(result.failure == "one opens what another has closed", "\(result)")
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
