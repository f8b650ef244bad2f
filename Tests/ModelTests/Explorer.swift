// SPDX-License-Identifier: Apache-2.0
// A small exhaustive explorer of interleavings. A model is some shared words and, for each thread, a program of steps;
// each step does at most one thing that other threads can see. Every order of steps is tried, depth first, each state
// once, and at every step a thread may also stop for ever, up to a stated number of threads. Memory is sequentially
// consistent here: what the models show is the protocol; that the engine's weaker orders suffice is argued in the state
// table of each file.

/// All of a model's state: shared words, then for each thread its program counter and locals. Small numbers only.
struct World {
  static let stopped: UInt8 = 255

  var words: [UInt8]
  let shared: Int
  let stride: Int
  /// What a step found wrong; not part of the state.
  var failure: String?

  init(shared: Int, threads: Int, locals: Int) {
    words = [UInt8](repeating: 0, count: shared + threads * (locals + 1))
    self.shared = shared
    stride = locals + 1
  }

  subscript(_ word: Int) -> Int {
    get { Int(words[word]) }
    set { words[word] = UInt8(truncatingIfNeeded: newValue) }
  }

  subscript(_ thread: Int, _ local: Int) -> Int {
    get { Int(words[shared + thread * stride + 1 + local]) }
    set { words[shared + thread * stride + 1 + local] = UInt8(truncatingIfNeeded: newValue) }
  }

  func counter(_ thread: Int) -> Int { Int(words[shared + thread * stride]) }

  mutating func go(_ thread: Int, _ to: Int) { words[shared + thread * stride] = UInt8(to) }

  mutating func stop(_ thread: Int) { words[shared + thread * stride] = World.stopped }

  func isStopped(_ thread: Int) -> Bool { counter(thread) == Int(World.stopped) }

  mutating func fail(_ what: String) { if failure == nil { failure = what } }
}

/// A thread's steps. A step runs with the program counter already at the next one; `go` changes that.
struct Program {
  typealias Step = (inout World, Int) -> Void

  var steps: [Step] = []

  /// Where the next step will be.
  var here: Int { steps.count }

  @discardableResult
  mutating func add(_ step: @escaping Step) -> Int {
    steps.append(step)
    return steps.count - 1
  }
}

struct Model {
  let shared: Int
  let locals: Int
  let programs: [Program]
  /// How many threads may stop for ever.
  var stops = 0
  var start: (inout World) -> Void = { _ in }
  /// What holds in every state; else what is wrong.
  var always: (World) -> String? = { _ in nil }
  /// What holds when every thread is done or stopped.
  var atEnd: (World) -> String? = { _ in nil }
}

struct Exploration: CustomStringConvertible {
  var states = 0
  var ends = 0
  var failure: String?
  /// The threads whose steps led to the failure, in order; `!2` is thread 2 stopping for ever.
  var trace: [String] = []

  var description: String {
    "\(states) states, \(ends) ends, \(failure.map { "FAILED: \($0) after \(trace.joined(separator: " "))" } ?? "holds")"
  }
}

private struct Seen: Hashable {
  let words: [UInt8]
  static func == (left: Seen, right: Seen) -> Bool { left.words == right.words }
  func hash(into hasher: inout Hasher) { words.withUnsafeBytes { hasher.combine(bytes: $0) } }
}

extension Model {
  private func isOver(_ world: World, _ thread: Int) -> Bool { world.counter(thread) >= programs[thread].steps.count }

  private func step(_ world: inout World, _ thread: Int) {
    let counter = world.counter(thread)
    world.go(thread, counter + 1)
    programs[thread].steps[counter](&world, thread)
  }

  private func fault(_ world: World) -> String? { world.failure ?? always(world) }

  /// Whether all others come to their end, one after the other, though a thread has stopped.
  private func othersFinish(_ world: World) -> Bool {
    var world = world
    for thread in programs.indices {
      var left = 300
      while !isOver(world, thread) {
        if left == 0 { return false }
        left -= 1
        step(&world, thread)
      }
    }
    return true
  }

  func explore() -> Exploration {
    var result = Exploration()
    var world = World(shared: shared, threads: programs.count, locals: locals)
    start(&world)
    if let wrong = fault(world) {
      result.failure = wrong
      return result
    }
    var seen: Set<Seen> = [Seen(words: world.words)]
    // Choice 2t is a step of thread t, 2t + 1 its stop.
    var path: [(world: World, choice: Int)] = [(world, 0)]
    result.states = 1
    while let (world, choice) = path.last {
      let thread = choice / 2
      if thread == programs.count {
        if programs.indices.allSatisfy({ isOver(world, $0) }) {
          result.ends += 1
          if let wrong = atEnd(world) {
            result.failure = wrong
            path[path.count - 1].choice = 0
            result.trace = trace(path.dropLast())
            return result
          }
        }
        path.removeLast()
        continue
      }
      path[path.count - 1].choice += 1
      if isOver(world, thread) { continue }
      var next = world
      if choice & 1 == 0 {
        step(&next, thread)
      } else {
        if programs.indices.count(where: { world.isStopped($0) }) >= stops { continue }
        next.stop(thread)
        if !othersFinish(next) { next.fail("a stopped thread holds up another") }
      }
      if let wrong = fault(next) {
        result.failure = wrong
        result.trace = trace(path[...])
        return result
      }
      if !seen.insert(Seen(words: next.words)).inserted { continue }
      result.states += 1
      path.append((next, 0))
    }
    return result
  }

  private func trace(_ path: ArraySlice<(world: World, choice: Int)>) -> [String] {
    path.map { ($0.choice - 1) & 1 == 0 ? "\(($0.choice - 1) / 2)" : "!\(($0.choice - 1) / 2)" }
  }
}
