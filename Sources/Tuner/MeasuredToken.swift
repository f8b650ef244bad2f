// SPDX-License-Identifier: Apache-2.0
import CAnax
import Machine

final class MeasuredToken: ContendedToken, @unchecked Sendable {
  static let policies = ["exponential2018"]
  private let word = SharedWord()
  private let policy: String?
  init(policy: String? = nil) { self.policy = policy }
  func acquireShared() { acquire() }
  func acquire() {
    var e: UInt64 = 0
    if anax_compare_exchange(word.pointer, &e, 1) { return }
    let tries = policy == nil ? Tunable.tokenSpin.value : 19
    let delay = Tunable.tokenDelay.value
    for i in 0..<tries {
      if delay == 0 || policy != nil { for _ in 0..<(policy == nil ? 1 : 1 << min(i, 10)) { anax_pause() } }
      else { let t = Clock.nanoseconds; while Clock.nanoseconds - t < delay { anax_pause() } }
      e = 0
      if anax_load_relaxed(word.pointer) == 0, anax_compare_exchange(word.pointer, &e, 1) { return }
    }
    while anax_exchange(word.pointer, 2) != 0 { _ = Kernel.call(anax_sys_futex, Int(bitPattern: word.pointer), 128, 2, 0) }
  }
  func release() {
    if anax_exchange(word.pointer, 0) == 2 { _ = Kernel.call(anax_sys_futex, Int(bitPattern: word.pointer), 129, 1) }
  }
}
