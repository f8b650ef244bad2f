// SPDX-License-Identifier: Apache-2.0
// Zones with a limit: never above it, never below it for want of what other CPUs hold, and the reserves of the classes.

import Anax
import Testing

extension AnaxTests {
  @Suite struct ZoneLimits {
    @Test(arguments: [1, 2, 10, 100, 5000])
    func neverMoreThanTheLimit(limit: Int) throws {
      let zone = try RawZone("limited", itemSize: 64, limit: limit)
      let items = Addresses()
      for _ in 0..<3 {
        items.fill(from: zone)
        #expect(items.all.count == limit)
        #expect(Set(items.all).count == limit)
        #expect(items.error == .limitReached(limit: limit, .normal))
        #expect(zone.statistics?.used == limit)
        items.returnAll(to: zone)
        #expect(zone.statistics?.used == 0)
      }
      #expect(zone.statistics?.failures == 3)
      #expect(zone.statistics?.requests == 3 * limit + 3)
      try zone.destroy()
    }

    /// Items that were freed on one CPU, and lie in its cache, serve a request on another at the limit.
    @Test(.enabled(if: allowedCPUs.count > 1), arguments: [64, 5000])
    func whatAnotherCPUHoldsIsTakenBack(limit: Int) throws {
      let zone = try RawZone("stranded", itemSize: 64, limit: limit)
      let items = Addresses()
      var reclaims = 0
      for round in 0..<20 {
        let here = allowedCPUs[round % 2]
        let there = allowedCPUs[(round + 1) % 2]
        onCPU(here) {
          items.fill(from: zone)
          items.returnAll(to: zone)
        }
        #expect(zone.statistics!.cached + zone.statistics!.depot > 0)
        let before = try Memory.snapshot().reclaims
        onCPU(there) { items.fill(from: zone) }
        #expect(items.all.count == limit)
        reclaims += try Memory.snapshot().reclaims - before
        items.returnAll(to: zone)
      }
      // Once a round, not at every request.
      #expect(reclaims > 0 && reclaims <= 80)
      try zone.destroy()
    }

    /// Threads on all CPUs at the limit at once: together never more than the limit.
    @Test func neverMoreThanTheLimitTogether() throws {
      let limit = 500
      let zone = try RawZone("together", itemSize: 32, limit: limit)
      let boxes = allowedCPUs.map { _ in Addresses() }
      for _ in 0..<10 {
        let threads = zip(allowedCPUs, boxes).map { cpu, items in
          Thread(cpu: cpu) {
            for _ in 0..<20 {
              items.fill(from: zone, atMost: limit)
              items.returnAll(to: zone)
            }
            items.fill(from: zone, atMost: limit)
          }
        }
        for thread in threads { thread.join() }
        let held = boxes.flatMap(\.all)
        #expect(Set(held).count == held.count)
        #expect(held.count <= limit)
        #expect(zone.statistics?.used == held.count)
        for items in boxes { items.returnAll(to: zone) }
      }
      try zone.destroy()
    }

    @Test func classesLeaveTheirReserves() throws {
      let zone = try RawZone("reserves", itemSize: 64, limit: 100, systemReserve: 20, interruptReserve: 5)
      let items = Addresses()
      items.fill(from: zone, .normal)
      #expect(items.all.count == 75)
      #expect(items.error == .limitReached(limit: 100, .normal))
      items.fill(from: zone, .system)
      #expect(items.all.count == 95)
      #expect(items.error == .limitReached(limit: 100, .system))
      items.fill(from: zone, .interrupt)
      #expect(items.all.count == 100)
      #expect(items.error == .limitReached(limit: 100, .interrupt))
      // What system and interrupt requests give back is not for normal ones, in a cache or not.
      for item in items.all.suffix(10) { zone.deallocate(item) }
      let kept = items.takeAll().dropLast(10)
      items.fill(from: zone, .normal)
      #expect(items.all.isEmpty)
      items.fill(from: zone, .system)
      #expect(items.all.count == 5)
      items.returnAll(to: zone)
      for item in kept { zone.deallocate(item) }
      items.fill(from: zone, .normal)
      #expect(items.all.count == 75)
      items.returnAll(to: zone)
      try zone.destroy()
    }

    /// A free item that lies on this CPU is not for a normal request when the zone is above what those may have.
    @Test(.enabled(if: allowedCPUs.count > 1)) func aCachedItemDoesNotHelpTheLowerClass() throws {
      let zone = try RawZone("classes", itemSize: 64, limit: 400, systemReserve: 200)
      let items = Addresses()
      let system = Addresses()
      onCPU(allowedCPUs[0]) {
        items.fill(from: zone, .normal)
        for item in items.takeAll() { zone.deallocate(item) }
      }
      #expect(zone.statistics!.cached > 0)
      let cached = zone.statistics!.cached + zone.statistics!.depot
      onCPU(allowedCPUs[1]) { system.fill(from: zone, atMost: 400 - cached, .system) }
      #expect(zone.statistics?.used == 400 - cached)
      onCPU(allowedCPUs[0]) { items.fill(from: zone, .normal) }
      #expect(items.all.isEmpty)
      #expect(items.error == .limitReached(limit: 400, .normal))
      system.returnAll(to: zone)
      try zone.destroy()
    }
  }
}
