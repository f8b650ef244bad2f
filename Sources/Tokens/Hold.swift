// SPDX-License-Identifier: Apache-2.0
// A thread's holds: which tokens it has, in the order it asked for them, in its own record. Only the thread itself
// writes them; others read them in the child of a fork (Orphans.swift), so every write is atomic, relaxed. The order is
// the program order in which several tokens are taken again; a release may take any of them out of the middle.
//
// | bits of a hold's state | mean |
// |---|---|
// | 0...31 | depth: requests not yet released |
// | 32 | shared |
// | 33 | pinned: an open access to a serialized value; may not be let go |
// | 34 | taken in a build for the race detector: must be released where that sees it |
// | 35 | shared, and counted on a CPU's line instead of in the word (Readers.swift) |
// | 40...63 | how often it was let go at a blocking point and taken again |
// State 1 is the one that the fast path makes and releases: exclusive, depth 1, never let go.

import CAnax
import CAnaxTokens

@usableFromInline package typealias Thread = UnsafeMutablePointer<anax_token_thread>
@usableFromInline package typealias TokenState = UnsafeMutablePointer<anax_token>

@usableFromInline
package enum Hold {
  @inlinable package static var shared: UInt64 { @_noLocks @_noAllocation get { 1 << 32 } }
  @inlinable package static var pinned: UInt64 { @_noLocks @_noAllocation get { 1 << 33 } }
  @inlinable package static var perCPU: UInt64 { @_noLocks @_noAllocation get { 1 << 35 } }
  @inlinable package static var oneLetting: UInt64 { @_noLocks @_noAllocation get { 1 << 40 } }

  @_noLocks @_noAllocation
  package static func depth(_ state: UInt64) -> UInt64 { state & 0xffff_ffff }
  @_noLocks @_noAllocation
  package static func isShared(_ state: UInt64) -> Bool { state & shared != 0 }
  @_noLocks @_noAllocation
  package static func isPerCPU(_ state: UInt64) -> Bool { state & perCPU != 0 }
  @_noLocks @_noAllocation
  package static func isPinned(_ state: UInt64) -> Bool { state & pinned != 0 }
  @_noLocks @_noAllocation
  package static func lettings(_ state: UInt64) -> UInt64 { state >> 40 }

  /// The state of a first request.
  @_noLocks @_noAllocation
  static func fresh(shared: Bool) -> UInt64 {
    1 | (shared ? Hold.shared : 0) | anax_token_state().pointee.sanitized << 34
  }

  /// The place of a token among the thread's holds, or -1.
  @_noLocks @_noAllocation
  package static func place(_ token: TokenState, in thread: Thread) -> Int {
    let holds = anax_token_holds(thread)
    var place = Int(thread.pointee.count) - 1
    while place >= 0, holds[place].token != token { place -= 1 }
    return place
  }

  /// Appends a hold. The caller has seen that there is room.
  @_noLocks @_noAllocation
  package static func append(_ token: TokenState, _ state: UInt64, to thread: Thread) {
    let count = Int(thread.pointee.count)
    anax_token_hold_set(anax_token_holds(thread) + count, token, state)
    anax_token_thread_set_count(thread, UInt32(count + 1))
  }

  /// Takes the hold at `place` out; those behind it move up, so that the order stays.
  @_noLocks @_noAllocation
  package static func remove(_ place: Int, from thread: Thread) {
    let holds = anax_token_holds(thread)
    let last = Int(thread.pointee.count) - 1
    var at = place
    while at < last {
      anax_token_hold_set(holds + at, holds[at + 1].token, holds[at + 1].state)
      at += 1
    }
    anax_token_thread_set_count(thread, UInt32(last))
  }
}
