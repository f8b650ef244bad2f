// SPDX-License-Identifier: Apache-2.0
// The model of TaggedStack: pop and push on three records. Every record is at every moment on the stack or in exactly
// one hand. Without the tag, a head that went away and came back is mistaken for itself, and the explorer finds it.

import Testing

/// Shared: 0 head's record (plus one), 1 head's tag, 2...4 links. Locals: 0 old record, 1 old tag, 2 next, 3 4 hands.
struct StackModel {
  var tagged = true

  func load(_ world: inout World, _ thread: Int) {
    world[thread, 0] = world[0]
    world[thread, 1] = world[1]
  }

  func compareExchange(_ world: inout World, _ thread: Int, _ new: Int) -> Bool {
    if world[0] == world[thread, 0], world[1] == world[thread, 1] {
      world[0] = new
      if tagged { world[1] += 1 }
      return true
    }
    load(&world, thread)
    return false
  }

  func pop(_ program: inout Program, into hand: Int) {
    program.add { load(&$0, $1) }
    let again = program.here
    program.add { world, thread in
      if world[thread, 0] == 0 { world.go(thread, again + 2) } else { world[thread, 2] = world[1 + world[thread, 0]] }
    }
    program.add { world, thread in
      let top = world[thread, 0]
      if compareExchange(&world, thread, world[thread, 2]) {
        world[thread, hand] = top
      } else {
        world.go(thread, again)
      }
    }
  }

  func push(_ program: inout Program, from hand: Int) {
    let first = program.here
    program.add { world, thread in
      if world[thread, hand] == 0 { world.go(thread, first + 3) } else { load(&world, thread) }
    }
    let again = program.here
    program.add { world, thread in world[1 + world[thread, hand]] = world[thread, 0] }
    program.add { world, thread in
      if compareExchange(&world, thread, world[thread, hand]) {
        world[thread, hand] = 0
      } else {
        world.go(thread, again)
      }
    }
  }

  func model(threads: Int, stops: Int) -> Model {
    var first = Program()
    pop(&first, into: 3)
    push(&first, from: 3)
    var second = Program()
    pop(&second, into: 3)
    pop(&second, into: 4)
    push(&second, from: 3)
    let programs = Array([first, second, first].prefix(threads))
    let count = programs.count
    return Model(
      shared: 5, locals: 5, programs: programs, stops: stops,
      start: { world in
        world[0] = 1
        world[2] = 2
        world[3] = 3
      },
      always: { world in
        var found = [0, 0, 0, 0]
        func walk(_ from: Int) -> Bool {
          var at = from
          var steps = 0
          while at != 0 {
            found[at] += 1
            steps += 1
            if steps > 3 { return false }
            at = world[1 + at]
          }
          return true
        }
        if !walk(world[0]) { return "the stack is a circle" }
        for thread in 0..<count {
          found[world[thread, 3]] += 1
          found[world[thread, 4]] += 1
        }
        for record in 1...3 where found[record] != 1 {
          return found[record] == 0 ? "record \(record) is lost" : "record \(record) is in two places"
        }
        return nil
      },
      atEnd: { world in
        var lost = 0
        for thread in 0..<count where world.isStopped(thread) {
          if world[thread, 3] != 0 { lost += 1 }
        }
        return lost > 1 ? "a thread stopped in one operation lost \(lost) records" : nil
      })
  }
}

@Suite struct StackModelTests {
  @Test func popAndPushKeepEveryRecordInOnePlace() {
    let result = StackModel().model(threads: 2, stops: 1).explore()
    #expect(result.failure == nil, "\(result)")
    #expect(result.states > 500)
  }

  @Test func threeThreads() {
    let result = StackModel().model(threads: 3, stops: 0).explore()
    #expect(result.failure == nil, "\(result)")
    #expect(result.states > 10_000)
  }

  @Test func withoutTheTagAHeadThatCameBackIsMistaken() {
    let result = StackModel(tagged: false).model(threads: 2, stops: 0).explore()
    #expect(result.failure != nil)
    #expect(result.trace.count > 5)
  }
}
