// SPDX-License-Identifier: Apache-2.0
// The end of a zone, and what stands against it.

import CAnax
import Foundation
import Heap
import LockFree
import Pages
import Testing

@testable import Zones

/// A thread that stays in the kernel where the heap would open its first memory.
private enum Stuck {
  nonisolated(unsafe) static var thread = pthread_t()
  static let reached = DispatchSemaphore(value: 0)
}

@Suite struct ZoneLifeTests {
  @Test func aRequestThatTheChildDoesNotHaveKeepsNoZoneAlive() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_VM_PAGE_DECAY", "3600000", 1)
      #expect(Engine.ensureStarted())
      let name: StaticString = "busy"
      let zone = try ZoneRegistry.create(
        name: name.utf8Start, nameCount: 4, size: 64, alignment: 16, limit: 0, systemReserve: 0, interruptReserve: 0)
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        if number == anax_sys_mprotect, pthread_equal(pthread_self(), Stuck.thread) != 0 {
          Stuck.reached.signal()
          while true { pause() }
        }
        return anax_system_call(number, a, b, c, d, e, f)
      }
      Thread {
        Stuck.thread = pthread_self()
        _ = try? ZoneRequest.allocate(zone.id, generation: zone.generation, .normal, counted: true)
      }.start()
      Stuck.reached.wait()
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
