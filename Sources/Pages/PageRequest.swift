// SPDX-License-Identifier: Apache-2.0
// Requests for pages from outside the allocator (vm_page_alloc and its kin): runs and colored pages by class,
// alignment, node and zero; hold, wire, discard and release of what was handed out. The state of a run is its word in
// the `runs` table (Run).
// Lock-free from any thread and signal handler.

import CAnax
import LockFree
import Machine
import PerCPU

package enum PageFailure: Error {
  /// vm.heap.limit, less what the class must leave, refuses it.
  case limit
  /// The kernel, or the address space, has no more.
  case memory
  /// No run in use begins here.
  case notARun
  /// The word's count is at its end.
  case tooMany
  /// The run is wired.
  case wired
  /// Another thread is giving up the run's contents now.
  case discarding
  /// The kernel refused to lock: the errno.
  case kernel(Int)
}

package enum PageRequest {
  /// `count` consecutive pages, the first at a multiple of `alignment` pages (a power of two). With `zeroed` every byte
  /// is zero, else `zero` of the result says whether it is known to be.
  @_noLocks @_noAllocation
  package static func allocate(
    count: UInt64, alignment: UInt64, placement: PagePlacement, zeroed: Bool, _ requestClass: RequestClass
  ) throws(PageFailure) -> PageRun {
    if PageLimit.refuses(count, requestClass) { throw .limit }
    if count <= RunCache.longest, alignment <= 1, case .local = placement,
      let run = count == 1 ? PageCache.take() : RunCache.take(count)
    {
      return give(run, count: count, placement, zeroed: zeroed)
    }
    let cpu = CPUBlocks.anyCPU()
    let node = placement.home ?? CPUBlocks.node(ofCPU: cpu)
    guard let run = take(count: count, alignment: alignment, node: node, cpu: cpu) else { throw .memory }
    return give(run, count: count, placement, zeroed: zeroed)
  }

  /// The page at `index` of an object: its color follows the index.
  @_noLocks @_noAllocation
  package static func allocateColored(
    index: UInt64, objectColor: UInt64, placement: PagePlacement, zeroed: Bool, _ requestClass: RequestClass
  ) throws(PageFailure) -> PageRun {
    if PageLimit.refuses(1, requestClass) { throw .limit }
    let cpu = CPUBlocks.anyCPU()
    if case .local = placement, let run = ColorCache.take(index: index, objectColor: objectColor, cpu: UInt64(cpu)) {
      return give(run, count: 1, placement, zeroed: zeroed, marks: Run.colored)
    }
    let node = placement.home ?? CPUBlocks.node(ofCPU: cpu)
    guard let run = Pages.allocateColored(node: node, cpu: cpu, pageIndex: index, objectColor: objectColor) else {
      throw .memory
    }
    return give(run, count: 1, placement, zeroed: zeroed, marks: Run.colored)
  }

  @_noLocks @_noAllocation
  static func take(count: UInt64, alignment: UInt64, node: Int, cpu: Int) -> PageRun? {
    if alignment <= 1 { return Pages.allocate(node: node, cpu: cpu, count: count) }
    // A region begins at a multiple of 2 MiB, no more.
    if count <= 64, count & (count &- 1) == 0, alignment <= count,
      alignment &<< Region.pageShift <= RegionLayout.hugePage
    {
      return Pages.allocate(node: node, cpu: cpu, count: count, aligned: true)
    }
    return Pages.allocate(node: node, cpu: cpu, count: count, alignment: alignment)
  }

  @_noLocks @_noAllocation
  static func give(
    _ run: PageRun, count: UInt64, _ placement: PagePlacement, zeroed: Bool, marks: UInt64 = 0
  ) -> PageRun {
    var word = Run(pages: count, lines: 0).word | marks
    if bind(run, count: count, placement) { word |= Run.ownMapping }
    Run.at(page: run.page).storeRelease(word)
    if !zeroed || run.zero { return run }
    anax_clear(UnsafeMutableRawPointer(bitPattern: UInt(run.address))!, Int(count &<< anax_state().pointee.page_shift))
    return PageRun(page: run.page, zero: true)
  }

  /// Asks the kernel for the placement, where there are several nodes. True: the run's mapping is its own from now on.
  @_noLocks @_noAllocation
  static func bind(_ run: PageRun, count: UInt64, _ placement: PagePlacement) -> Bool {
    if case .local = placement { return false }
    let state = anax_state()
    let mappings = AtomicWord(anax_state_own_mappings(state))
    // Each costs two mappings at most, of which a process may have 65530.
    if state.pointee.node_count == 1 || mappings.loadRelaxed() >= 16384 { return false }
    let bytes = count &<< state.pointee.page_shift
    if !placement.apply(to: run.address, bytes: bytes, moving: !run.zero) { return false }
    mappings.add(1)
    return true
  }

  /// Makes one change of the run that begins at the page. What its word was before, and is now.
  @_noLocks @_noAllocation
  static func change(_ page: UInt64, _ change: Run.Change) throws(PageFailure) -> (before: Run, after: UInt64) {
    let word = Run.at(page: page)
    var old = word.loadAcquire()
    while true {
      let new = try Run(word: old).after(change)
      if word.compareExchange(&old, new) { return (Run(word: old), new) }
    }
  }

  /// Frees the run. Held, its pages stay as they are until the last unhold.
  @_noLocks @_noAllocation
  package static func release(page: UInt64) throws(PageFailure) {
    let (run, after) = try change(page, .release)
    if after == 0 { end(page, run) }
  }

  /// Keeps the pages, and what is in them, from being used again, however the run is freed, until as many `unhold`.
  @_noLocks @_noAllocation
  package static func hold(page: UInt64) throws(PageFailure) { _ = try change(page, .hold) }

  @_noLocks @_noAllocation
  package static func unhold(page: UInt64) throws(PageFailure) {
    let (run, after) = try change(page, .unhold)
    if after == 0 { end(page, run) }
  }

  /// Keeps the contents of the run from being given up. `lock` also keeps them in memory, as far as RLIMIT_MEMLOCK
  /// allows.
  @_noLocks @_noAllocation
  package static func wire(page: UInt64, lock: Bool) throws(PageFailure) {
    let (run, _) = try change(page, .wire)
    if !lock { return }
    let result = advise(anax_sys_mlock, page, run.pages)
    if Kernel.failed(result) {
      // Part of the pages may be locked all the same: the last unwire unlocks them.
      Run.at(page: page).claim(bits: Run.locked)
      try unwire(page: page)
      throw .kernel(-result)
    }
    // Only bits that are set: what happens to the others meanwhile does not matter.
    Run.at(page: page).claim(bits: Run.locked)
  }

  @_noLocks @_noAllocation
  package static func unwire(page: UInt64) throws(PageFailure) {
    let (run, _) = try change(page, .unwire)
    if run.wirings > 1 || !run.isLocked { return }
    _ = advise(anax_sys_munlock, page, run.pages)
    if run.isLive { Run.at(page: page).release(bits: Run.discarding) }
  }

  /// Gives the contents of a run in use back to the kernel; it reads zero from then on. Refused while it is wired;
  /// while it goes on, so is a wiring.
  @_noLocks @_noAllocation
  package static func discard(page: UInt64) throws(PageFailure) {
    let (run, _) = try change(page, .discard)
    let bytes = run.pages &<< anax_state().pointee.page_shift
    let done = Kernel.advise(Region.address(ofPage: page), bytes: bytes, MADV_DONTNEED)
    Run.at(page: page).release(bits: Run.discarding)
    if !done { throw .memory }
  }

  /// The pages of a run that nobody uses or holds any more.
  @_noLocks @_noAllocation
  static func end(_ page: UInt64, _ run: Run) {
    if run.isLocked { _ = advise(anax_sys_munlock, page, run.pages) }
    if run.pages <= RunCache.longest, !run.hasOwnMapping {
      if run.pages == 1, run.isColored, ColorCache.give(page) { return }
      if run.pages == 1 ? PageCache.give(page) : RunCache.give(page, run.pages) { return }
    }
    Pages.release(run, page: page)
  }

  @_noLocks @_noAllocation
  static func advise(_ number: Int, _ page: UInt64, _ count: UInt64) -> Int {
    Kernel.call(
      number, Int(bitPattern: UInt(Region.address(ofPage: page))),
      Int(bitPattern: UInt(count &<< anax_state().pointee.page_shift)))
  }
}
