// SPDX-License-Identifier: Apache-2.0
// Zones without a limit: creation and its errors, the alignment table, items of their own, requests and the end.

import Anax
import Glibc
import Testing

extension AnaxTests {
  @Suite struct Zones {
    @Test(arguments: [1, 8, 16, 24, 100, 128, 1000, 2048, 2049, 4096, 10_000, 32_768])
    func itemsHaveTheAlignmentAndDoNotOverlap(size: Int) throws {
      var alignment = 1
      while alignment <= PageRun.pageBytes {
        let zone = try RawZone("aligned", itemSize: size, alignment: alignment)
        var items: [UnsafeMutableRawPointer] = []
        for index in 0..<40 {
          let item = try zone.allocate()
          #expect(UInt(bitPattern: item) % UInt(max(alignment, 16)) == 0, "alignment \(alignment)")
          item.initializeMemory(as: UInt8.self, repeating: UInt8(index), count: size)
          items.append(item)
        }
        for (index, item) in items.enumerated() {
          let bytes = UnsafeRawBufferPointer(start: item, count: size)
          #expect(bytes.allSatisfy { $0 == UInt8(index) }, "size \(size), alignment \(alignment), item \(index)")
        }
        for item in items { zone.deallocate(item) }
        try zone.destroy()
        alignment *= 2
      }
    }

    @Test func badArgumentsAreRefused() {
      let page = PageRun.pageBytes
      #expect(throws: ZoneError.size(0)) { try RawZone("bad", itemSize: 0) }
      #expect(throws: ZoneError.size(-1)) { try RawZone("bad", itemSize: -1) }
      #expect(throws: ZoneError.size(32769)) { try RawZone("bad", itemSize: 32769) }
      #expect(throws: ZoneError.alignment(0, page: page)) { try RawZone("bad", itemSize: 8, alignment: 0) }
      #expect(throws: ZoneError.alignment(24, page: page)) { try RawZone("bad", itemSize: 8, alignment: 24) }
      #expect(throws: ZoneError.alignment(2 * page, page: page)) {
        try RawZone("bad", itemSize: 8, alignment: 2 * page)
      }
      #expect(throws: ZoneError.name(0)) { try RawZone("", itemSize: 8) }
      #expect(throws: ZoneError.name(40)) { try RawZone(String(repeating: "x", count: 40), itemSize: 8) }
      #expect(throws: ZoneError.limit(-1, systemReserve: 0, interruptReserve: 0)) {
        try RawZone("bad", itemSize: 8, limit: -1)
      }
      #expect(throws: ZoneError.limit(4, systemReserve: 2, interruptReserve: 2)) {
        try RawZone("bad", itemSize: 8, limit: 4, systemReserve: 2, interruptReserve: 2)
      }
      #expect(throws: ZoneError.limit(0, systemReserve: 1, interruptReserve: 0)) {
        try RawZone("bad", itemSize: 8, systemReserve: 1)
      }
      #expect("\(ZoneError.size(40_000))" == "a zone's item size is 1...32768 bytes, not 40000")
    }

    @Test func statisticsCountItemsAndRequests() throws {
      let zone = try RawZone("counted", itemSize: 100)
      let before = try #require(zone.statistics)
      #expect(before.name == "counted")
      #expect(before.itemSize == 100)
      #expect((before.used, before.requests, before.failures, before.slabs) == (0, 0, 0, 0))
      let items = Addresses()
      items.fill(from: zone, atMost: 1000)
      var now = try #require(zone.statistics)
      #expect((now.used, now.requests, now.failures) == (1000, 1000, 0))
      #expect(now.slabBytes >= 1000 * now.stride)
      for cpu in allowedCPUs {
        onCPU(cpu) {
          let more = Addresses()
          more.fill(from: zone, atMost: 500)
          more.returnAll(to: zone)
        }
      }
      now = try #require(zone.statistics)
      #expect(now.used == 1000)
      #expect(now.requests == 1000 + 500 * allowedCPUs.count)
      #expect(now.cached + now.depot + now.free > 0)
      items.returnAll(to: zone)
      #expect(zone.statistics?.used == 0)
      Memory.purge()
      now = try #require(zone.statistics)
      #expect((now.used, now.cached, now.depot, now.slabs) == (0, 0, 0, 0))
      // What was counted outlives the caches that were taken back.
      #expect(now.requests == 1000 + 500 * allowedCPUs.count)
      try zone.destroy()
    }

    @Test func zeroedItemsAreZero() throws {
      let zone = try RawZone("zero", itemSize: 777)
      // It is the same item unless the thread has changed its CPU meanwhile.
      let isSame = try (0..<100).contains { _ in
        let first = try zone.allocate()
        first.initializeMemory(as: UInt8.self, repeating: 0xAA, count: 777)
        zone.deallocate(first)
        let second = try zone.allocate(zeroed: true)
        #expect(UnsafeRawBufferPointer(start: second, count: 777).allSatisfy { $0 == 0 })
        zone.deallocate(second)
        return first == second
      }
      #expect(isSame)
      try zone.destroy()
    }

    @Test func destroyIsRefusedWhileItemsAreOut() throws {
      let zone = try RawZone("busy", itemSize: 64)
      let items = Addresses()
      items.fill(from: zone, atMost: 3)
      #expect(throws: ZoneError.itemsOut(3)) { try zone.destroy() }
      // The zone is as it was.
      items.fill(from: zone, atMost: 4)
      #expect(zone.statistics?.used == 4)
      items.returnAll(to: zone)
      try zone.destroy()
      #expect(zone.statistics == nil)
      #expect(throws: ZoneError.destroyed) { try zone.allocate() }
      #expect(throws: ZoneError.destroyed) { try zone.destroy() }
    }

    @Test func destroyTakesBackWhatOtherCPUsHold() throws {
      let zone = try RawZone("spread", itemSize: 64)
      for cpu in allowedCPUs {
        onCPU(cpu) {
          let items = Addresses()
          items.fill(from: zone, atMost: 1000)
          items.returnAll(to: zone)
        }
      }
      let claimed = Memory.claimed
      try zone.destroy()
      #expect(Memory.claimed < claimed)
    }

    /// An id is used again, with another geometry, and a handle of its last owner is not mistaken for the new zone's.
    @Test func idsAreUsedAgain() throws {
      var old: [RawZone] = []
      for round in 0..<5000 {
        let size = round % 2 == 0 ? 16 : 5000
        let zone = try RawZone("round", itemSize: size)
        let item = try zone.allocate()
        item.initializeMemory(as: UInt8.self, repeating: 1, count: size)
        zone.deallocate(item)
        #expect(zone.statistics?.itemSize == size)
        #expect(zone.statistics?.requests == 1)
        try zone.destroy()
        if round % 500 == 0 { old.append(zone) }
      }
      let zone = try RawZone("last", itemSize: 32)
      for old in old {
        #expect(throws: ZoneError.destroyed) { try old.allocate() }
        #expect(old.statistics == nil)
      }
      try zone.destroy()
    }

    @Test func thereIsAnEndOfZones() throws {
      var zones: [RawZone] = []
      #expect(throws: ZoneError.tooManyZones) {
        while true { zones.append(try RawZone("many", itemSize: 64)) }
      }
      #expect(zones.count > 900)
      let last = try #require(zones.last)
      let item = try last.allocate()
      last.deallocate(item)
      for zone in zones { try zone.destroy() }
    }

    @Test func itemsReturnedOnAnotherCPUComeBack() throws {
      let zone = try RawZone("crossing", itemSize: 48)
      let items = Addresses()
      for _ in 0..<50 {
        onCPU(allowedCPUs[0]) { items.fill(from: zone, atMost: 2000) }
        #expect(Set(items.all).count == 2000)
        onCPU(allowedCPUs[allowedCPUs.count - 1]) { items.returnAll(to: zone) }
      }
      #expect(zone.statistics?.used == 0)
      // Not 50 times 2000 items.
      #expect(zone.statistics!.slabBytes < 10 * 2000 * 48)
      try zone.destroy()
    }

    @Test func whatIsNotTheZonesStopsTheProcess() async {
      await #expect(processExitsWith: .signal(SIGABRT)) {
        let zone = try RawZone("mine", itemSize: 64)
        let other = try RawZone("other", itemSize: 64)
        other.deallocate(try zone.allocate())
      }
      await #expect(processExitsWith: .signal(SIGABRT)) {
        let zone = try RawZone("mine", itemSize: 64)
        zone.deallocate(UnsafeMutableRawPointer(bitPattern: 4096)!)
      }
      // Inside an item, at no multiple of 16.
      await #expect(processExitsWith: .signal(SIGABRT)) {
        let zone = try RawZone("mine", itemSize: 64)
        let items = try (0..<3).map { _ in try zone.allocate() }
        zone.deallocate(items[0])
        zone.deallocate(items[1] + 4)
      }
      // At a multiple of 16: when it reaches its slab.
      await #expect(processExitsWith: .signal(SIGABRT)) {
        let zone = try RawZone("mine", itemSize: 64)
        let items = try (0..<3).map { _ in try zone.allocate() }
        zone.deallocate(items[1] + 16)
        Memory.purge()
      }
    }
  }
}
