// SPDX-License-Identifier: Apache-2.0
// How deep a request may dip into what a limit holds back, as the original's VM_ALLOC_NORMAL, SYSTEM and INTERRUPT. How
// much that is, the limits say: PageLimit, and for zones ZoneLimit. A value.

@usableFromInline
package enum RequestClass {
  case normal
  case system
  case interrupt

  /// 0, 1, 2.
  @_noLocks @_noAllocation
  package init(code: UInt8) { self = code == 0 ? .normal : code == 1 ? .system : .interrupt }
}
