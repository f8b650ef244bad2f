// SPDX-License-Identifier: Apache-2.0
// Something done in the middle of a drain, at a known place, in a process of a test's own: before its first write to
// some memory after its sections have been stopped. The memory is read-only then, and what is done is done in the
// handler of the fault; the write follows.

import CAnax
import Foundation

enum FirstWrite {
  nonisolated(unsafe) private static var address: UInt = 0
  nonisolated(unsafe) private static var isArmed = false
  nonisolated(unsafe) private static var body: () -> Void = {}

  /// Once: with the next drain, or reclaim, that writes to the page of memory at the address.
  static func watch(_ memory: UnsafeMutablePointer<UInt64>, _ body: @escaping () -> Void) {
    address = UInt(bitPattern: memory) & ~UInt(Live.pageBytes - 1)
    self.body = body
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in
      // A second fault is a real one.
      if !FirstWrite.isArmed { signal(SIGSEGV, SIG_DFL) }
      FirstWrite.isArmed = false
      FirstWrite.protect(PROT_READ | PROT_WRITE)
      FirstWrite.body()
    }
    sigaction(SIGSEGV, &action, nil)
    isArmed = true
    anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
      let result = anax_system_call(number, a, b, c, d, e, f)
      if number == anax_sys_membarrier, FirstWrite.isArmed { FirstWrite.protect(PROT_READ) }
      return result
    }
  }

  private static func protect(_ access: Int32) {
    _ = anax_system_call(anax_sys_mprotect, Int(bitPattern: address), Int(Live.pageBytes), Int(access), 0, 0, 0)
  }
}
