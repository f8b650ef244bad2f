// SPDX-License-Identifier: Apache-2.0
// The typed face: boxes that return their items, values that cannot be copied, alignment by type.

import Anax
import Synchronization
import Testing

/// Counts its ends.
struct Counted: ~Copyable {
  static let ended = Atomic<Int>(0)
  var value: Int
  deinit { Self.ended.add(1, ordering: .relaxed) }
}

extension AnaxTests {
  @Suite struct ZoneBoxes {
    @Test func aBoxEndsItsValueAndReturnsItsItem() throws {
      let zone = try Zone<Counted>("counted")
      let before = Counted.ended.load(ordering: .relaxed)
      do {
        var box = try zone.box(Counted(value: 1))
        box.value.value += 1
        #expect(box.value.value == 2)
        #expect(zone.statistics?.used == 1)
        #expect(Counted.ended.load(ordering: .relaxed) == before)
      }
      #expect(Counted.ended.load(ordering: .relaxed) == before + 1)
      #expect(zone.statistics?.used == 0)
      try zone.destroy()
    }

    @Test func aBoxMayBePlaced() throws {
      let zone = try Zone<Counted>("placed")
      let before = Counted.ended.load(ordering: .relaxed)
      for placement in [Placement.node(0), .interleaved, .local] {
        let box = try zone.box(Counted(value: 3), placement: placement)
        #expect(box.value.value == 3 && zone.statistics?.used == 1)
      }
      #expect(Counted.ended.load(ordering: .relaxed) == before + 3)
      #expect(throws: ZoneError.node(-1, nodes: Memory.nodes)) {
        _ = try zone.box(Counted(value: 4), placement: .node(-1))
      }
      // The value that was to be boxed is gone, and no item is out.
      #expect(Counted.ended.load(ordering: .relaxed) == before + 4 && zone.statistics?.used == 0)
      try zone.destroy()
    }

    @Test func takeGivesTheValueOutAndReturnsTheItem() throws {
      let zone = try Zone<Counted>("taken")
      let before = Counted.ended.load(ordering: .relaxed)
      let box = try zone.box(Counted(value: 7))
      let value = box.take()
      #expect(value.value == 7)
      #expect(zone.statistics?.used == 0)
      #expect(Counted.ended.load(ordering: .relaxed) == before)
      _ = consume value
      #expect(Counted.ended.load(ordering: .relaxed) == before + 1)
      try zone.destroy()
    }

    @Test func releaseLeavesTheItemToTheCaller() throws {
      let zone = try Zone<Int>("released")
      let item = try zone.box(42).release()
      #expect(item.pointee == 42)
      #expect(zone.statistics?.used == 1)
      #expect(throws: ZoneError.itemsOut(1)) { try zone.destroy() }
      zone.deallocate(item)
      try zone.destroy()
    }

    @Test func aBoxKeepsAReferenceAlive() throws {
      final class Object {}
      let zone = try Zone<Object>("objects")
      weak var reference: Object?
      do {
        let box = try zone.box(Object())
        reference = box.value
        #expect(reference != nil)
      }
      #expect(reference == nil)
      try zone.destroy()
    }

    @Test func aRefusedBoxIsATypedError() throws {
      let zone = try Zone<Counted>("one", limit: 1)
      let before = Counted.ended.load(ordering: .relaxed)
      let box = try zone.box(Counted(value: 1))
      do throws(ZoneError) {
        _ = try zone.box(Counted(value: 2))
        Issue.record("the limit did not refuse")
      } catch {
        #expect(error == .limitReached(limit: 1, .normal))
      }
      #expect(Counted.ended.load(ordering: .relaxed) == before + 1)
      _ = consume box
      try zone.destroy()
    }

    @Test func boxesMayEndOnOtherCPUs() throws {
      let zone = try Zone<Counted>("moved")
      let before = Counted.ended.load(ordering: .relaxed)
      for cpu in allowedCPUs {
        for value in 0..<1000 {
          let item = try zone.box(Counted(value: value)).release()
          let address = UInt(bitPattern: item)
          if value % 100 == 0 {
            onCPU(cpu) { _ = ZoneBox(owning: UnsafeMutablePointer<Counted>(bitPattern: address)!, in: zone) }
          } else {
            _ = ZoneBox(owning: item, in: zone)
          }
        }
      }
      #expect(Counted.ended.load(ordering: .relaxed) == before + 1000 * allowedCPUs.count)
      #expect(zone.statistics?.used == 0)
      try zone.destroy()
    }

    @Test func typesHaveTheirAlignment() throws {
      let zone = try Zone<SIMD16<Float>>("vectors")
      for _ in 0..<100 {
        let item = try zone.allocate()
        #expect(UInt(bitPattern: item) % UInt(MemoryLayout<SIMD16<Float>>.alignment) == 0)
        item.initialize(to: .zero)
      }
      #expect(zone.statistics?.used == 100)
    }
  }
}
