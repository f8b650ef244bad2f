// SPDX-License-Identifier: Apache-2.0
// The snapshot adds up, purge and tick give memory back, tunables are named and checked; and Anax alone leaves malloc
// alone.

import Anax
import Glibc
import Testing

@_silgen_name("anax_purge") private func purgeFromC() -> Int
@_silgen_name("anax_tick") private func tickFromC()

extension AnaxTests {
  @Suite struct Snapshots {
    @Test func theSnapshotAddsUp() throws {
      let zone = try RawZone("sums", itemSize: 512)
      let items = Addresses()
      items.fill(from: zone, atMost: 4000)
      let run = try PageRun(count: 100)
      run.bytes.initializeMemory(as: UInt8.self, repeating: 1)
      for item in items.all { item.initializeMemory(as: UInt8.self, repeating: 1, count: 512) }
      let all = items.takeAll()
      for item in all.prefix(1000) { zone.deallocate(item) }
      let now = try Memory.snapshot()
      #expect(now.used >= 3000 * 512)
      #expect(now.runs >= 100 * PageRun.pageBytes)
      #expect(now.claimed == now.slabs + now.runs)
      #expect(now.slabs == now.used + now.cached + now.depot + now.freeInSlabs)
      #expect(now.cached + now.depot + now.freeInSlabs >= 1000 * 512)
      #expect(now.nodes.count == Memory.nodes)
      #expect(now.nodes.reduce(0) { $0 + $1.claimed } == now.claimed)
      let row = try #require(now.zones.first { $0.name == "sums" })
      #expect(row.used == 3000)
      #expect(row == zone.statistics)
      #expect(!now.cpus.isEmpty || now.rung == .d)
      #expect(!now.rungReason.isEmpty)
      let kernel = try #require(now.kernel)
      #expect(kernel.resident >= 3000 * 512 + run.bytes.count)
      #expect(kernel.anonymous <= kernel.resident)
      for item in all.dropFirst(1000) { zone.deallocate(item) }
      try zone.destroy()
    }

    @Test func theSnapshotNamesReadyPages() throws {
      Memory.purge()
      let before = try Memory.snapshot()
      for _ in 0..<100 {
        let page = try PageRun(count: 1)
        page.bytes.initializeMemory(as: UInt8.self, repeating: 1)
      }
      let after = try Memory.snapshot()
      #expect(after.ready <= after.dirty && after.claimed == before.claimed)
      #expect(after.nodes.reduce(0) { $0 + $1.ready } == after.ready)
      if after.rung == .b, after.canReclaimCaches { #expect(after.ready > 0) }
      if after.rung == .d { #expect(after.ready == 0) }
      Memory.purge()
      #expect(try Memory.snapshot().ready == 0)
    }

    @Test(arguments: [false, true]) func purgeGivesBack(fromC: Bool) throws {
      do {
        let run = try PageRun(count: 1000)
        run.bytes.initializeMemory(as: UInt8.self, repeating: 1)
      }
      let before = try Memory.snapshot()
      #expect(before.dirty >= 1000 * PageRun.pageBytes)
      let returned = fromC ? purgeFromC() : Memory.purge()
      #expect(returned == before.dirty)
      let after = try Memory.snapshot()
      #expect(after.dirty == 0)
      #expect(after.returned == before.returned + returned)
    }

    @Test(arguments: [false, true]) func twoTicksGiveBack(fromC: Bool) throws {
      Memory.purge()
      do {
        let run = try PageRun(count: 1000)
        run.bytes.initializeMemory(as: UInt8.self, repeating: 1)
      }
      func tick() { fromC ? tickFromC() : Memory.tick() }
      tick()
      #expect(try Memory.snapshot().dirty >= 1000 * PageRun.pageBytes)
      tick()
      #expect(try Memory.snapshot().dirty == 0)
    }

    @Test func mallocIsNotReplaced() throws {
      let before = try Memory.snapshot()
      let block = try #require(malloc(100 << 20))
      defer { free(block) }
      let now = try Memory.snapshot()
      #expect(now.claimed - before.claimed < 1 << 20)
    }
  }

  @Suite struct TunableFace {
    @Test func everyRowCanBeRead() throws {
      #expect(Tunables.all.count > 5)
      for row in Tunables.all {
        let value = try Tunables.value(of: row.name)
        #expect(row.range.contains(value) || value == 0, "\(row.name)")
        #expect(Tunables.entry(row.name) == row)
        #expect(!row.effect.isEmpty)
      }
      #expect(Tunables.entry("vm.page.decay")?.variable == "ANAX_VM_PAGE_DECAY")
      #expect(Tunables.entry("vm.page.decay")?.unit == "ms")
    }

    @Test func aValueIsSetAndReadBack() throws {
      let old = try Tunables.value(of: "vm.page.keep")
      try Tunables.set("vm.page.keep", to: 33)
      #expect(try Tunables.value(of: "vm.page.keep") == 33)
      try Tunables.set("vm.page.keep", to: old)
    }

    @Test func badValuesAreRefusedByName() throws {
      let keep = try #require(Tunables.entry("vm.page.keep"))
      let old = try Tunables.value(of: "vm.page.keep")
      #expect(throws: TunablesError.outOfRange(keep, 1001)) { try Tunables.set("vm.page.keep", to: 1001) }
      #expect(throws: TunablesError.outOfRange(keep, -1)) { try Tunables.set("vm.page.keep", to: -1) }
      #expect(try Tunables.value(of: "vm.page.keep") == old)
      #expect(throws: TunablesError.unknown("vm.page.kept")) { try Tunables.set("vm.page.kept", to: 1) }
      #expect(throws: TunablesError.unknown("")) { try Tunables.value(of: "") }
      let rung = try #require(Tunables.entry("rung"))
      #expect(throws: TunablesError.onlyAtStart(rung)) { try Tunables.set("rung", to: 2) }
      #expect("\(TunablesError.outOfRange(keep, 1001))" == "vm.page.keep = 1001 is refused: wants 0...1000 %")
      #expect("\(TunablesError.onlyAtStart(rung))" == "rung is read when the process starts: set ANAX_RUNG before")
    }
  }
}
