// SPDX-License-Identifier: Apache-2.0
// Sleeping on a 32-bit word and waking who sleeps there. Process-private; sleepers are told apart by what they wait
// for, so that a release wakes those it can serve. The kernel wakes in the order of arrival. Times are of
// CLOCK_MONOTONIC.

import CAnax
import CAnaxTokens
import Glibc
import Machine

package enum Futex {
  package enum Sleepers {
    /// For a token exclusively, or on a condition.
    case exclusive
    case shared
    /// Exclusive ones that are woken before the others.
    case front
    /// The exclusive one that has the turn.
    case turn

    /// One bit each.
    var mask: Int {
      @_noLocks @_noAllocation get {
        switch self {
        case .exclusive: 1
        case .shared: 2
        case .front: 4
        case .turn: 8
        }
      }
    }

    /// What a sleeper of the kind is woken by: who stands in front or has the turn is an exclusive one all the same.
    var masks: Int {
      @_noLocks @_noAllocation get {
        switch self {
        case .exclusive, .shared: mask
        case .front: Sleepers.exclusive.masks | mask
        case .turn: Sleepers.front.masks | mask
        }
      }
    }
  }

  package enum Result { case woken, changed, timedOut }

  /// Sleeps while the word is `expected`, until woken or until `deadline` in nanoseconds (`.max`: none). `woken` may
  /// also come from a wake-up that was meant for something else at this address; a signal counts as a change.
  @_noLocks @_noAllocation
  package static func wait(
    _ word: UnsafeMutablePointer<UInt32>, _ expected: UInt32, _ sleepers: Sleepers, until deadline: UInt64
  ) -> Result {
    var time = timespec(
      tv_sec: Int(truncatingIfNeeded: deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
    let result = withUnsafeMutablePointer(to: &time) {
      Kernel.call(
        anax_sys_futex, Int(bitPattern: word), 9 | 128, Int(expected), deadline == .max ? 0 : Int(bitPattern: $0), 0,
        sleepers.masks)
    }
    return result == 0 ? .woken : result == -Int(ETIMEDOUT) ? .timedOut : .changed
  }

  /// Wakes up to `count` sleepers; how many it woke.
  @_noLocks @_noAllocation @discardableResult
  package static func wake(_ word: UnsafeMutablePointer<UInt32>, _ sleepers: Sleepers, count: Int) -> Int {
    Kernel.call(anax_sys_futex, Int(bitPattern: word), 10 | 128, count, 0, 0, sleepers.mask)
  }

  /// The lower half of a 64-bit word. Linux on x86-64 and aarch64 is little-endian.
  @_noLocks @_noAllocation
  package static func half(of word: UnsafeMutablePointer<UInt64>) -> UnsafeMutablePointer<UInt32> {
    UnsafeMutableRawPointer(word).assumingMemoryBound(to: UInt32.self)
  }
}
