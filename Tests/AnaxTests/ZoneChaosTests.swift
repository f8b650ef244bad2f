// SPDX-License-Identifier: Apache-2.0
// Zones under threads on all CPUs while caches are taken back, memory is purged, and others try to end the zone: every
// item is filled with a pattern and looked at when it is returned, so that one given twice is seen.

import Anax
import Synchronization
import Testing

extension AnaxTests {
  @Suite struct ZoneChaos {
    @Test(arguments: [0, 900])
    func itemsAreGivenOnce(limit: Int) throws {
      let sizes = [16, 200, 3000]
      let zones = try sizes.map { try RawZone("chaos", itemSize: $0, limit: limit) }
      // So that no zone is ever without an item in use.
      let anchors = try zones.map { try $0.allocate() }
      let torn = Box(0)
      let running = Box(allowedCPUs.count * 2)
      let threads = (0..<allowedCPUs.count * 2).map { number in
        Thread(cpu: allowedCPUs[number % allowedCPUs.count]) {
          Worker(seed: UInt64(number + 1), zones: zones, sizes: sizes, torn: torn).run(steps: 20_000)
          running.value.subtract(1, ordering: .relaxed)
        }
      }
      var refusals = 0
      repeat {
        Memory.purge()
        Memory.tick()
        for zone in zones {
          do throws(ZoneError) {
            try zone.destroy()
            Issue.record("a zone ended under its users")
          } catch {
            refusals += 1
            switch error {
            case .itemsOut, .busy: break
            default: Issue.record("\(error)")
            }
          }
        }
      } while running.value.load(ordering: .relaxed) > 0
      for thread in threads { thread.join() }
      #expect(torn.value.load(ordering: .relaxed) == 0)
      #expect(refusals > 0)
      for (zone, anchor) in zip(zones, anchors) {
        zone.deallocate(anchor)
        #expect(zone.statistics?.used == 0)
        try zone.destroy()
      }
    }
  }
}

final class Box: Sendable {
  let value: Atomic<Int>
  init(_ value: Int) { self.value = Atomic(value) }
}

private struct Worker {
  var seed: UInt64
  let zones: [RawZone]
  let sizes: [Int]
  let torn: Box
  var held: [(item: UnsafeMutableRawPointer, kind: Int, mark: UInt64)] = []

  init(seed: UInt64, zones: [RawZone], sizes: [Int], torn: Box) {
    self.seed = seed
    self.zones = zones
    self.sizes = sizes
    self.torn = torn
  }

  mutating func next() -> UInt64 {
    seed ^= seed << 13
    seed ^= seed >> 7
    seed ^= seed << 17
    return seed
  }

  consuming func run(steps: Int) {
    var worker = self
    for _ in 0..<steps {
      let number = worker.next()
      if number & 7 < 4 || worker.held.isEmpty {
        worker.take(kind: Int(number >> 8) % 3)
      } else {
        worker.give(Int(number >> 8) % worker.held.count)
      }
    }
    while !worker.held.isEmpty { worker.give(worker.held.count - 1) }
  }

  mutating func take(kind: Int) {
    guard let item = try? zones[kind].allocate() else { return }
    let mark = next()
    // Both ends of the item.
    item.storeBytes(of: mark, as: UInt64.self)
    item.storeBytes(of: mark, toByteOffset: sizes[kind] - 8, as: UInt64.self)
    held.append((item, kind, mark))
  }

  mutating func give(_ index: Int) {
    let (item, kind, mark) = held.remove(at: index)
    let same =
      item.load(as: UInt64.self) == mark && item.load(fromByteOffset: sizes[kind] - 8, as: UInt64.self) == mark
    if !same { torn.value.add(1, ordering: .relaxed) }
    zones[kind].deallocate(item)
  }
}
