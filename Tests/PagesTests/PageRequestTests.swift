// SPDX-License-Identifier: Apache-2.0
// Runs that were handed out, where two threads meet at an instruction that a fake kernel picks. Each case is a process
// of its own.

import CAnax
import Foundation
import LockFree
import Testing

@testable import Pages

enum Meeting {
  nonisolated(unsafe) static var page: UInt64 = 0
  nonisolated(unsafe) static var wired = false
  nonisolated(unsafe) static var discarded = false
}

@Suite struct PageRequestTests {
  /// Another thread comes between the decision to discard and the kernel's doing it.
  @Test func aRunThatIsBeingDiscardedIsNotWired() async {
    await #expect(processExitsWith: .success) {
      Live.start()
      let run = try PageRequest.allocate(count: 4, alignment: 1, placement: .local, zeroed: false, .normal)
      Live.write(run, 4, 0xaa)
      Meeting.page = run.page
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        if number == anax_sys_madvise, c == Int(MADV_DONTNEED) {
          anax_state().pointee.fake_kernel = nil
          Meeting.wired = (try? PageRequest.wire(page: Meeting.page, lock: false)) != nil
          Meeting.discarded = (try? PageRequest.discard(page: Meeting.page)) != nil
          // The run can be held meanwhile.
          if (try? PageRequest.hold(page: Meeting.page)) == nil { exit(3) }
        }
        return anax_system_call(number, a, b, c, d, e, f)
      }
      try PageRequest.discard(page: run.page)
      #expect(Live.isZero(page: run.page, 4))
      #expect(!Meeting.wired, "what is wired keeps its contents")
      #expect(!Meeting.discarded, "that would go on when this one has ended")
      // It is as it was before.
      let now = Run(word: Run.at(page: run.page).loadAcquire())
      #expect(now.isLive && now.holds == 1 && now.wirings == 0)
      try PageRequest.unhold(page: run.page)
      try PageRequest.wire(page: run.page, lock: false)
      try PageRequest.unwire(page: run.page)
      try PageRequest.discard(page: run.page)
      try PageRequest.release(page: run.page)
      Live.checkCounts()
    }
  }

  /// Another thread locks the run between the last unwire and the kernel's unlocking: its lock would be gone.
  @Test func aRunThatIsBeingUnlockedIsNotWired() async {
    await #expect(processExitsWith: .success) {
      Live.start()
      let run = try PageRequest.allocate(count: 4, alignment: 1, placement: .local, zeroed: false, .normal)
      Meeting.page = run.page
      Meeting.wired = true
      try PageRequest.wire(page: run.page, lock: true)
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        if number == anax_sys_munlock {
          anax_state().pointee.fake_kernel = nil
          Meeting.wired = (try? PageRequest.wire(page: Meeting.page, lock: true)) != nil
        }
        return anax_system_call(number, a, b, c, d, e, f)
      }
      try PageRequest.unwire(page: run.page)
      #expect(!Meeting.wired)
      let now = Run(word: Run.at(page: run.page).loadAcquire())
      #expect(now.isLive && now.wirings == 0 && !now.isLocked && now.holds == 0)
      try PageRequest.wire(page: run.page, lock: true)
      try PageRequest.unwire(page: run.page)
      try PageRequest.release(page: run.page)
      Live.checkCounts()
    }
  }

  /// A lock that fails midway is undone.
  @Test func aLockThatTheKernelRefusesIsUndone() async {
    await #expect(processExitsWith: .success) {
      Live.start()
      let run = try PageRequest.allocate(count: 4, alignment: 1, placement: .local, zeroed: false, .normal)
      let before = Run.at(page: run.page).loadAcquire()
      Meeting.wired = false
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        if number == anax_sys_munlock { Meeting.wired = true }
        return number == anax_sys_mlock ? Int(-ENOMEM) : anax_system_call(number, a, b, c, d, e, f)
      }
      #expect(throws: PageFailure.self) { try PageRequest.wire(page: run.page, lock: true) }
      anax_state().pointee.fake_kernel = nil
      #expect(Meeting.wired, "what was locked of it is unlocked")
      #expect(Run.at(page: run.page).loadAcquire() == before)
      try PageRequest.release(page: run.page)
    }
  }

  @Test func aDiscardThatTheKernelRefusesChangesNothing() async {
    await #expect(processExitsWith: .success) {
      Live.start()
      let run = try PageRequest.allocate(count: 4, alignment: 1, placement: .local, zeroed: false, .normal)
      let before = Run.at(page: run.page).loadAcquire()
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        number == anax_sys_madvise ? Int(-EINVAL) : anax_system_call(number, a, b, c, d, e, f)
      }
      #expect(throws: PageFailure.self) { try PageRequest.discard(page: run.page) }
      #expect(Run.at(page: run.page).loadAcquire() == before)
    }
  }
}
