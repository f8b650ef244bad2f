// SPDX-License-Identifier: Apache-2.0
// The engine's beginning: once a process, inside its first allocation, normally before main and on one thread. A second
// thread that comes meanwhile pauses until it is done; that is the only wait in the engine.
//
// | started | means |
// |---|---|
// | 0 | not yet: every fast path fails over to a slow path, which comes here |
// | 1 | some thread is at it |
// | 2 | live |
// | 3 | the kernel gave no address space: every request is refused |
//
// | transition | by | order |
// |---|---|---|
// | 0 → 1 | the first that comes | CAS, acquire and release |
// | 1 → 2, 1 → 3 | the same, when everything is set up, or cannot be | release; who uses it has read it by acquire |

import CAnax
import LockFree
import Machine
import Pages
import PerCPU
import Zones

@usableFromInline
package enum Engine {
  /// True when the heap can be used.
  @inlinable @_noLocks @_noAllocation
  package static func ensureStarted() -> Bool {
    AtomicWord(anax_state_started(anax_state())).loadAcquire() == 2 || start()
  }

  @usableFromInline @inline(never) @_noLocks @_noAllocation
  package static func start() -> Bool {
    let started = AtomicWord(anax_state_started(anax_state()))
    var none: UInt64 = 0
    if !started.compareExchange(&none, 1) {
      while started.loadAcquire() == 1 { anax_pause() }
      return started.loadAcquire() == 2
    }
    Tunable.start()
    respectContainer()
    let state = anax_state()
    state.pointee.page_shift = UInt64(anax_page_bytes().trailingZeroBitCount)
    Processors.read()
    if !reserve() {
      started.storeRelease(3)
      return false
    }
    SizeClasses.fillTable()
    SizeClasses.makeZones()
    Ticks.start()
    Ladder.climb()
    if state.pointee.rung == UInt64(ANAX_RUNG_B) {
      state.pointee.fast_pages = state.pointee.heap_pages
      state.pointee.fast_size = 1025
    }
    started.storeRelease(2)
    return true
  }

  /// In a container of little memory, less is kept: a sixteenth of its limit, unless the user set another amount.
  @_noLocks @_noAllocation
  static func respectContainer() {
    let floor = Tunable.pageKeepFloor
    if floor.value != floor.row.initial { return }
    let share = MemoryLimit.bytes() / 16
    if share < UInt64(floor.value) { anax_tunable_store(floor.index, Int64(share)) }
  }

  /// Address space: what vm.heap.reserve says, else a power of two of several times the memory; less under RLIMIT_AS or
  /// strict overcommit.
  @_noLocks @_noAllocation
  static func reserve() -> Bool {
    let state = anax_state()
    let nodes = state.pointee.node_count
    let memory = Kernel.memoryBytes()
    let asked = UInt64(Tunable.heapReserve.value)
    let most = asked == 0 ? UInt64.max : asked
    var wanted: UInt64 = 16 << 30
    if asked == 0 {
      while wanted < memory &* 4, wanted < 16 << 40 { wanted &<<= 1 }
    } else {
      wanted = 4 << 20
      while wanted &* 2 <= asked / nodes { wanted &<<= 1 }
    }
    let limit = Kernel.addressSpaceLimit()
    let strict = overcommitIsStrict()
    if limit < 64 << 40 {
      var least: UInt64 = 4 << 20
      while least &* 8 <= limit / nodes { least &<<= 1 }
      wanted = min(wanted, least)
    }
    if min(limit, most) < 64 << 30 { state.pointee.cpu_count = min(state.pointee.cpu_count, 64) }
    if strict { wanted = min(wanted, 16 << 30) }
    // A slab's index, one for 16 KiB, has 32 bits; half of a 47-bit address space stays the program's.
    while wanted &* nodes > 1 << 45 { wanted &>>= 1 }
    return Region.make(nodeBytes: wanted, nodes: nodes, most: most, opening: strict ? .chunkByChunk : .inSteps)
      || Region.make(nodeBytes: min(wanted, 4 << 30), nodes: nodes, most: most, opening: .atOnce)
  }

  @_noLocks @_noAllocation
  static func overcommitIsStrict() -> Bool {
    var byte: UInt8 = 0
    let count = withUnsafeMutablePointer(to: &byte) {
      Kernel.readFile("/proc/sys/vm/overcommit_memory", into: $0, count: 1)
    }
    return count == 1 && byte == 50
  }
}
