// SPDX-License-Identifier: Apache-2.0
// What the models of a CPU's stacks of pages and of its rows of runs have in common: from other CPUs a drainer closes
// what is ready in both blocks, stops the sections and takes entry after entry, and a reclaimer swaps the block and
// then takes the entries of the old one. Two entries; each is at every moment in exactly one place. Or the process is
// the child of a fork from a handler that interrupted one of the two, where the handler drained too.

enum ReadyMutation {
  case none, noMembarrier, membarrierBeforeClosing, openBeforeEmptying, releaseBeforeTaking, noLock
  case unlockBeforeEmptying, takeByStore, unlockWhoeverHasIt, emptyThoughRefused
  case reclaimWithoutLock, reclaimWithoutLook, reclaimWithoutMembarrier, reclaimWithoutClosing
  // Of the sections of a row, and of who empties it.
  case noComparison, noLookAtTheRow, keepDisplaced, emptyThoughOpened
}

/// Shared: 0 and 4 where what is ready begins in blocks 0 and 1; 8 the block in use, 9 the lock of the CPU's stacks
/// (who has it, from 1), 10 its reclaim lock, 11 free in the bitmap (a mask), 12 this is the child (2: of one that had
/// looked), 13 14 who has closed block 0, 1 (from 1).
/// Locals: 0 in a section, 1 aborted, 2 3 the model's, 4 entries in hand (a mask), 5 where the block read begins, 6 it
/// has looked whether the lock is still its own.
protocol ReadyModel {
  typealias Mutation = ReadyMutation
  /// What an entry is.
  static var thing: String { get }
  var mutation: Mutation { get }
  var blocks: BlockModel { get }
  /// A drain comes for other pages of the CPU.
  var drainsAnyway: Bool { get }

  /// Where entries lie.
  func places(_ world: World, _ base: Int) -> [Int]
  func isClosed(_ world: World, _ base: Int) -> Bool
  func setClosed(_ world: inout World, _ base: Int, _ isClosed: Bool)
  func clear(_ world: inout World, _ base: Int)
  /// Takes what there is, at most two entries, from what begins at `base` or, where that is nil, at the local.
  func empty(_ program: inout Program, _ base: Int?)
  /// Lays both entries into block 0.
  func start(_ world: inout World)
}

extension ReadyModel {
  var drainsAnyway: Bool { false }

  func free(_ world: inout World, _ entries: Int) {
    if world[11] & entries != 0 { world.fail("a \(Self.thing) is freed twice") }
    world[11] |= entries
  }

  func close(_ world: inout World, _ base: Int, by thread: Int) {
    setClosed(&world, base, true)
    // Whoever has lost the lock may close what another has, which is still the other's.
    if world[9] == thread + 1 { world[13 + base / 4] = thread + 1 }
  }

  func open(_ world: inout World, _ base: Int, by thread: Int) {
    let closer = world[13 + base / 4]
    // From its look until it opens nothing keeps a thread from doing so in the child.
    if closer != 0, closer != thread + 1, world[12] != 2 { world.fail("one opens what another has closed") }
    setClosed(&world, base, false)
    world[13 + base / 4] = 0
  }

  /// One step that takes, and one that frees the entry, which is in the local.
  func addTaking(_ program: inout Program, local: Int, _ take: @escaping Program.Step) {
    if mutation == .releaseBeforeTaking {
      program.add { world, thread in if world[thread, local] > 0 { free(&world, 1 << world[thread, local]) } }
      program.add(take)
    } else {
      program.add(take)
      program.add { world, thread in
        free(&world, world[thread, 4])
        world[thread, 4] = 0
      }
    }
  }

  /// Whether a drain has something to take, or sees that another does.
  func isWorthTaking(_ world: World) -> Bool {
    [0, 4].contains { isClosed(world, $0) || !places(world, $0).isEmpty }
  }

  func lock(_ world: inout World, _ thread: Int, failed: Int) {
    if world[9] != 0 { world.go(thread, failed) } else { world[9] = thread + 1 }
  }

  /// Whether the lock is still its own.
  func look(_ world: inout World, _ thread: Int, failed: Int) {
    if world[9] == thread + 1 { world[thread, 6] = 1 } else { world.go(thread, failed) }
  }

  func unlock(_ world: inout World, _ thread: Int) {
    world[thread, 6] = 0
    if mutation == .unlockWhoeverHasIt {
      if world[9] != 0, world[9] != thread + 1 { world.fail("another's lock is opened") }
      world[9] = 0
    } else if mutation == .noLock || world[9] == thread + 1 {
      world[9] = 0
    }
  }

  /// `refused`: the kernel stops no sections.
  func drainer(refused: Bool = false) -> Program {
    var program = Program()
    program.add { _, _ in }
    if mutation == .membarrierBeforeClosing { program.add { world, _ in blocks.stopSections(&world) } }
    for base in [0, 4] { program.add { world, thread in close(&world, base, by: thread) } }
    if mutation != .membarrierBeforeClosing, mutation != .noMembarrier, !refused {
      program.add { world, _ in blocks.stopSections(&world) }
    }
    if mutation == .unlockBeforeEmptying { program.add { world, _ in world[9] = 0 } }
    let check = program.add { _, _ in }
    for base in [0, 4] {
      if mutation == .openBeforeEmptying { program.add { world, thread in open(&world, base, by: thread) } }
      if !refused || mutation == .emptyThoughRefused { empty(&program, base) }
      if mutation != .openBeforeEmptying { program.add { world, thread in open(&world, base, by: thread) } }
    }
    if mutation != .unlockBeforeEmptying { program.add { world, thread in unlock(&world, thread) } }
    let end = program.here
    program.steps[check] = { world, thread in
      if ![.noLock, .unlockBeforeEmptying, .unlockWhoeverHasIt].contains(mutation) {
        look(&world, thread, failed: end)
      }
    }
    program.steps[0] = { world, thread in
      if mutation == .noLock { return }
      if drainsAnyway || isWorthTaking(world) { return lock(&world, thread, failed: end) }
      let threads = (world.words.count - world.shared) / world.stride
      let takers = (blocks.local..<threads).filter { world[$0, 4] != 0 && !world.isStopped($0) }
      if !takers.isEmpty, world[12] == 0 { world.fail("nobody sees that \(Self.thing)s are on their way") }
      world.go(thread, end)
    }
    return program
  }

  /// A handler forks while another is in the middle, and drains in the child before it returns to it.
  func forkingHandler() -> Program {
    var program = Program()
    program.add { world, _ in
      let threads = (world.words.count - world.shared) / world.stride
      let hasLooked = (blocks.local..<threads).contains { world[$0, 6] == 1 }
      (world[9], world[12]) = (0, hasLooked ? 2 : 1)
      for base in [0, 4] {
        for place in places(world, base) { free(&world, 1 << world[place]) }
        clear(&world, base)
        setClosed(&world, base, false)
        world[13 + base / 4] = 0
      }
    }
    return program
  }

  /// Only what concerns entries: the lists are BlockModel's.
  func reclaimer() -> Program {
    var program = Program()
    let locks = mutation != .reclaimWithoutLock
    program.add { _, _ in }
    program.add { world, thread in world[thread, 5] = world[8] * 4 }
    program.add { world, thread in world[8] = 1 - world[thread, 5] / 4 }
    if mutation != .reclaimWithoutMembarrier { program.add { world, _ in blocks.stopSections(&world) } }
    let locking = program.add { _, _ in }
    if mutation != .reclaimWithoutClosing {
      program.add { world, thread in close(&world, world[thread, 5], by: thread) }
    }
    let looking = program.add { _, _ in }
    empty(&program, nil)
    program.add { world, thread in open(&world, world[thread, 5], by: thread) }
    let unlocking = program.add { world, thread in if locks { unlock(&world, thread) } }
    let finish = program.add { world, _ in world[10] = 0 }
    program.steps[0] = { world, thread in
      if world[10] == 1 { world.go(thread, finish + 1) } else { world[10] = 1 }
    }
    if locks { program.steps[locking] = { world, thread in lock(&world, thread, failed: finish) } }
    if locks, mutation != .reclaimWithoutLook {
      program.steps[looking] = { world, thread in look(&world, thread, failed: unlocking) }
    }
    return program
  }

  /// A thread that stops keeps what it has, and what it closed.
  func model(_ programs: [Program], stops: Int = 0) -> Model {
    let count = programs.count
    return Model(
      shared: 15, locals: 7, programs: programs, stops: stops,
      start: start,
      always: { world in
        let taken = (0..<count).map { world[$0, 4] }
        var seen = 0
        for entries in [world[11]] + taken + [0, 4].flatMap({ places(world, $0) }).map({ 1 << world[$0] }) {
          if seen & entries != 0 { return "a \(Self.thing) is in two places" }
          seen |= entries
        }
        return seen == 6 ? nil : "a \(Self.thing) is lost"
      },
      atEnd: { world in
        let stopped = (0..<count).contains { world.isStopped($0) }
        let left = isClosed(world, 0) || isClosed(world, 4) || world[9] != 0 || world[10] != 0
        // In the child the next who drains opens what is closed.
        return !stopped && left && world[12] == 0 ? "what is ready is left closed" : nil
      })
  }
}
