// SPDX-License-Identifier: Apache-2.0
// The model of the mark that a chunk has dirty pages (DirtyChunk): set by who released pages, taken by a sweep before
// it looks at the bits. Plain stores of the sweep wait in a buffer that is written at any later time;
// read-modify-writes do not. What holds:
// where a dirty free page is left, the mark is set, so that a later sweep finds it.

import Testing

/// Shared: 0 free dirty pages (a mask), 1 the mark, 2: a store of 0 to the mark waits in the sweep's buffer.
/// Locals: 0 dirty pages that the sweep saw.
struct DirtyChunkModel {
  enum Mutation { case none, plainStore, takenAfterTheLook, markedBeforeTheBits }

  var mutation = Mutation.none

  func releaser(_ page: Int) -> Program {
    var program = Program()
    let bits: Program.Step = { world, _ in world[0] |= 1 << page }
    let mark: Program.Step = { world, _ in world[1] = 1 }
    for step in mutation == .markedBeforeTheBits ? [mark, bits] : [bits, mark] { program.add(step) }
    return program
  }

  func sweeper() -> Program {
    var program = Program()
    for turn in 0..<2 {
      let end = (turn + 1) * 4
      let look: Program.Step = { world, thread in world[thread, 0] = world[0] }
      let take: Program.Step = { world, _ in
        if mutation == .plainStore { world[2] = 1 } else { world[1] = 0 }
      }
      program.add { world, thread in
        // Its own store is what a processor reads first.
        if world[1] == 0 || world[2] == 1 { world.go(thread, end) }
      }
      for step in mutation == .takenAfterTheLook ? [look, take] : [take, look] { program.add(step) }
      // The claim of the pages, which also empties the buffer.
      program.add { world, thread in
        if world[thread, 0] == 0 { return }
        if world[2] == 1 { (world[1], world[2]) = (0, 0) }
        world[0] &= ~world[thread, 0]
      }
    }
    return program
  }

  /// The sweep's store buffer.
  func buffer() -> Program {
    var program = Program()
    for _ in 0..<2 {
      program.add { world, _ in if world[2] == 1 { (world[1], world[2]) = (0, 0) } }
    }
    return program
  }

  func explore() -> Exploration {
    Model(
      shared: 3, locals: 1, programs: [releaser(0), releaser(1), sweeper(), buffer()],
      start: { world in world[1] = 1 },
      atEnd: { world in
        if world[0] != 0, world[1] == 0 || world[2] == 1 { return "no sweep finds pages \(world[0])" }
        return nil
      }
    ).explore()
  }
}

@Suite struct DirtyChunkModelTests {
  @Test func noDirtyPageIsOverlooked() {
    let result = DirtyChunkModel().explore()
    #expect(result.failure == nil, "\(result)")
    #expect(result.states > 100)
  }

  @Test(arguments: [DirtyChunkModel.Mutation.plainStore, .takenAfterTheLook, .markedBeforeTheBits])
  func mutationIsFound(_ mutation: DirtyChunkModel.Mutation) {
    let result = DirtyChunkModel(mutation: mutation).explore()
    #expect(result.failure?.contains("no sweep finds") == true, "\(mutation): \(result)")
  }
}
