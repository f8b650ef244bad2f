// SPDX-License-Identifier: Apache-2.0
// Zones with a limit, through the engine's own face. Each case is a process of its own.

import CAnax
import Foundation
import Heap
import LockFree
import Pages
import Testing

@testable import Zones

@Suite struct ZoneLimitTests {
  @Test(arguments: [1, 16, 100])
  func neverMoreThanTheLimitAndNothingStranded(_ limit: Int) async {
    await #expect(processExitsWith: .success) { [limit = limit as Int] in
      _ = Lists.home()
      let home = Lists.zone(101, size: 200, limit: UInt64(limit))
      for _ in 0..<5 {
        var items: Set<UInt64> = []
        while true {
          let item = try? ZoneRequest.allocate(101, generation: 0, .normal, counted: true)
          guard let item else { break }
          items.insert(UInt64(UInt(bitPattern: item)))
          if items.count > limit { break }
        }
        #expect(items.count == limit, "all that the limit allows, and no more")
        #expect(AtomicWord(anax_zone_claimed(home.zone)).loadRelaxed() == UInt64(limit))
        for item in items { Heap.free(UnsafeMutableRawPointer(bitPattern: UInt(item))) }
      }
      #expect(AtomicWord(anax_zone_failures(home.zone)).loadRelaxed() == 5)
      _ = Ticks.purge()
      #expect(AtomicWord(anax_zone_claimed(home.zone)).loadRelaxed() == 0)
    }
  }
}
