// SPDX-License-Identifier: Apache-2.0
// What color does to items: their first words spread over the sets of the caches, and what that costs in memory.

import CAnax
import Heap
import Machine
import Pages
import Testing

@testable import Zones

@Suite struct ColorTests {
  /// Bytes of pages that an item takes, in a slab that is full.
  private static func cost(_ zone: UnsafeMutablePointer<anax_zone>) -> Double {
    let slots = UInt64(zone.pointee.slots)
    let used = SlotGeometry(zone).distance(ofSlot: slots - 1) + UInt64(zone.pointee.stride)
    return Double((used + 4095) / 4096 * 4096) / Double(slots)
  }

  /// On average over the classes, and 4.5% for each.
  @Test func colorCostsThreeHundredthsOnAverage() async {
    await #expect(processExitsWith: .success) {
      _ = Engine.ensureStarted()
      var costs: [Double] = []
      // Settled at the start: what it would have been otherwise.
      anax_tunable_store(Tunable.pageColor.index, 0)
      for id in 1...SizeClasses.count {
        let zone = anax_state().pointee.zones! + id
        // A row that no zone has.
        let plain = anax_state().pointee.zones! + Int(ANAX_ZONES_MAX - 1)
        ZoneMake.fill(plain, size: UInt64(SizeClasses.size(ofClass: id)), alignment: 16, limit: 0)
        let cost = Self.cost(zone) / Self.cost(plain) - 1
        costs.append(cost)
        #expect(cost < 0.045, "size \(SizeClasses.size(ofClass: id)): \(cost)")
      }
      let mean = costs.reduce(0, +) / Double(costs.count)
      #expect(mean <= 0.03, "\(mean)")
      #expect(costs.max()! > 0, "nothing was compared")
    }
  }

  /// Items of sizes whose multiples would meet in few sets. 64 sets of a first-level cache, 1024 of a second-level one,
  /// by the address; which frames the kernel puts there is its own affair.
  @Test(arguments: [256, 512, 1024, 2048, 4096, 8192, 16384, 32768])
  func firstWordsSpreadOverTheSets(size: Int) async {
    await #expect(processExitsWith: .success) { [size] in
      _ = Engine.ensureStarted()
      let zone = try "spread".withCString {
        try ZoneRegistry.create(
          name: UnsafeRawPointer($0).assumingMemoryBound(to: UInt8.self), nameCount: 6, size: UInt64(size),
          alignment: 16,
          limit: 0, systemReserve: 0, interruptReserve: 0)
      }
      var first = [Int](repeating: 0, count: 64)
      var second = Set<UInt>()
      let count = 2048
      for _ in 0..<count {
        let item = try ZoneRequest.allocate(zone.id, generation: zone.generation, .normal, counted: false)
        let line = UInt(bitPattern: item) / 64
        first[Int(line % 64)] += 1
        second.insert(line % 1024)
      }
      // The mean is 32.
      #expect(first.filter { $0 == 0 }.count <= 2, "sets that no item begins in: \(first.filter { $0 == 0 }.count)")
      #expect(first.max()! <= 96, "\(first.max()!) items begin in one set")
      // Chosen at random, 886 of 1024 were used. A slab of 2 KiB items has no room to begin late: there it is left to
      // the kernel, which backs slabs with small pages.
      #expect(size == 2048 ? second.count >= 60 : second.count >= 640, "\(second.count) of 1024 sets")
    }
  }
}
