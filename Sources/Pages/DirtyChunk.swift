// SPDX-License-Identifier: Apache-2.0
// Which chunks may have dirty free pages, a byte each: what a sweep looks at. Any thread, any signal handler.
//
// | transition | by | order |
// |---|---|---|
// | any → 1 | who released pages, after their bits; a sweep that left some | exchange, acquire and release |
// | 1 → 0 | a sweep, before it looks at the bits | exchange, acquire and release |
// Both are exchanges, so that neither can overwrite what it has not seen: a release is before the sweep's exchange, and
// then the sweep sees its bits; or after it, and then the mark stays for the next sweep. A sweep's plain store could
// become visible after its look at the bits, and take the mark of a release in between. A sweep stopped midway has
// taken one chunk's mark: until the next release there, at most 512 pages stay resident. Model:
// Tests/ModelTests/DirtyChunkModelTests.

import CAnax

enum DirtyChunk {
  @_noLocks @_noAllocation
  static func mark(_ chunk: UInt64) { _ = anax_exchange8(anax_state().pointee.dirty_chunks! + Int(chunk), 1) }

  /// Whether the chunk was marked; it is not any more.
  @_noLocks @_noAllocation
  static func take(_ chunk: UInt64) -> Bool {
    let mark = anax_state().pointee.dirty_chunks! + Int(chunk)
    return anax_load8_relaxed(mark) != 0 && anax_exchange8(mark, 0) != 0
  }
}
