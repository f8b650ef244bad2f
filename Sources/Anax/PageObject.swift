// SPDX-License-Identifier: Apache-2.0
// What pages belong to that shall have successive colors. The count of objects is a word of the engine's state.

import CAnax
import Heap
import LockFree
import Pages

/// What pages may belong to, and take their color from: the page at index *i* is looked for from the color that *i*,
/// the object's color and the CPU ask for, outwards, so that successive pages of an object fall in other sets of the
/// cache.
///
/// A value: it does not own its pages, which are ``PageRun``s. A run that belongs to no object is made by ``PageRun``
/// itself.
///
/// With *C* the number of possible CPUs rounded up to a power of two (at most 64), the color asked for is
/// *cpu · 64 / C + (i + color) mod (64 / C)*, modulo 64: a CPU has 64 / C colors of its own to begin in, and no two
/// CPUs, as long as there are at most 64, ever begin in one.
public struct PageObject: Sendable, Hashable {
  /// Where the object's colors begin, 0...63.
  public let color: Int

  /// An object with a color of its own: successive objects have distant colors, which count as far as a CPU's share of
  /// them goes.
  @_noLocks @_noAllocation
  public init() {
    // 64 divided by the golden ratio, made odd: every color comes once in 64 objects, neighbours far apart.
    let number = AtomicWord(anax_state_page_objects(anax_state())).add(1)
    self.init(color: Int(truncatingIfNeeded: number &* 39))
  }

  /// An object with this color, modulo 64.
  @_noLocks @_noAllocation
  public init(color: Int) { self.color = color & 63 }

  /// The color that a page at the index is looked for from on a CPU, 0...63.
  public func color(at index: Int, cpu: Int) -> Int {
    // The possible CPUs are known from then on.
    _ = Engine.ensureStarted()
    return Int(
      PageQueue.start(
        cpu: UInt64(truncatingIfNeeded: cpu), pageIndex: UInt64(truncatingIfNeeded: index), objectColor: UInt64(color)))
  }

  /// One page, for the object's page at `index`.
  ///
  /// Parameters and errors as of ``PageRun/init(count:alignment:placement:zeroed:_:)``. Nobody checks that an index is
  /// asked for once.
  public func page(
    at index: Int, placement: Placement = .local, zeroed: Bool = false, _ requestClass: RequestClass = .normal
  ) throws(PageError) -> PageRun {
    try PageRun.check(placement)
    do throws(PageFailure) {
      let run = try PageRequest.allocateColored(
        index: UInt64(truncatingIfNeeded: index), objectColor: UInt64(color), placement: placement.request,
        zeroed: zeroed,
        .init(code: requestClass.code))
      return PageRun(first: run.page, count: 1, isZero: run.zero)
    } catch {
      throw PageError(error, requestClass)
    }
  }
}
