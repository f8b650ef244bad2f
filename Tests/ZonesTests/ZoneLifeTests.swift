// SPDX-License-Identifier: Apache-2.0
// The end of a zone, and what stands against it.

import CAnax
import Foundation
import Heap
import LockFree
import Pages
import Testing

@testable import Zones

@Suite struct ZoneLifeTests {
  @Test func aRequestThatTheChildDoesNotHaveKeepsNoZoneAlive() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_PAGE_DECAY", "3600000", 1)
      #expect(Engine.ensureStarted())
      let name: StaticString = "busy"
      let zone = try ZoneRegistry.create(
        name: name.utf8Start, nameCount: 4, size: 64, alignment: 16, limit: 0, systemReserve: 0, interruptReserve: 0)
      // Where the heap would open its first memory.
      Stopped.start(at: anax_sys_mprotect) {
        _ = try? ZoneRequest.allocate(zone.id, generation: zone.generation, .normal, counted: true)
      }
      #expect(throws: ZoneFailure.self, "a request is under way") { try ZoneRegistry.destroy(zone) }
      typealias Fork = @convention(c) () -> Int32
      let child = unsafeBitCast(dlsym(nil, "fork"), to: Fork.self)()
      if child == 0 {
        // Its own requests count.
        let item = try? ZoneRequest.allocate(zone.id, generation: zone.generation, .normal, counted: true)
        guard let item else { _exit(2) }
        _ = ZoneRequest.deallocate(zone.id, generation: zone.generation, UInt64(UInt(bitPattern: item)))
        _exit((try? ZoneRegistry.destroy(zone)) == nil ? 1 : 0)
      }
      var status: Int32 = -1
      #expect(waitpid(child, &status, 0) == child)
      #expect(status == 0, "the child cannot end the zone")
    }
  }
}
