// SPDX-License-Identifier: Apache-2.0
// Pages as a request gets them: a value, whose pages are the requester's until it releases them. What describes a run
// in use is the word in the `runs` table (Run).

import CAnax

/// What a request for pages returned.
@usableFromInline
package struct PageRun {
  /// Index of the first page.
  @usableFromInline package let page: UInt64
  /// True when every byte is known to be zero.
  @usableFromInline package let zero: Bool

  @inlinable @_noLocks @_noAllocation
  package init(page: UInt64, zero: Bool) {
    self.page = page
    self.zero = zero
  }

  @inlinable package var address: UInt64 { @_noLocks @_noAllocation get { Region.address(ofPage: page) } }
}
