// SPDX-License-Identifier: Apache-2.0
//
// The one table of tunables: what can be set, in which unit and range, what it does, and whether it may change while
// the process runs. The environment, the C face, the command and the documentation all read this table and no other.
// It is read inside a process's first malloc: nothing here allocates, locks or initialises lazily, so the rows come out
// of a switch. To add one: a case, its row, and `count`.
import CAnax

// Without @usableFromInline on a `package` type, @inlinable members of it are calls in other modules.
@usableFromInline
package enum Tunable: Sendable {
  case pageDecay
  case pageKeep
  case pageKeepFloor
  case pageHuge
  case pageColor
  case pageCache
  case zoneCacheBytes
  case zoneCacheItems
  case heapLimit
  case heapReserve
  case heapForeign
  case helper
  case tokenSpin
  case tokenDelay
  case tokenDelayMax
  case tokenBackoff
  case tokenFair
  case tokenPasses
  case rung
  case stats

  @inlinable
  package static var count: Int { @_noLocks @_noAllocation get { 20 } }

  // An enumeration without payloads is one byte that counts its cases. `rawValue` would be the same number, but a debug
  // build calls it as a function that the compiler cannot see through from another module.
  @inlinable
  package var index: UInt32 { @_noLocks @_noAllocation get { UInt32(unsafeBitCast(self, to: UInt8.self)) } }

  /// nil from `count` up.
  @_noLocks @_noAllocation
  package init?(index: UInt32) {
    guard index < UInt32(Self.count) else { return nil }
    self = unsafeBitCast(UInt8(truncatingIfNeeded: index), to: Tunable.self)
  }
}

package struct TunableRow {
  package enum Unit {
    case bytes, items, milliseconds, nanoseconds, percent, tries, choice, letter
  }

  package enum Change {
    /// Every later use sees a new value.
    case live
    /// Read once when the process starts; setting it later is refused.
    case atStart
  }

  /// Dotted, as `sysctl` would name it. The environment variable is `ANAX_` and the name in capitals with `_` for `.`.
  package let name: StaticString
  /// A second environment variable with the same meaning, or empty.
  package let alias: StaticString
  package let unit: Unit
  package let initial: Int64
  package let low: Int64
  package let high: Int64
  package let change: Change
  /// One sentence.
  package let effect: StaticString

  @_noLocks @_noAllocation
  init(
    _ name: StaticString, alias: StaticString = "", _ unit: Unit, _ initial: Int64, _ low: Int64, _ high: Int64,
    _ change: Change, _ effect: StaticString
  ) {
    self.name = name
    self.alias = alias
    self.unit = unit
    self.initial = initial
    self.low = low
    self.high = high
    self.change = change
    self.effect = effect
  }
}

extension Tunable {
  package var row: TunableRow {
    @_noLocks @_noAllocation get {
      switch self {
      case .pageDecay:
        TunableRow(
          "vm.page.decay", .milliseconds, 1000, 0, 3_600_000, .live,
          "How long a freed page is kept before it goes back to the kernel; 0 returns it at once.")
      case .pageKeep:
        TunableRow(
          "vm.page.keep", .percent, 50, 0, 1000, .live,
          "How far freed pages may grow, relative to the live bytes, before they are returned ahead of their time.")
      case .pageKeepFloor:
        TunableRow(
          "vm.page.keep_floor", .bytes, 64 << 20, 0, 1 << 46, .live,
          "Freed bytes that vm.page.keep never counts.")
      case .pageHuge:
        TunableRow(
          "vm.page.huge", .choice, 1, 0, 2, .live,
          "For which large blocks huge pages are asked: 0 none, 1 from 4 MiB, 2 from 2 MiB.")
      case .pageColor:
        TunableRow(
          "vm.page.color", .choice, 1, 0, 1, .atStart,
          "Whether blocks start at skewed lines and pages, so that they spread over cache and TLB sets: 0 no, 1 yes.")
      case .pageCache:
        TunableRow(
          "vm.page.cache", .items, 16, 0, 64, .live,
          "Free pages that a CPU may hold ready, 12 times as many in runs and by color; 5/16 of vm.page.keep_floor.")
      case .zoneCacheBytes:
        TunableRow(
          "vm.zone.cache_bytes", .bytes, 16384, 0, 1 << 24, .atStart,
          "How many bytes of one zone a CPU may hold ready.")
      case .zoneCacheItems:
        TunableRow(
          "vm.zone.cache_items", .items, 128, 1, 128, .atStart,
          "How many items of one zone a CPU may hold ready, whatever their size.")
      case .heapLimit:
        TunableRow(
          "vm.heap.limit", .bytes, 0, 0, 1 << 47, .live,
          "How many bytes the heap may hold before it answers ENOMEM; 0 sets no limit.")
      case .heapReserve:
        TunableRow(
          "vm.heap.reserve", .bytes, 0, 0, 1 << 45, .atStart,
          "How much address space the heap reserves at most; 0 takes four times the machine's memory, at least 16 GiB.")
      case .heapForeign:
        TunableRow(
          "vm.heap.foreign", .choice, 0, 0, 1, .live,
          "What free does with another allocator's pointer: 0 stops the process, 1 hands it to the next allocator.")
      case .helper:
        TunableRow(
          "vm.helper", alias: "ANAX_HELPER", .choice, 2, 0, 2, .atStart,
          "A thread that returns pages of a silent process: 0 never, 1 always, 2 only where AnaxMalloc is linked in.")
      case .tokenSpin:
        TunableRow(
          "lwkt.token_spin", .tries, 20, 0, 1_000_000, .live,
          "How often a contended token is tried before the thread blocks.")
      case .tokenDelay:
        TunableRow(
          "lwkt.token_delay", .nanoseconds, 200, 0, 1_000_000, .live,
          "The wait between two tries of a contended token; 0 is one pause instruction.")
      case .tokenDelayMax:
        TunableRow(
          "lwkt.token_delay_max", .nanoseconds, 1000, 0, 1_000_000, .live,
          "What lwkt.token_delay may grow to from try to try.")
      case .tokenBackoff:
        TunableRow(
          "lwkt.token_backoff", .choice, 0, 0, 2, .live,
          "How lwkt.token_delay grows from try to try: 0 not at all, 1 by half, 2 to the double.")
      case .tokenFair:
        TunableRow(
          "lwkt.token_fair", .nanoseconds, 1_000_000, 10_000, 1_000_000_000, .live,
          "How long a waiter sleeps before it may ask to be served next, and how often one token grants that at most.")
      case .tokenPasses:
        TunableRow(
          "lwkt.spin_loops", .tries, 10, 0, 1_000_000, .live,
          "How often several tokens are tried in the order asked for, before they are taken in the order of addresses.")
      case .rung:
        TunableRow(
          "rung", .letter, 0, 1, 4, .atStart,
          "Which per-CPU mechanism is used; unset, the best that the machine has.")
      case .stats:
        TunableRow(
          "stats", .choice, 0, 0, 2, .atStart,
          "Whether a summary is printed when the process ends: 0 no, 1 as text, 2 as a line of JSON for each part.")
      }
    }
  }

  /// The value in force, in the row's unit; a letter counts from 1 (A), 0 is unset. One load.
  @inlinable
  package var value: Int64 {
    @_noLocks @_noAllocation get { anax_tunable_load(index) }
  }

  /// Sets the value for the rest of the process. Safe in threads and signal handlers; nothing changes when it throws.
  @_noLocks @_noAllocation
  package func set(_ value: Int64) throws(TunableError) {
    let row = self.row
    if case .atStart = row.change { throw .onlyAtStart }
    if value < row.low || value > row.high { throw .outOfRange }
    anax_tunable_store(index, value)
  }

  /// As `set`, for the program itself: what it has set is not overridden by a profile that is read later.
  @_noLocks @_noAllocation
  package func choose(_ value: Int64) throws(TunableError) {
    try set(value)
    anax_tunable_choose(index)
  }

  /// Whether the program has set it.
  package var isChosen: Bool { @_noLocks @_noAllocation get { anax_tunable_is_chosen(index) } }

  /// The tunable of this dotted name, which ends with a zero byte.
  @_noLocks @_noAllocation
  package init?(name: UnsafePointer<CChar>) {
    var index: UInt32 = 0
    while let tunable = Tunable(index: index) {
      if tunable.row.name.equals(name) {
        self = tunable
        return
      }
      index += 1
    }
    return nil
  }
}

package enum TunableError: Error {
  case unknownName
  case notAValue
  case outOfRange
  case onlyAtStart
}

extension StaticString {
  /// Whether this is the whole C string at `other`.
  @_noLocks @_noAllocation
  func equals(_ other: UnsafePointer<CChar>) -> Bool {
    let bytes = utf8Start
    let count = utf8CodeUnitCount
    var i = 0
    while i < count {
      if UInt8(bitPattern: other[i]) != bytes[i] { return false }
      i += 1
    }
    return other[count] == 0
  }
}
