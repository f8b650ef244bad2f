// SPDX-License-Identifier: Apache-2.0
// Owners of pages: a run, and a hold on one. Each is the only owner of its part of the run's word in the engine.

import CAnax
import Heap
import LockFree
import Machine
import Pages
import PerCPU

/// Consecutive pages of memory, which go back when their owner ends.
///
/// Any function may be called on any thread and in signal handlers; none takes a lock or allocates elsewhere. A run is
/// looked for in time that grows with the number of 2 MiB chunks that have no room for it, and is usually found at
/// once.
/// Pages that go back stay with the process for a while: see ``Memory/tick()``.
@frozen
public struct PageRun: ~Copyable {
  @usableFromInline let first: UInt64
  /// Pages of the run.
  public let count: Int
  /// Whether every byte was known to be zero when the run was given.
  public let isZero: Bool

  /// Bytes of a page, the machine's.
  public static var pageBytes: Int { Int(anax_page_bytes()) }

  /// Asks for pages.
  ///
  /// - Parameters:
  ///   - count: Pages, 1 or more.
  ///   - alignment: The run starts at a multiple of so many pages; a power of two.
  ///   - placement: Which node's memory to prefer. Unless it is ``Placement/local``, and where there are several nodes,
  ///     the kernel is asked which nodes the process may use, and to take the run's memory so: two system calls; and
  ///     the memory goes back to the kernel at once when the run ends. It is asked for 16384 runs at a time; beyond,
  ///     the run is as a local one. A node that has no room in its region passes the request to the next nearest.
  ///   - zeroed: Every byte is zero. Costs nothing for pages that are known to be, as fresh ones are.
  ///   - requestClass: How deep the request may dip into `vm.heap.limit`.
  /// - Throws: ``PageError/count(_:)``, ``PageError/alignment(_:)``, ``PageError/node(_:nodes:)``,
  ///   ``PageError/limitReached(limit:_:)``, ``PageError/outOfMemory``.
  public init(
    count: Int, alignment: Int = 1, placement: Placement = .local, zeroed: Bool = false,
    _ requestClass: RequestClass = .normal
  ) throws(PageError) {
    try Self.check(placement)
    guard count >= 1, count <= 1 << 31 - 1 else { throw .count(count) }
    guard alignment >= 1, alignment <= 1 << 31, alignment & (alignment - 1) == 0 else { throw .alignment(alignment) }
    do throws(PageFailure) {
      let run = try PageRequest.allocate(
        count: UInt64(count), alignment: UInt64(alignment), placement: placement.request, zeroed: zeroed,
        .init(code: requestClass.code))
      self.init(first: run.page, count: count, isZero: run.zero)
    } catch {
      throw PageError(error, requestClass)
    }
  }

  init(first: UInt64, count: Int, isZero: Bool) {
    self.first = first
    self.count = count
    self.isZero = isZero
  }

  deinit { try? PageRequest.release(page: first) }

  static func check(_ placement: Placement) throws(PageError) {
    guard Engine.ensureStarted() else { throw .noAddressSpace }
    if let missing = placement.missing { throw .node(missing, nodes: Memory.nodes) }
  }

  /// Where the pages are: at a multiple of the page size. Valid until the run ends, and as long as it is held.
  public var address: UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(bitPattern: UInt(Region.address(ofPage: first))).unsafelyUnwrapped
  }

  /// The bytes of the run, valid as ``address`` is.
  public var bytes: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: address, count: count << Int(anax_state().pointee.page_shift))
  }

  /// The node whose region the pages belong to; where each lies in the machine is told by ``Memory/node(of:)``.
  public var node: Int { Region.node(ofPage: first) }

  /// The queue of the run's first page, 0...63: the low six bits of its number, some of them flipped. What an object's
  /// color asks for; no number of a cache's set.
  public var color: Int { Int(PageQueue.queue(ofPage: first)) }

  /// Delays the return of the pages: until the hold ends, nobody else gets them and their contents stay, even where the
  /// run ends before. At most 65535 holds on a run.
  ///
  /// - Throws: ``PageError/tooManyHolds``.
  public borrowing func hold() throws(PageError) -> PageHold {
    do throws(PageFailure) { try PageRequest.hold(page: first) } catch { throw PageError(error, .normal) }
    return PageHold(first: first, count: count)
  }

  /// Keeps the contents from being given up: ``discard()`` is refused until as many ``unwire()``. Memory in use is
  /// never purged, wired or not. At most 63 times. Refused while another thread is in ``discard()`` of this run, or in
  /// the ``unwire()`` that unlocks it: what it gives up could be what is to be kept.
  ///
  /// - Parameter lock: Also keep the pages in memory (mlock), until the last ``unwire()``. Counts against
  ///   RLIMIT_MEMLOCK.
  /// - Throws: ``PageError/tooManyWirings``, ``PageError/discarding``, ``PageError/lockRefused(errno:)``; then nothing
  ///   has changed.
  public borrowing func wire(lock: Bool = false) throws(PageError) {
    do throws(PageFailure) { try PageRequest.wire(page: first, lock: lock) } catch {
      if case .tooMany = error { throw .tooManyWirings }
      throw PageError(error, .normal)
    }
  }

  /// Undoes one ``wire(lock:)``.
  ///
  /// - Throws: ``PageError/notWired``.
  public borrowing func unwire() throws(PageError) {
    do throws(PageFailure) { try PageRequest.unwire(page: first) } catch { throw .notWired }
  }

  /// Whether the run is wired now.
  public var isWired: Bool { Run(word: Run.at(page: first).loadAcquire()).wirings > 0 }

  /// Gives the memory behind the pages back at once, and keeps the pages: they read zero from now on. One system call.
  ///
  /// - Throws: ``PageError/wired``, ``PageError/discarding``, or ``PageError/outOfMemory`` where the kernel refuses, as
  ///   it does for locked memory.
  public borrowing func discard() throws(PageError) {
    do throws(PageFailure) { try PageRequest.discard(page: first) } catch { throw PageError(error, .normal) }
  }
}

/// A hold on a run of pages: while it lives, the pages and their contents stay, even where the run has ended.
public struct PageHold: ~Copyable {
  let first: UInt64
  let count: Int

  init(first: UInt64, count: Int) {
    self.first = first
    self.count = count
  }

  deinit { try? PageRequest.unhold(page: first) }

  /// The bytes held, valid while the hold lives.
  public var bytes: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(
      start: UnsafeMutableRawPointer(bitPattern: UInt(Region.address(ofPage: first))),
      count: count << Int(anax_state().pointee.page_shift))
  }
}

extension PageRun: @unchecked Sendable {}
extension PageHold: @unchecked Sendable {}
