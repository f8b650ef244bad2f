// SPDX-License-Identifier: Apache-2.0
// Objects: a page's color follows its index; objects begin apart; the limit and its classes.

import Anax
import Testing

extension AnaxTests {
  @Suite struct PageObjects {
    /// On one CPU, in a heap with free pages of every color, pages come from the colors asked for, and successive pages
    /// of an object from successive ones of the CPU's share.
    @Test(arguments: [0, 17, 40])
    func colorsFollowTheIndex(color: Int) throws {
      let object = PageObject(color: color)
      let cpu = allowedCPUs[0]
      let result = Colors()
      onCPU(cpu) { result.take(object, 0..<64) }
      let asked = (0..<64).map { object.color(at: $0, cpu: cpu) }
      #expect(result.colors == asked)
      let share = Set(asked)
      for (one, next) in zip(asked, asked.dropFirst()) {
        #expect(next == (share.contains(one + 1) ? one + 1 : share.min()))
      }
      #expect(64 % share.count == 0 && share.max()! - share.min()! == share.count - 1)
    }

    @Test func objectsBeginApart() {
      let colors = (0..<64).map { _ in PageObject().color }
      #expect(Set(colors).count == 64)
      for (one, next) in zip(colors, colors.dropFirst()) {
        #expect(min((one - next) & 63, (next - one) & 63) >= 16)
      }
    }

    /// In a word of the bitmap each, or in another color of it.
    @Test func cpusStartApart() {
      let object = PageObject(color: 0)
      let starts = allowedCPUs.prefix(64).map { [$0 % 8, object.color(at: 0, cpu: $0)] }
      #expect(Set(starts).count == starts.count)
    }

    @Test func theLimitLeavesReserves() throws {
      let before = Memory.claimed
      let limit = before + 4096 * PageRun.pageBytes
      try Tunables.set("vm.heap.limit", to: limit)
      defer { try? Tunables.set("vm.heap.limit", to: 0) }
      var reached: [Int] = []
      var runs = Shelf<PageRun>(capacity: 5000)
      for requestClass in [RequestClass.normal, .system, .interrupt] {
        do throws(PageError) {
          while true { runs.append(try PageRun(count: 1, requestClass)) }
        } catch {
          #expect(error == .limitReached(limit: limit, requestClass))
          reached.append(Memory.claimed)
        }
      }
      runs.removeAll()
      let page = PageRun.pageBytes
      #expect(reached.count == 3)
      let expected = [limit - limit / 32 - limit / 128, limit - limit / 128, limit]
      for (got, wanted) in zip(reached, expected) { #expect(got <= wanted && got > wanted - page) }
      #expect(Memory.claimed == before)
      #expect(throws: PageError.limitReached(limit: limit, .interrupt)) { _ = try PageRun(count: 5000, .interrupt) }
    }

    /// A zone's slabs count against vm.heap.limit too: what it refuses is a typed error.
    @Test func theLimitHoldsForSlabs() throws {
      let zone = try RawZone("slabs", itemSize: 1024)
      try Tunables.set("vm.heap.limit", to: Memory.claimed + (4 << 20))
      defer { try? Tunables.set("vm.heap.limit", to: 0) }
      let items = Addresses()
      items.fill(from: zone, atMost: 100_000)
      #expect(items.error == .outOfMemory)
      #expect(items.all.count > 2000 && items.all.count <= 4096)
      items.returnAll(to: zone)
      try zone.destroy()
    }

    /// The classes hold for the slabs of a zone as for pages.
    @Test func theReservesAreThereForSlabs() throws {
      let zone = try RawZone("reserves", itemSize: 1024)
      let limit = Memory.claimed + (32 << 20)
      try Tunables.set("vm.heap.limit", to: limit)
      defer { try? Tunables.set("vm.heap.limit", to: 0) }
      let items = Addresses()
      var reached: [Int] = []
      for requestClass in [RequestClass.normal, .system, .interrupt] {
        items.fill(from: zone, atMost: 100_000, requestClass)
        #expect(items.error == .outOfMemory)
        reached.append(Memory.claimed)
      }
      items.returnAll(to: zone)
      try zone.destroy()
      // A slab of such items has 64 KiB.
      let expected = [limit - limit / 32 - limit / 128, limit - limit / 128, limit]
      for (got, wanted) in zip(reached, expected) { #expect(got <= wanted && got > wanted - 128 << 10) }
    }
  }
}

/// The colors of pages that an object took on another thread, held until all are there.
final class Colors: @unchecked Sendable {
  var colors: [Int] = []

  func take(_ object: PageObject, _ indices: Range<Int>) {
    var pages = Shelf<PageRun>(capacity: indices.count)
    for index in indices {
      guard let page = try? object.page(at: index) else { return }
      colors.append(page.color)
      pages.append(page)
    }
  }
}
