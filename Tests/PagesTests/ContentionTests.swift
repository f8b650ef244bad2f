// SPDX-License-Identifier: Apache-2.0
// A search that loses every race for a while: between its look at the bitmap and its claim another takes pages there,
// and gives them back when the search has given up on them. Played by the page faults of two tables, of which always
// one cannot be written.

import CAnax
import Foundation
import Heap
import LockFree
import Testing

@testable import Pages

/// The other, at work in the handler of the faults.
private enum Rival {
  nonisolated(unsafe) static var word = UnsafeMutablePointer<UInt64>(bitPattern: 8)!
  nonisolated(unsafe) static var taken: UInt64 = 0
  nonisolated(unsafe) static var turns = 0
  nonisolated(unsafe) static var places: Set<UInt> = []

  static var claimed: UnsafeMutableRawPointer { UnsafeMutableRawPointer(anax_state().pointee.claimed!) }
  static var bounds: UnsafeMutableRawPointer { UnsafeMutableRawPointer(anax_state().pointee.longest!) }

  static func protect(_ table: UnsafeMutableRawPointer, writable: Bool) {
    mprotect(table, Int(getpagesize()), writable ? PROT_READ | PROT_WRITE : PROT_READ)
  }

  /// Loses `turns` races from now on.
  static func start(_ turns: Int) {
    Rival.turns = turns
    places.reserveCapacity(256)
    var action = sigaction()
    action.sa_flags = Int32(SA_SIGINFO)
    action.__sigaction_handler.sa_sigaction = { _, info, _ in
      let address = UInt(bitPattern: info!.pointee._sifields._sigfault.si_addr)
      let first = UInt(bitPattern: Rival.claimed)
      if address >= first, address < first + UInt(getpagesize()) {
        // The search claims. It comes too late.
        Rival.protect(Rival.claimed, writable: true)
        if Rival.turns == 0 { return }
        Rival.turns -= 1
        Rival.word = UnsafeMutablePointer(bitPattern: address & ~7)!
        Rival.places.insert(address)
        Rival.taken = ~Rival.word.pointee
        Rival.word.pointee = ~0
        Rival.protect(Rival.bounds, writable: false)
      } else {
        // It tells what it gave back, and so is done with the bitmap.
        Rival.protect(Rival.bounds, writable: true)
        Rival.word.pointee &= ~Rival.taken
        Rival.protect(Rival.claimed, writable: false)
      }
    }
    sigaction(SIGSEGV, &action, nil)
    protect(claimed, writable: false)
  }
}

@Suite struct ContentionTests {
  @Test(arguments: [39, 40, 600])
  func lostRacesAreNoLackOfMemory(_ count: Int) async {
    await #expect(processExitsWith: .success) { [count = count as Int] in
      Live.start()
      let count = UInt64(count)
      // Some chunks, all free.
      let room = Live.allocate(4000)
      Pages.release(page: room.page, count: 4000)
      let top = AtomicWord(anax_node_top(Live.node)).loadAcquire()
      Rival.start(200)
      let run = Pages.allocate(node: 0, cpu: 1, count: count)
      #expect(run != nil)
      #expect(Rival.places.count > 1, "who loses looks elsewhere")
      Rival.protect(Rival.claimed, writable: true)
      Rival.protect(Rival.bounds, writable: true)
      #expect(AtomicWord(anax_node_top(Live.node)).loadAcquire() <= top + 2, "the heap grew for lost races")
    }
  }
}
