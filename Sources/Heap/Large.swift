// SPDX-License-Identifier: Apache-2.0
// Blocks beyond the size classes: runs of pages. A block starts at a line of its first page that differs from block to
// block of a CPU, and from CPU to CPU (unless an alignment was asked for), and the odd page this takes makes successive
// blocks start at different page numbers modulo powers of two: first words spread over cache sets and over TLB sets.

import CAnax
import LockFree
import Machine
import Pages
import PerCPU
import Zones

@usableFromInline
package enum Large {
  /// More bytes than this, and what they are skewed by, no run has. Refused at once.
  @usableFromInline static var largest: UInt64 {
    @_noLocks @_noAllocation get { (Run.mostPages &- 1) &<< anax_state().pointee.page_shift }
  }

  /// `zero`: in, whether zeroed memory is wanted; out, whether all of the block is known to be zero. nil: no memory.
  @inline(never) @_noLocks @_noAllocation
  package static func allocate(_ size: UInt64, alignment: UInt64, zero: inout Bool) -> UnsafeMutableRawPointer? {
    let state = anax_state()
    let pageBytes = UInt64(1) &<< state.pointee.page_shift
    if size > largest || alignment > largest { return nil }
    let cpu = CPUBlocks.anyCPU()
    let node = CPUBlocks.node(ofCPU: cpu)
    if overLimit(Pages.count(bytes: size)) { return nil }
    if alignment > pageBytes { return allocateAligned(size, alignment, node: node, cpu: cpu, zero: &zero) }
    let lines = alignment <= 64 && Tunable.pageColor.value != 0 ? nextSkew(cpu) : 0
    let count = Pages.count(bytes: max(size, 1) &+ lines &* 64)
    if count <= RunCache.longest, let ready = count == 1 ? PageCache.take() : RunCache.take(count) {
      zero = ready.zero
      return give(ready.page, Run(pages: count, lines: lines))
    }
    let huge = !zero && HugePages.suit(count, node: node)
    guard let run = Pages.allocate(node: node, cpu: cpu, count: count) else { return nil }
    if huge { HugePages.advise(page: run.page, count: count) }
    zero = run.zero
    return give(run.page, Run(pages: count, lines: lines))
  }

  @_noLocks @_noAllocation
  static func give(_ page: UInt64, _ run: Run) -> UnsafeMutableRawPointer? {
    Run.at(page: page).storeRelease(run.word)
    return UnsafeMutableRawPointer(bitPattern: UInt(Region.address(ofPage: page) &+ run.skew))
  }

  @_noLocks @_noAllocation
  static func allocateAligned(
    _ size: UInt64, _ alignment: UInt64, node: Int, cpu: Int, zero: inout Bool
  ) -> UnsafeMutableRawPointer? {
    let state = anax_state()
    let count = Pages.count(bytes: max(size, 1))
    let step = alignment &>> state.pointee.page_shift
    guard let run = Pages.allocate(node: node, cpu: cpu, count: count, alignment: step) else { return nil }
    zero = run.zero
    return give(run.page, Run(pages: count, lines: 0))
  }

  /// 0...63 lines, different from block to block.
  @_noLocks @_noAllocation
  static func nextSkew(_ cpu: Int) -> UInt64 {
    // Two threads may take the same number: a skew, not an identity. A word of the CPU, so that threads share no line.
    let word = AtomicWord(anax_large_turn_table() + cpu &* 8)
    let next = word.loadRelaxed()
    word.storeRelaxed(next &+ 1)
    // Each CPU begins elsewhere.
    return (next &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(cpu) &* 0xD1B5_4A32_D192_ED03) &>> 58
  }

  /// Whether vm.heap.limit refuses so many pages more.
  @_noLocks @_noAllocation
  static func overLimit(_ count: UInt64) -> Bool { PageLimit.refuses(count, .normal) }

  /// The live run whose block begins at the address; stops the process where there is none.
  @_noLocks @_noAllocation
  static func run(_ address: UInt64) -> Run {
    let run = Run(word: Run.at(page: Region.page(of: address)).loadAcquire())
    let offset = address & ((1 &<< anax_state().pointee.page_shift) &- 1)
    if !run.isLive || run.skew != offset { Stop.notARun(address) }
    return run
  }

  @usableFromInline @inline(never)
  @_noLocks @_noAllocation
  package static func usableSize(_ address: UInt64) -> Int {
    let run = Run(word: Run.at(page: Region.page(of: address)).loadAcquire())
    return run.isLive ? Int(run.pages &<< anax_state().pointee.page_shift &- run.skew) : 0
  }

  @inline(never) @_noLocks @_noAllocation
  package static func free(_ address: UInt64) {
    _ = run(address)
    do throws(PageFailure) { try PageRequest.release(page: Region.page(of: address)) } catch { Stop.notARun(address) }
    Ticks.ride()
  }

  /// The same block at the new size (more than the size classes hold), grown or shrunk in place or with its pages
  /// moved.
  /// nil: the caller must copy.
  @_noLocks @_noAllocation
  static func reallocate(_ address: UInt64, _ size: UInt64) -> UnsafeMutableRawPointer? {
    if size > largest { return nil }
    let run = run(address)
    let page = Region.page(of: address)
    let wanted = Pages.count(bytes: size &+ run.skew)
    if wanted == run.pages { return UnsafeMutableRawPointer(bitPattern: UInt(address)) }
    if wanted < run.pages {
      // Not for every few bytes: an eighth, or 64 pages.
      let surplus = run.pages &- wanted
      if surplus >= 64 || surplus &* 8 >= run.pages {
        setPages(page, run, wanted)
        Pages.releasePart(of: run, page: page &+ wanted, count: surplus)
      }
      return UnsafeMutableRawPointer(bitPattern: UInt(address))
    }
    let more = wanted &- run.pages
    if overLimit(more) { return nil }
    if Pages.extend(from: page &+ run.pages, count: more) {
      if HugePages.suit(wanted, node: Region.node(ofPage: page)) {
        HugePages.advise(page: page &+ run.pages, count: more)
      }
      setPages(page, run, wanted)
      return UnsafeMutableRawPointer(bitPattern: UInt(address))
    }
    if run.pages &<< Region.pageShift < leastMoved || run.holds > 0 || run.wirings > 0 { return nil }
    return move(page, run, wanted)
  }

  /// Bytes from which pages are moved instead of copied. What is smaller is copied in less time than it takes to fault
  /// in what a moved block leaves unmapped when it ends.
  static var leastMoved: UInt64 { @_noLocks @_noAllocation get { 4 << 20 } }

  @_noLocks @_noAllocation
  static func setPages(_ page: UInt64, _ run: Run, _ count: UInt64) {
    var old = run.word
    while !Run.at(page: page).compareExchange(&old, (old & ~(Run.mostPages | Run.colored)) | count) {}
  }

  /// Moves the pages themselves (mremap) to a larger run. nil: no room, or the kernel will not.
  @_noLocks @_noAllocation
  static func move(_ page: UInt64, _ run: Run, _ wanted: UInt64) -> UnsafeMutableRawPointer? {
    // A move needs address space for a moment: a limit that was set after the start could leave a hole.
    if Kernel.addressSpaceLimit() != .max { return nil }
    // What is alive has some mappings of its own each, of which a process may have 65530.
    let moved = AtomicWord(anax_state_own_mappings(anax_state()))
    if moved.loadRelaxed() > 4096 { return nil }
    let cpu = CPUBlocks.anyCPU()
    // Room to grow on, so that the next growth is in place.
    let room = wanted &+ wanted / 4
    var count = room
    var target = Pages.allocate(node: CPUBlocks.node(ofCPU: cpu), cpu: cpu, count: room)
    if target == nil {
      count = wanted
      target = Pages.allocate(node: CPUBlocks.node(ofCPU: cpu), cpu: cpu, count: wanted)
    }
    guard let target else { return nil }
    // Who holds the run by now keeps it where it is.
    var word = run.word
    if !Run.at(page: page).compareExchange(&word, 0) {
      Pages.releaseUnused(target, page: target.page, count: count)
      return nil
    }
    let shift = Region.pageShift
    let result = Kernel.movePages(
      from: Region.address(ofPage: page), to: target.address, bytes: run.pages &<< shift, pageBytes: 1 &<< shift)
    guard case .done = result else {
      Run.at(page: page).storeRelease(run.word)
      if case .refused = result { Pages.release(page: target.page, count: count) }
      return nil
    }
    moved.add(1)
    if count > wanted { Pages.releaseUnused(target, page: target.page &+ wanted, count: count &- wanted) }
    if run.hasOwnMapping { Pages.release(run, page: page) } else { Pages.releaseZero(page: page, count: run.pages) }
    let new = Run(pages: wanted, lines: run.skew / 64).word | Run.ownMapping
    return give(target.page, Run(word: new))
  }
}
