// SPDX-License-Identifier: Apache-2.0
// CPU blocks: each CPU's list words, [node][zone]. Two blocks a CPU: the one in use, and a replacement for the reclaimer.
// The words are changed only by that CPU's restartable sections, or by who swapped the block out and stopped the sections.
//
// | word of a CPU in the tables | means |
// |---|---|
// | the empty block | every section gives up, the caller goes to the depot and the slabs |
// | address | the CPU's block: `allocate` the part of the CPU's own node, `release` its start |
// The two words may be seen from different blocks while a reclaimer swaps them: each list is whole by itself.
//
// | transition | by | order |
// |---|---|---|
// | empty → block | the first slow path on that CPU | CAS; the block is zero |
// | block → replacement | the reclaimer, which holds the CPU's reclaim lock word (never waited for) | release, then membarrier |

import CAnax
import LockFree
import Machine

@usableFromInline
package enum CPUBlocks {
  /// The CPU this thread is on by its area, or nil: no area, or no CPU cache on this rung.
  @inlinable @_noLocks @_noAllocation
  package static func current() -> Int? {
    let cpu = anax_rseq_cpu()
    return UInt64(cpu) < anax_state().pointee.cpu_limit ? Int(cpu) : nil
  }

  /// As `current`, else by asking the kernel: for colour and home, not for exclusion.
  @inlinable @_noLocks @_noAllocation
  package static func anyCPU() -> Int {
    if let cpu = current() { return cpu }
    let cpu = Kernel.currentCPU()
    return cpu < ANAX_CPUS_MAX ? cpu : 0
  }

  @inlinable @_noLocks @_noAllocation
  package static func node(ofCPU cpu: Int) -> Int {
    anax_state().pointee.node_count == 1 ? 0 : Int(anax_cpu_node_table()[cpu])
  }

  @_noLocks @_noAllocation
  static func block(_ cpu: Int, _ which: UInt64) -> UInt64 {
    anax_state().pointee.blocks_base &+ (UInt64(cpu) &* 2 &+ which) &* anax_state().pointee.block_bytes
  }

  @inlinable
  package static var empty: UInt64 { @_noLocks @_noAllocation get { UInt64(UInt(bitPattern: anax_empty())) } }

  /// Points every possible CPU at the empty block. Once, at start.
  @_noLocks @_noAllocation
  package static func start() {
    var cpu = 0
    while cpu < Int(anax_state().pointee.cpu_count) {
      anax_allocate_table()[cpu] = empty
      anax_release_table()[cpu] = empty
      cpu += 1
    }
  }

  /// Gives this CPU its block where it has none.
  @_noLocks @_noAllocation
  package static func open(_ cpu: Int) {
    let allocate = AtomicWord(anax_allocate_table() + cpu)
    if allocate.loadRelaxed() != empty { return }
    var release = empty
    if AtomicWord(anax_release_table() + cpu).compareExchange(&release, block(cpu, 0)) { release = block(cpu, 0) }
    // Also where whoever opened it was stopped between the two words. Never a plain store: a reclaimer may have swapped the
    // block meanwhile, and sections must not be led back into the one that it drains.
    var none = empty
    _ = allocate.compareExchange(&none, ownPart(cpu, release))
  }

  @_noLocks @_noAllocation
  static func setAllocate(_ cpu: Int, _ release: UInt64) {
    AtomicWord(anax_allocate_table() + cpu).storeRelease(ownPart(cpu, release))
  }

  /// The CPU's own node's part of the block at `release`.
  @_noLocks @_noAllocation
  static func ownPart(_ cpu: Int, _ release: UInt64) -> UInt64 {
    release &+ UInt64(node(ofCPU: cpu)) &* UInt64(ANAX_CPU_BLOCK_BYTES)
  }

  /// Swaps the CPU's block for its replacement and returns the old one, which no section touches any more. nil: the CPU has
  /// no block, somebody else is at it, or sections cannot be stopped here. `finish` must follow, when the old block is zero.
  @_noLocks @_noAllocation
  package static func swap(_ cpu: Int) -> UnsafeMutablePointer<UInt64>? {
    let state = anax_state()
    if state.pointee.membarrier == 0 { return nil }
    let release = AtomicWord(anax_release_table() + cpu)
    if release.loadAcquire() == empty { return nil }
    let lock = AtomicWord(state.pointee.shard_locks! + Int(state.pointee.cpu_count) + cpu)
    var free: UInt64 = 0
    if !lock.compareExchange(&free, 1) { return nil }
    let old = release.loadAcquire()
    let new = block(cpu, old == block(cpu, 0) ? 1 : 0)
    release.storeRelease(new)
    setAllocate(cpu, new)
    if !Ladder.stopSections() {
      state.pointee.membarrier = 0
      release.storeRelease(old)
      setAllocate(cpu, old)
      lock.storeRelease(0)
      return nil
    }
    return UnsafeMutablePointer(bitPattern: UInt(old))
  }

  @_noLocks @_noAllocation
  package static func finish(_ cpu: Int) {
    let state = anax_state()
    AtomicWord(state.pointee.shard_locks! + Int(state.pointee.cpu_count) + cpu).storeRelease(0)
  }
}
