// SPDX-License-Identifier: Apache-2.0
// Pages: runs, alignment, zero, hold, wire, discard, objects' colors, the limit and its classes, counters.

import Anax
import Glibc
import Testing

extension AnaxTests {
  @Suite struct PageRuns {
    @Test(arguments: [1, 2, 3, 7, 8, 63, 64, 100, 511, 512, 513, 2000])
    func runsHaveTheirSizeAndAlignment(count: Int) throws {
      var alignment = 1
      while alignment <= 1024 {
        let run = try PageRun(count: count, alignment: alignment)
        #expect(UInt(bitPattern: run.address) % UInt(alignment * PageRun.pageBytes) == 0)
        #expect(run.bytes.count == count * PageRun.pageBytes)
        run.bytes.initializeMemory(as: UInt8.self, repeating: 1)
        alignment *= 4
      }
    }

    @Test func runsDoNotOverlapAndGoBack() throws {
      let before = Memory.claimed
      var runs: [UnsafeMutableRawBufferPointer] = []
      func take(_ left: Int) throws {
        if left == 0 { return }
        let run = try PageRun(count: left % 5 + 1)
        run.bytes.initializeMemory(as: UInt8.self, repeating: UInt8(left))
        runs.append(run.bytes)
        try take(left - 1)
        #expect(run.bytes.allSatisfy { $0 == UInt8(left) })
      }
      try take(100)
      let starts = runs.map { UInt(bitPattern: $0.baseAddress!) }
      let sorted = zip(starts, runs.map { UInt($0.count) }).sorted { $0.0 < $1.0 }
      for (one, next) in zip(sorted, sorted.dropFirst()) { #expect(one.0 + one.1 <= next.0) }
      #expect(Memory.claimed == before)
    }

    @Test func badArgumentsAreRefused() {
      #expect(throws: PageError.count(0)) { _ = try PageRun(count: 0) }
      #expect(throws: PageError.count(-5)) { _ = try PageRun(count: -5) }
      #expect(throws: PageError.count(1 << 31)) { _ = try PageRun(count: 1 << 31) }
      #expect(throws: PageError.alignment(3)) { _ = try PageRun(count: 1, alignment: 3) }
      #expect(throws: PageError.node(Memory.nodes, nodes: Memory.nodes)) {
        _ = try PageRun(count: 1, placement: .node(Memory.nodes))
      }
      #expect(throws: PageError.node(-1, nodes: Memory.nodes)) {
        _ = try PageObject().page(at: 0, placement: .node(-1))
      }
      #expect(throws: PageError.outOfMemory) { _ = try PageRun(count: 1 << 31 - 1, alignment: 1 << 31) }
    }

    @Test func zeroIsZero() throws {
      // Pages that were written to, so that they are known not to be zero.
      for _ in 0..<50 {
        let dirty = try PageRun(count: 16)
        dirty.bytes.initializeMemory(as: UInt8.self, repeating: 0xFF)
      }
      for _ in 0..<50 {
        let run = try PageRun(count: 16, zeroed: true)
        let zero = run.isZero && run.bytes.allSatisfy { $0 == 0 }
        #expect(zero)
        run.bytes.initializeMemory(as: UInt8.self, repeating: 0xFF)
      }
      let known = try PageRun(count: 16)
      let honest = !known.isZero || known.bytes.allSatisfy { $0 == 0 }
      #expect(honest)
    }

    @Test func purgedPagesAreKnownToBeZero() throws {
      do {
        let dirty = try PageRun(count: 8)
        dirty.bytes.initializeMemory(as: UInt8.self, repeating: 0xFF)
      }
      Memory.purge()
      let run = try PageRun(count: 8)
      let zero = run.isZero
      #expect(zero)
      #expect(residentPages(run.bytes) == 0)
      #expect(run.bytes.allSatisfy { $0 == 0 })
    }

    @Test func aHoldDelaysTheReturn() throws {
      let before = Memory.claimed
      var holds = Shelf<PageHold>(capacity: 2)
      let address: UnsafeMutableRawPointer
      do {
        let run = try PageRun(count: 4)
        address = run.address
        run.bytes.initializeMemory(as: UInt8.self, repeating: 7)
        holds.append(try run.hold())
        holds.append(try run.hold())
      }
      #expect(Memory.claimed == before + 4 * PageRun.pageBytes)
      holds.removeLast()
      Memory.purge()
      // Others get other pages, and the contents stay.
      for _ in 0..<200 {
        let other = try PageRun(count: 4)
        #expect(other.address != address)
        other.bytes.initializeMemory(as: UInt8.self, repeating: 9)
      }
      #expect(holds.last.bytes.allSatisfy { $0 == 7 })
      #expect(Memory.claimed == before + 4 * PageRun.pageBytes)
      holds.removeLast()
      #expect(Memory.claimed == before)
    }

    @Test func aRunTakesSoManyHolds() throws {
      let before = Memory.claimed
      do {
        let run = try PageRun(count: 1)
        var holds = Shelf<PageHold>(capacity: 65535)
        for _ in 0..<65535 { holds.append(try run.hold()) }
        #expect(throws: PageError.tooManyHolds) { _ = try run.hold() }
        holds.removeAll()
        _ = try run.hold()
      }
      #expect(Memory.claimed == before)
    }

    @Test func aWiredRunSurvivesPurgeAndDiscard() throws {
      let run = try PageRun(count: 8)
      run.bytes.initializeMemory(as: UInt8.self, repeating: 5)
      #expect(throws: PageError.notWired) { try run.unwire() }
      try run.wire()
      try run.wire()
      var wired = run.isWired
      #expect(wired)
      Memory.purge()
      Memory.tick()
      #expect(throws: PageError.wired) { try run.discard() }
      #expect(run.bytes.allSatisfy { $0 == 5 })
      #expect(residentPages(run.bytes) == 8)
      try run.unwire()
      #expect(throws: PageError.wired) { try run.discard() }
      try run.unwire()
      wired = run.isWired
      #expect(!wired)
      try run.discard()
      #expect(residentPages(run.bytes) == 0)
      #expect(run.bytes.allSatisfy { $0 == 0 })
      for _ in 0..<63 { try run.wire() }
      #expect(throws: PageError.tooManyWirings) { try run.wire() }
    }

    @Test func wiringLocksOnlyWhenAsked() throws {
      func locked() throws -> Int { try #require(try Memory.snapshot().kernel).locked }
      let before = try locked()
      let run = try PageRun(count: 8)
      try run.wire()
      #expect(try locked() == before)
      do {
        try run.wire(lock: true)
        #expect(try locked() == before + 8 * PageRun.pageBytes)
        #expect(residentPages(run.bytes) == 8)
        try run.unwire()
        #expect(try locked() == before + 8 * PageRun.pageBytes)
      } catch PageError.lockRefused {
        // Not allowed to lock: then the wiring is as it was.
        let wired = run.isWired
        #expect(wired)
      }
      try run.unwire()
      #expect(try locked() == before)
    }

    @Test func countersCount() throws {
      // On rung D pages are not counted by CPU.
      if try Memory.snapshot().rung == .d { return }
      let cpu = allowedCPUs[0]
      func taken() throws -> (Int, Int) {
        let now = try Memory.snapshot()
        // Rung A counts by concurrency id, which is no CPU's: there the sum is compared.
        let counted = now.rung == .a ? now.cpus : now.cpus.filter { $0.id == cpu }
        try #require(!counted.isEmpty)
        return (counted.reduce(0) { $0 + $1.pagesTaken }, counted.reduce(0) { $0 + $1.pagesGiven })
      }
      onCPU(cpu) { for _ in 0..<10 { _ = try? PageRun(count: 1) } }
      // A CPU's cache is opened by the first zone that needs it.
      let zone = try RawZone("opener", itemSize: 64)
      onCPU(cpu) { if let item = try? zone.allocate() { zone.deallocate(item) } }
      // A section that is aborted is not counted: then once more.
      let isExact = try (0..<20).contains { _ in
        let before = try taken()
        onCPU(cpu) { for _ in 0..<10 { _ = try? PageRun(count: 3) } }
        let after = try taken()
        return after == (before.0 + 30, before.1 + 30)
      }
      #expect(isExact)
      try zone.destroy()
    }
  }
}

extension Memory {
  /// Bytes of pages in use.
  static var claimed: Int { try! snapshot().claimed }
}
