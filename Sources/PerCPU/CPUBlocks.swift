// SPDX-License-Identifier: Apache-2.0
// CPU blocks: each CPU's list words, [node][zone]. Two blocks a CPU: the one in use, and a replacement for the
// reclaimer.
// The words are changed only by that CPU's restartable sections, or by who swapped the block out and stopped the
// sections; those of its stack of ready pages and of its rows of ready runs also by who has closed them and stopped the
// sections, which needs a lock word of its own (PageStack, RunRow). In the child of a fork from a handler that has
// interrupted such a one, the block may be in use again when the handler returns: what is taken is taken atomically.
//
// A block has an index: on rung B the CPU id; on rung A node id * cpu_limit + concurrency id, which two threads of this
// process never have at the same time, and which is dense where few threads run. Below, a rung A reader may say "(node,
// concurrency id)" for "CPU". Each rung has tables of its own; those of the other hold the empty block.
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
// | block → replacement | the reclaimer, which holds the CPU's reclaim lock word (never waited for) | release, then, for all CPUs that it swapped, one membarrier |
// | replacement → block | the same, where the kernel refuses that membarrier (a sandbox that was closed after the start) | release |
//
// In that last case sections may have put items into the replacement meanwhile, and may still run. It is left over: the
// CPU's lock word says so, until a slow path on that CPU drains it. A thread that runs on a CPU after the block was put
// back knows that every section of that CPU that began before has been aborted, and that those which begin later see
// the block.
//
// | reclaim lock word | means |
// |---|---|
// | 0 | free |
// | 1 | a reclaimer has a block of this CPU in hand; stopped there, it keeps what was on that block, and the CPU goes on with the other |
// | 2 | the block that is not in use is left over |
// Also where pages lie ready on that block and nobody can be stopped any more (PageDrain).

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

  /// As `current`, else by asking the kernel: for color and home, not for exclusion.
  @inlinable @_noLocks @_noAllocation
  package static func anyCPU() -> Int {
    if let cpu = current() { return cpu }
    let cpu = Kernel.currentCPU()
    return cpu < ANAX_CPUS_MAX ? cpu : 0
  }

  /// Of a CPU that came online late and where no thread has asked yet, the node of the CPU that this thread is on now.
  @inlinable @_noLocks @_noAllocation
  package static func node(ofCPU cpu: Int) -> Int {
    Processors.knownNode(ofCPU: cpu) ?? Processors.askNode(ofCPU: cpu)
  }

  /// How many blocks to reserve. `committed`: reserving costs memory, so that one a CPU must do.
  @_noLocks @_noAllocation
  package static func count(cpus: UInt64, nodes: UInt64, committed: Bool) -> UInt64 {
    let dense = cpus &* nodes
    let wanted = Tunable.rung.value == 1 && dense <= UInt64(ANAX_CPUS_MAX) && (nodes == 1 || !committed)
    return wanted ? dense : cpus
  }

  @inlinable
  package static var byConcurrency: Bool {
    @_noLocks @_noAllocation get { anax_state().pointee.rung == UInt64(ANAX_RUNG_A) }
  }

  @inlinable
  package static var allocateTable: UnsafeMutablePointer<UInt64> {
    @_noLocks @_noAllocation get { byConcurrency ? anax_concurrency_allocate_table() : anax_allocate_table() }
  }
  static var releaseTable: UnsafeMutablePointer<UInt64> {
    @_noLocks @_noAllocation get { byConcurrency ? anax_concurrency_release_table() : anax_release_table() }
  }

  /// The block of an index that is in use now, or the empty block.
  @_noLocks @_noAllocation
  package static func inUse(_ index: Int) -> UInt64 { AtomicWord(releaseTable + index).loadAcquire() }

  // The sections of the process's rung, for slow paths. A list index is [node][zone]; pop takes the zone alone, as the
  // stack's does.
  @inlinable @_noLocks @_noAllocation
  package static func pop(_ zone: UInt64) -> UnsafeMutableRawPointer? {
    byConcurrency ? anax_concurrency_pop(zone) : anax_cache_pop(zone)
  }
  @inlinable @_noLocks @_noAllocation
  package static func advance(_ strip: UInt64, _ step: UInt64) -> UnsafeMutableRawPointer? {
    byConcurrency ? anax_concurrency_advance(strip, step) : anax_cache_advance(strip, step)
  }
  @inlinable @_noLocks @_noAllocation
  package static func push(_ list: UInt64, _ item: UnsafeMutableRawPointer) -> Bool {
    byConcurrency ? anax_concurrency_push(list, item) : anax_cache_push(list, item)
  }
  @inlinable @_noLocks @_noAllocation
  package static func take(_ list: UInt64, _ room: UInt64, _ word: inout UInt64) -> Bool {
    byConcurrency ? anax_concurrency_take(list, room, &word) : anax_cache_take(list, room, &word)
  }
  @inlinable @_noLocks @_noAllocation
  package static func put(_ list: UInt64, _ word: UInt64) -> Bool {
    byConcurrency ? anax_concurrency_put(list, word) : anax_cache_put(list, word)
  }
  @inlinable @_noLocks @_noAllocation
  package static func add(_ word: UInt64, _ amount: UInt64) -> Bool {
    byConcurrency ? anax_concurrency_add(word, amount) : anax_cache_add(word, amount)
  }
  /// Stacks and rows begin alike: with a word that is 0 where there is none, and 1 where an empty one is.
  @_noLocks @_noAllocation
  package static func open(stackOrRow word: UInt64) -> Bool {
    byConcurrency ? anax_concurrency_stack_open(word) : anax_cache_stack_open(word)
  }
  @inlinable @_noLocks @_noAllocation
  package static func pop(stack: UInt64) -> UInt64 {
    byConcurrency ? anax_concurrency_stack_pop(stack) : anax_cache_stack_pop(stack)
  }
  @inlinable @_noLocks @_noAllocation
  package static func push(stack: UInt64, _ entry: UInt64, room: UInt64) -> Bool {
    byConcurrency ? anax_concurrency_stack_push(stack, entry, room) : anax_cache_stack_push(stack, entry, room)
  }
  @inlinable @_noLocks @_noAllocation
  package static func replace(row: UInt64, slot: UInt64, _ old: UInt64, with entry: UInt64) -> Bool {
    byConcurrency ? anax_concurrency_replace(row, slot, old, entry) : anax_cache_replace(row, slot, old, entry)
  }

  @_noLocks @_noAllocation
  static func block(_ cpu: Int, _ which: UInt64) -> UInt64 {
    anax_state().pointee.blocks_base &+ (UInt64(cpu) &* 2 &+ which) &* anax_state().pointee.block_bytes
  }

  @inlinable
  package static var empty: UInt64 { @_noLocks @_noAllocation get { UInt64(UInt(bitPattern: anax_empty())) } }

  /// Points every possible CPU at the empty block, on both rungs' tables. Once, at start.
  @_noLocks @_noAllocation
  package static func start() {
    var index = 0
    while index < Int(anax_state().pointee.cpu_count) {
      anax_allocate_table()[index] = empty
      anax_release_table()[index] = empty
      index += 1
    }
    index = 0
    while index < Int(anax_state().pointee.block_count) {
      anax_concurrency_allocate_table()[index] = empty
      anax_concurrency_release_table()[index] = empty
      index += 1
    }
  }

  /// Gives this CPU its block where it has none. On rung A the block is that of the thread's (node, concurrency id).
  @_noLocks @_noAllocation
  package static func open(_ here: Int) {
    var cpu = here
    if byConcurrency {
      let state = anax_state()
      let node = UInt64(anax_rseq_read_node(state.pointee.rseq_offset))
      let id = UInt64(anax_rseq_read_concurrency(state.pointee.rseq_offset))
      if node >= state.pointee.node_count || id >= state.pointee.cpu_limit { return }
      cpu = Int(node &* state.pointee.cpu_limit &+ id)
    } else if Processors.knownNode(ofCPU: cpu) == nil {
      // Which part of the block is the CPU's own must not change: until its node is known it has none.
      _ = Processors.askNode(ofCPU: cpu)
      if Processors.knownNode(ofCPU: cpu) == nil { return }
    }
    let allocate = AtomicWord(allocateTable + cpu)
    if allocate.loadRelaxed() != empty { return }
    var release = empty
    if AtomicWord(releaseTable + cpu).compareExchange(&release, block(cpu, 0)) { release = block(cpu, 0) }
    // Also where whoever opened it was stopped between the two words. Never a plain store: a reclaimer may have swapped
    // the block meanwhile, and sections must not be led back into the one that it drains.
    var none = empty
    _ = allocate.compareExchange(&none, ownPart(cpu, release))
  }

  @_noLocks @_noAllocation
  static func setAllocate(_ cpu: Int, _ release: UInt64) {
    AtomicWord(allocateTable + cpu).storeRelease(ownPart(cpu, release))
  }

  /// The CPU's own node's part of the block at `release`.
  @_noLocks @_noAllocation
  static func ownPart(_ cpu: Int, _ release: UInt64) -> UInt64 {
    release &+ UInt64(ownNode(cpu)) &* UInt64(ANAX_CPU_BLOCK_BYTES)
  }

  /// The node whose part of the block is the CPU's own. It does not change once the CPU has its block.
  @inlinable @_noLocks @_noAllocation
  package static func ownNode(_ cpu: Int) -> Int {
    byConcurrency ? cpu / Int(anax_state().pointee.cpu_limit) : node(ofCPU: cpu)
  }

  /// The own node's part of a CPU's block 0 or 1, in use or not. For a CPU that has its block; to be read word by word,
  /// atomically.
  @_noLocks @_noAllocation
  package static func ownPart(_ cpu: Int, which: UInt64) -> UnsafeMutablePointer<UInt64> {
    UnsafeMutablePointer(bitPattern: UInt(ownPart(cpu, block(cpu, which)))).unsafelyUnwrapped
  }

  /// The own node's part of the block that this thread's sections were at a moment ago, and the node: a hint. nil: no
  /// area, or no block.
  @inlinable @_noLocks @_noAllocation
  package static func partHere() -> (words: UnsafeMutablePointer<UInt64>, node: Int)? {
    guard let cpu = current() else { return nil }
    var index = cpu
    if byConcurrency {
      let state = anax_state()
      let node = UInt64(anax_rseq_read_node(state.pointee.rseq_offset))
      let id = UInt64(anax_rseq_read_concurrency(state.pointee.rseq_offset))
      if node >= state.pointee.node_count || id >= state.pointee.cpu_limit { return nil }
      index = Int(node &* state.pointee.cpu_limit &+ id)
    }
    let part = AtomicWord(allocateTable + index).loadAcquire()
    guard part != empty, let words = UnsafeMutablePointer<UInt64>(bitPattern: UInt(part)) else { return nil }
    return (words, ownNode(index))
  }

  /// Swaps the CPU's block for its replacement. False: the CPU has no block, somebody else is at it, or sections cannot
  /// be stopped here. Sections that began before may still be at the old block: `Ladder.stopSections` must follow, once
  /// for any number of CPUs, and then `take`.
  @_noLocks @_noAllocation
  package static func swap(_ cpu: Int) -> Bool {
    if anax_state().pointee.membarrier == 0 { return false }
    let release = AtomicWord(releaseTable + cpu)
    if release.loadAcquire() == empty { return false }
    var free: UInt64 = 0
    if !reclaimLock(cpu).compareExchange(&free, 1) { return false }
    let new = notInUse(cpu)
    release.storeRelease(new)
    setAllocate(cpu, new)
    return true
  }

  /// The old block of a CPU that was swapped, which no section touches any more. `finish` must follow, when it is zero.
  /// nil: the sections were not stopped; the block is in use again.
  @_noLocks @_noAllocation
  package static func take(_ cpu: Int, stopped: Bool) -> UnsafeMutablePointer<UInt64>? {
    let old = notInUse(cpu)
    if stopped { return UnsafeMutablePointer(bitPattern: UInt(old)) }
    let state = anax_state()
    state.pointee.membarrier = 0
    AtomicWord(releaseTable + cpu).storeRelease(old)
    setAllocate(cpu, old)
    reclaimLock(cpu).storeRelease(2)
    AtomicWord(anax_state_left_overs(state)).storeRelease(1)
    return nil
  }

  /// Of a CPU's two blocks the other.
  @_noLocks @_noAllocation
  static func notInUse(_ cpu: Int) -> UInt64 { block(cpu, inUse(cpu) == block(cpu, 0) ? 1 : 0) }

  @_noLocks @_noAllocation
  package static func finish(_ cpu: Int) { reclaimLock(cpu).storeRelease(0) }

  @_noLocks @_noAllocation
  static func reclaimLock(_ cpu: Int) -> AtomicWord {
    AtomicWord(anax_state().pointee.shard_locks! + Int(anax_state().pointee.cpu_count) + cpu)
  }

  // | stacks' lock word | means |
  // |---|---|
  // | 0 | free; so it is in the child of a fork |
  // | a thread's word | that thread is at the stacks and rows of both of the CPU's blocks |
  // | the same, bit 0 set | another has waited for it in vain: nobody waits for it any more |

  /// Keeps the stacks of ready pages and the rows of ready runs in both of the CPU's blocks from others who take them
  /// from outside, until `unlockStacks`. False: another is at them.
  @_noLocks @_noAllocation
  package static func lockStacks(_ cpu: Int) -> Bool {
    var free: UInt64 = 0
    let lock = stacksLock(cpu)
    return lock.loadRelaxed() == 0 && lock.compareExchange(&free, anax_thread_word())
  }

  /// Whether this thread has that lock still: not in the child of a fork from a signal handler that interrupted it.
  @_noLocks @_noAllocation
  package static func hasStacks(_ cpu: Int) -> Bool { stacksLock(cpu).loadAcquire() & ~1 == anax_thread_word() }

  /// Nothing where it has not: it may be another's by now.
  @_noLocks @_noAllocation
  package static func unlockStacks(_ cpu: Int) {
    let lock = stacksLock(cpu)
    var word = lock.loadRelaxed()
    while word & ~1 == anax_thread_word(), !lock.compareExchange(&word, 0) {}
  }

  @_noLocks @_noAllocation
  package static func areStacksLocked(_ cpu: Int) -> Bool { stacksLock(cpu).loadAcquire() != 0 }

  /// Whether another thread has the lock that may give it back soon: not this one, which a signal handler has
  /// interrupted, and none that was waited for in vain.
  @_noLocks @_noAllocation
  package static func areStacksBusy(_ cpu: Int) -> Bool {
    let word = stacksLock(cpu).loadAcquire()
    return word != 0 && word & 1 == 0 && word != anax_thread_word()
  }

  /// Nobody is to wait for who has the lock now.
  @_noLocks @_noAllocation
  package static func giveUpOnStacks(_ cpu: Int) {
    if !areStacksBusy(cpu) { return }
    let lock = stacksLock(cpu)
    var word = lock.loadRelaxed()
    if word != 0 { _ = lock.compareExchange(&word, word | 1) }
  }

  /// Whether a zone's CPUs may have strips (Strip.serve tells whether they do): zones of the heap. Words in which user
  /// zones would have theirs are others'.
  @inline(__always) @_noLocks @_noAllocation
  package static func hasStrip(zone: Int) -> Bool { zone <= ANAX_HEAP_ZONES }

  /// Marks the block that is not in use as left over, so that a slow path on that CPU drains it: its sections have been
  /// stopped.
  /// Nothing where a reclaimer is at the CPU.
  @_noLocks @_noAllocation
  package static func leaveOver(_ cpu: Int) {
    var free: UInt64 = 0
    if reclaimLock(cpu).compareExchange(&free, 2) { AtomicWord(anax_state_left_overs(anax_state())).storeRelease(1) }
  }

  /// The own node's part of the CPU's block that is not in use.
  @_noLocks @_noAllocation
  package static func ownPartNotInUse(_ cpu: Int) -> UnsafeMutablePointer<UInt64> {
    UnsafeMutablePointer(bitPattern: UInt(ownPart(cpu, notInUse(cpu)))).unsafelyUnwrapped
  }

  @_noLocks @_noAllocation
  static func stacksLock(_ cpu: Int) -> AtomicWord {
    let state = anax_state()
    // Behind ForkEpoch's word.
    return AtomicWord(state.pointee.shard_locks! + Int(state.pointee.cpu_count &+ state.pointee.block_count) + 1 + cpu)
  }

  /// The block that is left over on this thread's CPU, which no section touches any more; nil: there is none. The
  /// thread may go on on another CPU. `finish` with the same index must follow, when the block is zero.
  @_noLocks @_noAllocation
  package static func takeLeftOver(_ index: inout Int) -> UnsafeMutablePointer<UInt64>? {
    guard let here = indexHere() else { return nil }
    let lock = reclaimLock(here)
    if lock.loadRelaxed() != 2 { return nil }
    var leftOver: UInt64 = 2
    if !lock.compareExchange(&leftOver, 1) { return nil }
    // Asked again after the lock was seen to be 2: from here on the block is in use for this CPU.
    if indexHere() != here {
      lock.storeRelease(2)
      return nil
    }
    index = here
    return UnsafeMutablePointer(bitPattern: UInt(notInUse(here)))
  }

  /// The index of the block that this thread's sections use now. On rung A with several nodes nil: node and concurrency
  /// id are two words, and what was read may never have held at once.
  @_noLocks @_noAllocation
  static func indexHere() -> Int? {
    let state = anax_state()
    if !byConcurrency { return current() }
    let id = UInt64(anax_rseq_read_concurrency(state.pointee.rseq_offset))
    return state.pointee.node_count == 1 && id < state.pointee.cpu_limit ? Int(id) : nil
  }
}
