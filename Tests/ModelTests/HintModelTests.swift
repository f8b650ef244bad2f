// SPDX-License-Identifier: Apache-2.0
// The model of the hints that shorten a search for pages (PageSearch): a chunk's bound with its version, lowered by
// searchers that found nothing and raised by releases, and a cursor that skips chunks. What holds: when nobody is at
// work, a search finds every free page; so no hint hides one.

import Testing

/// Two chunks of one page. Shared: 0 1 free, 2 3 bound (1: there may be a free page), 4 5 version, 6 cursor.
/// Locals: 0 where the search began, 1 2 bound and version as read, 3 pages in hand (a mask), 4 chunk being searched,
/// 5 chunks whose news are owed (a mask).
struct HintModel {
  enum Mutation {
    case none, noVersion, versionOfOneBit, newsBeforeBits, noNewsOfRollback, versionReadAfterLooking, neverFromTheBottom
  }

  var mutation = Mutation.none

  func readBound(_ world: inout World, _ thread: Int) {
    let chunk = world[thread, 4]
    world[thread, 1] = world[2 + chunk]
    world[thread, 2] = world[4 + chunk]
  }

  /// Ends with a page in hand, or without one where the heap would have to grow.
  func search(_ program: inout Program) {
    program.add { world, thread in
      world[thread, 0] = world[6]
      world[thread, 4] = world[6]
    }
    let next = program.here
    let end = next + 4
    program.add { world, thread in
      if world[thread, 4] == 2 {
        let again = world[thread, 0] > 0 && mutation != .neverFromTheBottom
        world[thread, 0] = 0
        world[thread, 4] = 0
        world.go(thread, again ? next : end)
        return
      }
      readBound(&world, thread)
      if world[thread, 1] == 0 {
        world[thread, 4] += 1
        world.go(thread, next)
      }
    }
    program.add { world, thread in
      let chunk = world[thread, 4]
      if world[chunk] == 1 {
        world[chunk] = 0
        world[thread, 3] |= 1 << chunk
        world.go(thread, next + 3)
      } else if mutation == .versionReadAfterLooking {
        world[thread, 2] = 99
      }
    }
    program.add { world, thread in
      let chunk = world[thread, 4]
      if world[thread, 2] == 99 { readBound(&world, thread) }
      if world[2 + chunk] == world[thread, 1], world[4 + chunk] == world[thread, 2] { world[2 + chunk] = 0 }
      world[thread, 4] += 1
      world.go(thread, next)
    }
    program.add { world, thread in
      if world[6] == world[thread, 0], world[thread, 4] > world[6] { world[6] = world[thread, 4] }
    }
    precondition(program.here == end)
  }

  /// Releases the page of the chunk, if it is in hand.
  func release(_ program: inout Program, chunk: Int, rollback: Bool = false) {
    let bits: Program.Step = { world, thread in
      if world[thread, 3] & 1 << chunk == 0 { return }
      world[chunk] = 1
      world[thread, 3] &= ~(1 << chunk)
      world[thread, 5] |= 1 << chunk
    }
    let news: Program.Step = { world, thread in
      let due = mutation == .newsBeforeBits ? world[thread, 3] : world[thread, 5]
      if due & 1 << chunk == 0 { return }
      world[thread, 5] &= ~(1 << chunk)
      if rollback, mutation == .noNewsOfRollback { return }
      world[2 + chunk] = 1
      if mutation == .noVersion { return }
      world[4 + chunk] = mutation == .versionOfOneBit ? world[4 + chunk] ^ 1 : world[4 + chunk] + 1
    }
    program.add(mutation == .newsBeforeBits ? news : bits)
    program.add(mutation == .newsBeforeBits ? bits : news)
    program.add { world, thread in
      world[thread, 5] = 0
      if world[6] > chunk { world[6] = chunk }
    }
  }

  func searcher() -> Program {
    var program = Program()
    search(&program)
    return program
  }

  func user() -> Program {
    var program = Program()
    search(&program)
    for chunk in 0..<2 { release(&program, chunk: chunk) }
    return program
  }

  func releaser() -> Program {
    var program = Program()
    for chunk in 0..<2 { release(&program, chunk: chunk) }
    return program
  }

  /// Wants both pages as one run: claims the first, and gives it back where the second is taken.
  func runner() -> Program {
    var program = Program()
    let end = 8
    program.add { world, thread in
      if world[0] == 0 { return world.go(thread, end) }
      world[0] = 0
      world[thread, 3] = 1
    }
    program.add { world, thread in
      if world[1] == 0 { return }
      world[1] = 0
      world[thread, 3] = 3
    }
    release(&program, chunk: 0, rollback: true)
    release(&program, chunk: 1)
    precondition(program.here == end)
    return program
  }

  /// `held`: the thread that holds both pages at first, or nobody.
  func model(_ programs: [Program], held: Int?, stops: Int) -> Model {
    let count = programs.count
    return Model(
      shared: 7, locals: 6, programs: programs, stops: stops,
      start: { world in
        world[2] = 1
        world[3] = 1
        if let held { world[held, 3] = 3 } else { (world[0], world[1]) = (1, 1) }
      },
      always: { world in
        for chunk in 0..<2 {
          let hands = (0..<count).count { world[$0, 3] & 1 << chunk != 0 }
          if hands + world[chunk] > 1 { return "page \(chunk) is in two places" }
        }
        return nil
      },
      atEnd: { world in
        // A thread stopped between bits and news hides what it released.
        var owed = 0
        for thread in 0..<count where world.isStopped(thread) { owed |= world[thread, 5] }
        for chunk in 0..<2 where world[chunk] == 1 && world[2 + chunk] == 0 && owed & 1 << chunk == 0 {
          return "the bound hides page \(chunk)"
        }
        if world[0] + world[1] > 0, owed == 0 {
          let from = mutation == .neverFromTheBottom ? world[6] : 0
          let found = (from..<2).contains { world[$0] == 1 && world[2 + $0] == 1 }
          if !found { return "no search finds a free page" }
        }
        return nil
      })
  }
}

@Suite struct HintModelTests {
  static func everybody(_ mutation: HintModel.Mutation, stops: Int = 0) -> Exploration {
    let hints = HintModel(mutation: mutation)
    return hints.model([hints.searcher(), hints.user(), hints.releaser()], held: 2, stops: stops).explore()
  }

  static func withARun(_ mutation: HintModel.Mutation, stops: Int = 0) -> Exploration {
    let hints = HintModel(mutation: mutation)
    return hints.model([hints.user(), hints.runner(), hints.user()], held: nil, stops: stops).explore()
  }

  @Test func noHintHidesAPage() {
    let result = Self.everybody(.none)
    #expect(result.failure == nil, "\(result)")
    #expect(result.states > 1000)
  }

  @Test func aClaimThatIsGivenBackHidesNothing() {
    let result = Self.withARun(.none)
    #expect(result.failure == nil, "\(result)")
    #expect(result.states > 1000)
  }

  @Test func aStoppedThreadHidesWhatItReleased() {
    for result in [Self.everybody(.none, stops: 1), Self.withARun(.none, stops: 1)] {
      #expect(result.failure == nil, "\(result)")
    }
  }

  @Test(arguments: [
    HintModel.Mutation.noVersion, .versionOfOneBit, .newsBeforeBits, .versionReadAfterLooking, .neverFromTheBottom,
  ])
  func mutationIsFound(_ mutation: HintModel.Mutation) {
    let result = Self.everybody(mutation)
    #expect(result.failure != nil, "\(mutation): \(result)")
  }

  @Test func aClaimGivenBackInSilenceIsFound() {
    let result = Self.withARun(.noNewsOfRollback)
    #expect(result.failure?.contains("hides") == true, "\(result)")
  }
}
