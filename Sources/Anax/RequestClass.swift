// SPDX-License-Identifier: Apache-2.0
// How urgent a request is: the same three classes for zones and for pages.

/// How deep a request may dip into what a limit holds back.
///
/// Without a limit all classes are equal. A zone's limit of *L* items with reserves *S* (system) and *I* (interrupt)
/// admits normal requests up to *L - S - I*, system requests up to *L - I* and interrupt requests up to *L* items in
/// use. Of the tunable `vm.heap.limit`, *L* bytes, they may use *L - L/32 - L/128*, *L - L/128* and *L*, for pages and
/// for the slabs of zones:
/// of a slab that a request took from its reserve all items are anybody's.
public enum RequestClass: Sendable, Hashable, CaseIterable {
  /// What can be refused: nearly everything, malloc included.
  case normal
  /// What must go on so that memory is freed, or so that trouble is reported.
  case system
  /// What cannot wait and has nobody to tell that it failed, as a signal handler.
  case interrupt

  /// As the engine numbers them.
  var code: UInt8 {
    @_noLocks @_noAllocation get {
      switch self {
      case .normal: 0
      case .system: 1
      case .interrupt: 2
      }
    }
  }
}
