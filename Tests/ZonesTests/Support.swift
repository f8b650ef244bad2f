// SPDX-License-Identifier: Apache-2.0
// What the tests of zones share: homes nobody else uses, the items of a list, a thread that stops in the kernel.

import CAnax
import Foundation
import Heap
import LockFree
import Pages
import Testing

@testable import Zones

enum Lists {
  static func items(_ list: UInt64) -> [UInt64] {
    var items: [UInt64] = []
    var word = list
    while word >> 16 != 0 {
      items.append(word >> 16)
      word = UnsafePointer<UInt64>(bitPattern: UInt(word >> 16))!.pointee
    }
    return items
  }

  /// A home nobody else uses, on a zone of 512-byte items.
  static func home() -> Home {
    setenv("ANAX_VM_PAGE_DECAY", "3600000", 1)
    #expect(Engine.ensureStarted())
    return zone(100, size: 512, limit: 0)
  }

  static func zone(_ id: Int, size: UInt64, limit: UInt64) -> Home {
    let zone = anax_state().pointee.zones! + id
    ZoneMake.setName(zone, "test-", UInt64(id))
    ZoneMake.fill(zone, size: size, alignment: 16, limit: limit)
    anax_state().pointee.zone_top = max(anax_state().pointee.zone_top, UInt64(id) + 1)
    return Home(zone: id, node: 0)
  }
}

/// A thread that stays in the kernel at its first system call of a number.
enum Stopped {
  nonisolated(unsafe) static var call = 0
  nonisolated(unsafe) static var thread = pthread_t()
  static let reached = DispatchSemaphore(value: 0)

  static func start(at call: Int, _ body: @escaping @Sendable () -> Void) {
    Stopped.call = call
    anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
      if number == Stopped.call, pthread_equal(pthread_self(), Stopped.thread) != 0 {
        Stopped.reached.signal()
        while true { pause() }
      }
      return anax_system_call(number, a, b, c, d, e, f)
    }
    Thread {
      thread = pthread_self()
      body()
    }.start()
    reached.wait()
  }
}

extension Slab {
  func isClaimed(_ slot: UInt64) -> Bool { bits(Int(slot / 64)).loadRelaxed() >> (slot & 63) & 1 == 1 }
}
