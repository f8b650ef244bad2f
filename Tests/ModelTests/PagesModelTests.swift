// SPDX-License-Identifier: Apache-2.0
// The model of the page bitmaps: a run that crosses two words is claimed word after word and given back at the first
// page that is taken; a single page is claimed by compare-and-swap; sweeps claim, have the kernel take the page, clear
// the touched mark and release. Each page's contents are modelled: zero, or who wrote them.

import Testing

/// Two words of two pages; pages 1 and 2 (bit 1 of word 0, bit 0 of word 1) are free, the others are in use for good.
/// Shared: 0 1 claimed, 2 3 touched, 4 5 recent, 6...9 contents, 10 count of dirty pages (plus 100).
/// Locals: 0 pages claimed (a mask of four), 1 dirty found, 2 a value read, 3 pages in use (a mask), 4 returned, 5
/// pages wanted.
struct PagesModel {
  enum Mutation { case none, rollBackOthers, clearAfterRelease, countWhatWasClaimed, releaseBeforeKernel }

  var mutation = Mutation.none

  static func page(_ word: Int, _ bit: Int) -> Int { 1 << (word * 2 + bit) }

  func use(_ program: inout Program, end: Int) {
    for page in 1...2 {
      program.add { world, thread in
        if world[thread, 0] & 1 << page == 0 { return }
        let bit = 1 << (page & 1)
        if world[2 + page / 2] & bit != 0 { world[thread, 1] += 1 }
        world[2 + page / 2] |= bit
      }
    }
    program.add { world, thread in
      world[10] -= world[thread, 1]
      for page in 1...2 where world[thread, 0] & 1 << page != 0 {
        if world[thread, 1] == 0, world[6 + page] != 0 { world.fail("page \(page) counts as zero and is not") }
        world[6 + page] = thread + 1
      }
      world[thread, 3] = world[thread, 0]
      world[thread, 1] = 0
    }
    program.add { world, thread in
      for page in 1...2 where world[thread, 3] & 1 << page != 0 {
        if world[6 + page] != thread + 1 { world.fail("page \(page) was changed under its owner") }
      }
      world[thread, 3] = 0
    }
    for page in 1...2 {
      program.add { world, thread in
        if world[thread, 0] & 1 << page != 0 { world[4 + page / 2] |= 1 << (page & 1) }
      }
    }
    program.add { world, thread in world[10] += world[thread, 0].nonzeroBitCount }
    for page in 1...2 {
      program.add { world, thread in
        if world[thread, 0] & 1 << page == 0 { return }
        world[page / 2] &= ~(1 << (page & 1))
        world[thread, 0] &= ~(1 << page)
      }
    }
    precondition(program.here == end)
  }

  /// Both pages as one run.
  func runner() -> Program {
    var program = Program()
    let end = 13
    program.add { world, thread in
      if world[0] & 2 != 0 {
        world.go(thread, end)
      } else {
        world[0] |= 2
        world[thread, 0] = 2
      }
    }
    program.add { world, thread in
      world[thread, 2] = world[1] & 1
      world[1] |= 1
      if world[thread, 2] == 0 {
        world[thread, 0] |= 4
        world.go(thread, 4)
      } else if mutation == .rollBackOthers {
        world[1] &= ~1
      }
    }
    program.add { world, thread in
      world[0] &= ~2
      world[thread, 0] = 0
    }
    program.add { world, thread in world.go(thread, end) }
    use(&program, end: end)
    return program
  }

  /// Page 2 alone.
  func single() -> Program {
    var program = Program()
    let end = 11
    program.add { world, thread in
      world[thread, 2] = world[1]
      if world[1] & 1 != 0 { world.go(thread, end) }
    }
    program.add { world, thread in
      if world[1] == world[thread, 2] {
        world[1] |= 1
        world[thread, 0] = 4
      } else {
        world.go(thread, 0)
      }
    }
    use(&program, end: end)
    return program
  }

  func sweeper() -> Program {
    var program = Program()
    for page in 1...2 {
      let word = page / 2
      let bit = 1 << (page & 1)
      program.add { world, thread in
        world[thread, 5] = world[2 + word] & ~world[word] & ~world[4 + word] & bit
      }
      program.add { world, thread in
        if world[thread, 5] == 0 || world[word] & bit != 0 { return }
        world[word] |= bit
        world[thread, 0] |= 1 << page
        if mutation == .countWhatWasClaimed { world[thread, 4] += 1 }
      }
      program.add { world, _ in world[4 + word] &= ~bit }
    }
    let kernel: Program.Step = { world, thread in
      for page in 1...2 where world[thread, 0] & 1 << page != 0 { world[6 + page] = 0 }
    }
    if mutation != .releaseBeforeKernel { program.add(kernel) }
    func clear() {
      for page in 1...2 {
        program.add { world, thread in
          let mine = mutation == .clearAfterRelease ? world[thread, 2] : world[thread, 0]
          if mine & 1 << page == 0 { return }
          if world[2 + page / 2] & 1 << (page & 1) != 0, mutation != .countWhatWasClaimed { world[thread, 4] += 1 }
          world[2 + page / 2] &= ~(1 << (page & 1))
        }
      }
    }
    if mutation != .clearAfterRelease { clear() }
    program.add { world, thread in world[thread, 2] = world[thread, 0] }
    for page in 1...2 {
      program.add { world, thread in
        if world[thread, 0] & 1 << page == 0 { return }
        world[page / 2] &= ~(1 << (page & 1))
        world[thread, 0] &= ~(1 << page)
      }
    }
    if mutation == .releaseBeforeKernel {
      program.add { world, thread in
        for page in 1...2 where world[thread, 2] & 1 << page != 0 { world[6 + page] = 0 }
      }
    }
    if mutation == .clearAfterRelease { clear() }
    program.add { world, thread in
      world[10] -= world[thread, 4]
      world[thread, 4] = 0
    }
    return program
  }

  func model(_ programs: [Program], stops: Int) -> Model {
    let count = programs.count
    return Model(
      shared: 11, locals: 6, programs: programs, stops: stops,
      start: { world in
        world[0] = 1
        world[1] = 2
        world[2] = 3
        world[3] = 3
        world[7] = 9
        world[8] = 9
        world[10] = 102
      },
      always: { world in
        var held = 0
        for thread in 0..<count {
          if held & world[thread, 0] != 0 { return "a page is claimed twice" }
          held |= world[thread, 0]
        }
        for page in 1...2 {
          let bit = 1 << (page & 1)
          if held & 1 << page != 0, world[page / 2] & bit == 0 { return "a page in hand is free" }
          if world[page / 2] & bit == 0, world[2 + page / 2] & bit == 0, world[6 + page] != 0 {
            return "a free page counts as zero and is not"
          }
        }
        return nil
      },
      atEnd: { world in
        var kept = 0
        var stopped = false
        for thread in 0..<count where world.isStopped(thread) {
          kept |= world[thread, 0] | world[thread, 3]
          stopped = true
        }
        let claimed = world[0] & 2 | (world[1] & 1) << 2
        // A thread stopped between the two pages of its claim is rolled back by nobody: it keeps what it holds.
        if claimed & ~kept != 0, !stopped { return "a page is lost" }
        let dirty = (world[2] & ~world[0] | (world[3] & ~world[1]) << 2).nonzeroBitCount
        if !stopped, world[10] != 100 + dirty {
          return "the count says \(world[10] - 100) dirty pages, there are \(dirty)"
        }
        return nil
      })
  }
}

@Suite struct PagesModelTests {
  @Test func runsSinglePagesAndASweep() {
    let pages = PagesModel()
    let result = pages.model([pages.runner(), pages.single(), pages.sweeper()], stops: 0).explore()
    #expect(result.failure == nil, "\(result)")
    #expect(result.states > 1000)
  }

  @Test func twoSweeps() {
    let pages = PagesModel()
    let result = pages.model([pages.single(), pages.sweeper(), pages.sweeper()], stops: 0).explore()
    #expect(result.failure == nil, "\(result)")
  }

  @Test func aStoppedThreadKeepsItsPagesAndNothingElse() {
    let pages = PagesModel()
    let result = pages.model([pages.runner(), pages.single(), pages.sweeper()], stops: 1).explore()
    #expect(result.failure == nil, "\(result)")
  }

  @Test(arguments: [PagesModel.Mutation.rollBackOthers, .clearAfterRelease, .releaseBeforeKernel])
  func mutationIsFound(_ mutation: PagesModel.Mutation) {
    let pages = PagesModel(mutation: mutation)
    let result = pages.model([pages.runner(), pages.single(), pages.sweeper()], stops: 0).explore()
    #expect(result.failure != nil, "\(result)")
  }

  @Test func countingWhatASweepClaimedIsFound() {
    let pages = PagesModel(mutation: .countWhatWasClaimed)
    let result = pages.model([pages.single(), pages.sweeper(), pages.sweeper()], stops: 0).explore()
    #expect(result.failure?.contains("dirty pages") == true, "\(result)")
  }
}
