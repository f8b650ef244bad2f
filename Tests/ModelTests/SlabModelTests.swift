// SPDX-License-Identifier: Apache-2.0
// The model of a slab's gate: owners claim, anybody frees, a trimmer retires, and the pages are cut anew for another
// zone.
// A stack with its own model (StackModelTests) is one step here.

import Testing

/// Shared: 0 free count, 1 state, 2 zone, 3 generation (the gate, one word); 4 bits (1: claimed); 5 pages free;
/// 6 7 times that the slab lies on the stack of zone 1, 2. Zone 1 has two slots, zone 2 one.
/// Locals: 0...3 the gate read; 4 slot in hand (a mask); 5 owner of the slab; 6 must push; 7 the mask being freed; 8
/// slots claimed and still counted as free.
struct SlabModel {
  enum Mutation { case none, countBeforeBit, retireByTheBits, pushAlways }

  static let none = 0
  static let full = 1
  static let open = 2
  var mutation = Mutation.none

  static func slots(_ zone: Int) -> Int { zone == 1 ? 2 : 1 }

  func load(_ world: inout World, _ thread: Int) { for word in 0..<4 { world[thread, word] = world[word] } }

  func compareExchange(_ world: inout World, _ thread: Int, _ new: (free: Int, state: Int, zone: Int, generation: Int))
    -> Bool
  {
    for word in 0..<4 where world[word] != world[thread, word] {
      load(&world, thread)
      return false
    }
    world[0] = new.free
    world[1] = new.state
    world[2] = new.zone
    world[3] = new.generation
    return true
  }

  /// `zone`: the one whose item the freer believes to have.
  func free(_ program: inout Program, zone: Int) {
    let first = program.here
    let bit: Program.Step = { world, thread in
      let mask = world[thread, 4]
      if world[4] & mask == 0 { world.fail("a slot that was in use was free already") }
      world[4] &= ~mask
      world[thread, 4] = 0
      world[thread, 7] = mask
    }
    program.add { world, thread in
      if world[thread, 4] == 0 { world.go(thread, first + 5) } else { load(&world, thread) }
    }
    let count: Program.Step = { world, thread in
      if world[thread, 1] == SlabModel.none || world[thread, 2] != zone {
        world.fail("an item that was out is taken for a double free")
      }
      let wasFull = world[thread, 1] == SlabModel.full
      let new = (world[thread, 0] + 1, SlabModel.open, world[thread, 2], world[thread, 3])
      if compareExchange(&world, thread, new) {
        world[thread, 6] = wasFull || mutation == .pushAlways ? 1 : 0
      } else {
        world.go(thread, world.counter(thread) - 1)
      }
    }
    if mutation == .countBeforeBit {
      program.add(count)
      program.add(bit)
    } else {
      program.add(bit)
      program.add(count)
    }
    program.add { world, thread in
      if world[thread, 6] == 1 {
        world[5 + world[thread, 2]] += 1
        world[thread, 6] = 0
      }
      world[thread, 7] = 0
    }
    program.add { _, _ in }
  }

  /// Takes a slot of the zone, from the stack or from a slab cut for it, and frees it again.
  func user(zone: Int) -> Program {
    var program = Program()
    let claim = 3
    let end = 9
    program.add { world, thread in
      if world[5 + zone] > 0 {
        world[5 + zone] -= 1
        world[thread, 5] = 1
        world.go(thread, claim)
      }
    }
    program.add { world, thread in
      if world[5] == 0 {
        world.go(thread, end)
      } else {
        world[5] = 0
        world[thread, 5] = 1
      }
    }
    program.add { world, _ in
      // The header is written before any stack knows the slab: nobody else looks.
      world[4] = zone == 1 ? 0 : 2
      world[0] = SlabModel.slots(zone)
      world[1] = SlabModel.open
      world[2] = zone
    }
    program.add { world, thread in
      load(&world, thread)
      if world[thread, 2] != zone { world.fail("a slab on the stack of zone \(zone) belongs to \(world[thread, 2])") }
    }
    program.add { world, thread in
      let free = ~world[4] & 3
      let bit = free & -free
      if bit == 0 || world[thread, 0] == 0 { world.fail("the gate promised a slot and there is none") }
      world[thread, 7] = bit
    }
    program.add { world, thread in
      let bit = world[thread, 7]
      if world[4] & bit != 0 { world.fail("a slot is handed out twice") }
      world[4] |= bit
      world[thread, 4] = bit
      world[thread, 7] = 0
      world[thread, 8] = 1
    }
    program.add { world, thread in
      let left = world[thread, 0] - 1
      let new = (left, left == 0 ? SlabModel.full : SlabModel.open, zone, world[thread, 3])
      if compareExchange(&world, thread, new) {
        world[thread, 8] = 0
        world[thread, 6] = left > 0 ? 1 : 0
        if left == 0 { world[thread, 5] = 0 }
      } else {
        world.go(thread, 6)
      }
    }
    program.add { world, thread in
      if world[thread, 6] == 1 {
        world[5 + zone] += 1
        world[thread, 5] = 0
        world[thread, 6] = 0
      }
    }
    program.add { _, _ in }
    precondition(program.here == end)
    free(&program, zone: zone)
    return program
  }

  func freer() -> Program {
    var program = Program()
    free(&program, zone: 1)
    return program
  }

  func trimmer() -> Program {
    var program = Program()
    program.add { world, thread in
      if world[6] == 0 {
        world.go(thread, 5)
      } else {
        world[6] -= 1
        world[thread, 5] = 1
      }
    }
    program.add { load(&$0, $1) }
    program.add { world, thread in
      let empty = mutation == .retireByTheBits ? world[4] == 0 : world[thread, 0] == SlabModel.slots(1)
      if empty {
        let new = (0, SlabModel.none, 0, world[thread, 3] + 1)
        if compareExchange(&world, thread, new) { world.go(thread, 4) }
      }
    }
    program.add { world, thread in
      // Not retired: back on the stack.
      world[6] += 1
      world[thread, 5] = 0
      world.go(thread, 5)
    }
    program.add { world, thread in
      world[5] = 1
      world[thread, 5] = 0
    }
    return program
  }

  func model(_ programs: [Program], stops: Int, holder: Int?) -> Model {
    let count = programs.count
    return Model(
      shared: 8, locals: 9, programs: programs, stops: stops,
      start: { world in
        world[0] = holder == nil ? 2 : 1
        world[1] = SlabModel.open
        world[2] = 1
        world[6] = 1
        if let holder {
          world[4] = 1
          world[holder, 4] = 1
        }
      },
      always: { world in
        let free = (~world[4] & (world[2] == 1 ? 3 : 1)).nonzeroBitCount
        let claiming = (0..<count).reduce(0) { $0 + world[$1, 8] }
        if world[1] != SlabModel.none, world[0] > free + claiming {
          return "the count says \(world[0]), \(free) bits are free"
        }
        if world[6] + world[7] > 1 { return "the slab lies on stacks twice" }
        for zone in 1...2 where world[5 + zone] == 1 && (world[2] != zone || world[1] != SlabModel.open) {
          return "a slab that is not open or not of the zone lies on its stack"
        }
        var held = 0
        var owners = 0
        for thread in 0..<count {
          if held & world[thread, 4] != 0 { return "a slot is in two hands" }
          held |= world[thread, 4]
          owners += world[thread, 5]
        }
        if held != 0, world[1] == SlabModel.none { return "retired while a slot is in use" }
        if held & ~world[4] != 0 { return "a slot in use is not claimed" }
        return owners > 1 ? "two owners" : nil
      },
      atEnd: { world in
        var owned = false
        var lost = 0
        for thread in 0..<count where world.isStopped(thread) {
          if world[thread, 5] == 1 || world[thread, 6] == 1 { owned = true }
          lost += (world[thread, 4] | world[thread, 7]).nonzeroBitCount
        }
        if owned { return nil }
        if world[1] == SlabModel.none {
          return world[5] == 1 ? nil : "the pages of a retired slab are lost"
        }
        if world[0] + lost < SlabModel.slots(world[2]) {
          return "\(SlabModel.slots(world[2]) - world[0]) slots are lost"
        }
        return world[1] == SlabModel.open && world[6] + world[7] == 0 ? "a slab with free slots is on no stack" : nil
      })
  }
}

@Suite struct SlabModelTests {
  /// Two users, one of them freeing what it holds from the start, a trimmer, and another zone that wants the pages.
  static func everybody(_ mutation: SlabModel.Mutation, stops: Int) -> Exploration {
    let slab = SlabModel(mutation: mutation)
    return slab.model(
      [slab.user(zone: 1), slab.freer(), slab.trimmer(), slab.user(zone: 2)], stops: stops, holder: 1
    ).explore()
  }

  @Test func claimFreeRetireAndCutAnew() {
    let result = Self.everybody(.none, stops: 0)
    #expect(result.failure == nil, "\(result)")
    #expect(result.states > 1000)
  }

  @Test func aStoppedThreadLosesItsSlotsOrTheSlabItOwns() {
    let result = Self.everybody(.none, stops: 1)
    #expect(result.failure == nil, "\(result)")
  }

  @Test func fullSlabsComeBackOnce() {
    let slab = SlabModel()
    let result = slab.model([slab.user(zone: 1), slab.user(zone: 1), slab.freer()], stops: 1, holder: 2).explore()
    #expect(result.failure == nil, "\(result)")
  }

  @Test func theCountBeforeTheBitIsFound() {
    let result = Self.everybody(.countBeforeBit, stops: 0)
    #expect(result.failure != nil, "\(result)")
  }

  @Test func retiringByTheBitsIsFound() {
    let result = Self.everybody(.retireByTheBits, stops: 0)
    #expect(result.failure != nil, "\(result)")
  }

  @Test func pushingAtEveryFreeIsFound() {
    let result = Self.everybody(.pushAlways, stops: 0)
    #expect(result.failure?.contains("stack") == true, "\(result)")
  }
}
