// SPDX-License-Identifier: Apache-2.0
// The word that describes a run of pages in use, at its first page in the `runs` table. Changed by CAS, but for single
// bits that nobody else changes meanwhile. Model: Tests/ModelTests/RunModelTests.
//
// | bits | mean |
// |---|---|
// | 0...30 | pages |
// | 31 | colored: the page was asked for as an object's |
// | 32...37 | 64-byte lines by which the block starts late in its first page |
// | 38 | live: the block is the user's |
// | 39 | freed while held: the last unhold releases the pages; of a live run: its contents are being discarded, or its pages unlocked |
// | 40...45 | wirings: while there is one, the contents are not given up (see PageRequest.discard) |
// | 46 | locked in memory (mlock), until the last unwire |
// | 47 | own mapping: the kernel moved its pages here, or prefers a node for them; until they are released, when they are mapped anew |
// | 48...63 | holds |
//
// Bit 39 alone: a page that lies ready on a CPU and is free (PageCache, ColorCache), or the first one of such a run
// (RunCache).
//
// | transition | by | order |
// |---|---|---|
// | 0 ↔ ready | who has the page in hand | relaxed; every change of it is refused |
// | 0, ready → live | who claimed the pages | release |
// | live, no holds → 0 | free; then the pages are released | CAS, acquire and release |
// | live, holds → freed | free | the same |
// | holds ± 1; freed and the last → 0 | hold, unhold | the same |
// | wirings ± 1 | wire, which a discard or an unlocking on its way refuses, and unwire | the same |
// | the last wiring of a locked, live run → discarding, not locked | unwire, before the kernel is asked to unlock | the same |
// | locked 0 → 1 | wire, under its wiring | or, acquire |
// | live, no wirings → discarding | discard, before the kernel is asked; a second one is refused | CAS, acquire and release |
// | discarding → live | the same, when the kernel has done it | and, release |
// A thread that is stopped in a discard, or in the last unwire of a locked run, keeps the run from being wired and
// discarded, and from being freed by another.

import CAnax
import LockFree

@usableFromInline
package struct Run {
  @usableFromInline package let word: UInt64

  @inlinable @_noLocks @_noAllocation
  package init(word: UInt64) { self.word = word }

  @_noLocks @_noAllocation
  package init(pages: UInt64, lines: UInt64) { word = pages | lines &<< 32 | Run.live }

  package static var live: UInt64 { @_noLocks @_noAllocation get { 1 &<< 38 } }
  package static var freed: UInt64 { @_noLocks @_noAllocation get { 1 &<< 39 } }
  /// The word of a page that lies ready on a CPU.
  package static var ready: UInt64 { @_noLocks @_noAllocation get { freed } }
  /// With `live`: the mark of a discard, and of the last unlocking.
  package static var discarding: UInt64 { @_noLocks @_noAllocation get { freed } }
  package static var oneWiring: UInt64 { @_noLocks @_noAllocation get { 1 &<< 40 } }
  package static var locked: UInt64 { @_noLocks @_noAllocation get { 1 &<< 46 } }
  package static var ownMapping: UInt64 { @_noLocks @_noAllocation get { 1 &<< 47 } }
  package static var oneHold: UInt64 { @_noLocks @_noAllocation get { 1 &<< 48 } }
  package static var mostWirings: UInt64 { @_noLocks @_noAllocation get { 63 } }
  package static var mostHolds: UInt64 { @_noLocks @_noAllocation get { 65535 } }
  package static var colored: UInt64 { @_noLocks @_noAllocation get { 1 &<< 31 } }
  package static var mostPages: UInt64 { @_noLocks @_noAllocation get { 1 &<< 31 &- 1 } }
  package var pages: UInt64 { @_noLocks @_noAllocation get { word & Run.mostPages } }
  package var isColored: Bool { @_noLocks @_noAllocation get { word & Run.colored != 0 } }
  package var skew: UInt64 { @_noLocks @_noAllocation get { (word &>> 32 & 63) &* 64 } }
  package var isLive: Bool { @_noLocks @_noAllocation get { word & Run.live != 0 } }
  package var isDiscarded: Bool { @_noLocks @_noAllocation get { isLive && word & Run.discarding != 0 } }
  package var wirings: UInt64 { @_noLocks @_noAllocation get { word &>> 40 & 63 } }
  package var isLocked: Bool { @_noLocks @_noAllocation get { word & Run.locked != 0 } }
  package var hasOwnMapping: Bool { @_noLocks @_noAllocation get { word & Run.ownMapping != 0 } }
  package var holds: UInt64 { @_noLocks @_noAllocation get { word &>> 48 } }

  package enum Change { case release, hold, unhold, wire, unwire, discard }

  /// The word after a change; 0: the pages are nobody's any more.
  @_noLocks @_noAllocation
  package func after(_ change: Change) throws(PageFailure) -> UInt64 {
    switch change {
    case .release:
      if !isLive { throw .notARun }
      if isDiscarded { throw .discarding }
      return holds > 0 ? (word & ~Run.live) | Run.freed : 0
    case .hold:
      if !isLive, holds == 0 { throw .notARun }
      if holds == Run.mostHolds { throw .tooMany }
      return word &+ Run.oneHold
    case .unhold:
      if holds == 0 { throw .notARun }
      return holds == 1 && !isLive ? 0 : word &- Run.oneHold
    case .wire:
      if !isLive { throw .notARun }
      if isDiscarded { throw .discarding }
      if wirings == Run.mostWirings { throw .tooMany }
      return word &+ Run.oneWiring
    case .unwire:
      if wirings == 0 { throw .notARun }
      if wirings > 1 { return word &- Run.oneWiring }
      // Nobody may lock it anew before the kernel has unlocked it.
      let unlocking = isLocked && isLive ? Run.discarding : 0
      return (word &- Run.oneWiring) & ~Run.locked | unlocking
    case .discard:
      if !isLive { throw .notARun }
      if isDiscarded { throw .discarding }
      if wirings > 0 { throw .wired }
      return word | Run.discarding
    }
  }

  @_noLocks @_noAllocation
  package static func at(page: UInt64) -> AtomicWord { AtomicWord(anax_state().pointee.runs! + Int(page)) }
}
