// SPDX-License-Identifier: Apache-2.0
// Double frees that are seen late, when the item reaches its slab: the process stops. Each case is a process of its
// own.

import CAnax
import Foundation
import Heap
import LockFree
import Pages
import Testing

@testable import Zones

@Suite struct LateDoubleFreeTests {
  /// A list of one item of the slab.
  private static func claimOne(_ slab: Slab, _ home: Home) -> UInt64 {
    var free: UInt64 = 0
    var claimed: UInt64 = 0
    let list = slab.claim(1, home.zone, onto: UInt64(home.zone.pointee.list_limit), free: &free, claimed: &claimed)
    guard claimed == 1 else { exit(4) }
    return list
  }

  /// A slab that has ended, and the list of an item of it that was out and is freed.
  private static func retired(_ home: Home) -> (slab: Slab, list: UInt64) {
    let slab = home.makeSlab(cpu: 0)!
    let list = claimOne(slab, home)
    home.releaseToSlabs(list: list)
    #expect(home.retire(slab))
    return (slab, list)
  }

  /// Between the two frees the slab was retired, and its pages cut anew for another zone, which has an item there.
  @Test func itStopsTheProcessInsteadOfFreeingTheOtherZonesItem() async {
    let result = await #expect(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let home = Lists.home()
      let (slab, list) = Self.retired(home)
      let other = Lists.zone(101, size: 512, limit: 0)
      let next = other.makeSlab(cpu: 0)!
      guard next.index == slab.index, Self.claimOne(next, other) >> 16 == list >> 16 else { exit(3) }
      UnsafeMutablePointer<UInt64>(bitPattern: UInt(list >> 16))!.pointee = 0
      home.releaseToSlabs(list: list)
    }
    let said = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(said.contains("anax: double free of 0x") && said.contains(", zone test-100"), "\(said)")
  }

  /// The slab is retired, and nobody has its pages.
  @Test func itStopsTheProcessWhereTheSlabSleeps() async {
    await #expect(processExitsWith: .signal(SIGABRT)) {
      let home = Lists.home()
      let (slab, list) = Self.retired(home)
      // As a bit that was left claimed would let it through.
      slab.bits(0).claim(bits: 1)
      home.releaseToSlabs(list: list)
    }
  }
}
