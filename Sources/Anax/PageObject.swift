// SPDX-License-Identifier: Apache-2.0
// What pages belong to that shall have successive colors. The count of objects is a word of the engine's state.

import CAnax
import Heap
import LockFree
import Pages

/// What pages may belong to, and take their color from: the page at index *i* is looked for from the color on that *i*,
/// the object's color and the CPU ask for, outwards, so that successive pages of an object come from other queues of
/// pages, and mostly fall in other sets of the cache.
///
/// The color is one of the address. In a huge page it is the physical one too; with small pages, which Anax's chunks
/// have unless the program advises the kernel otherwise, the kernel chooses where a page lies, and what is spread are
/// addresses.
///
/// A value: it does not own its pages, which are ``PageRun``s. A run that belongs to no object is made by ``PageRun``
/// itself.
///
/// With *S* = 64 up to 8 possible CPUs, and 64 divided by the eighth part of them, rounded up to a power of two,
/// beyond, the color asked for is *⌊cpu / 8⌋ · S + (i + color) mod S*, modulo 64, in the word of a chunk's bitmap that
/// is *cpu mod 8*. So no two CPUs, as long as there are at most 512, ever begin at one page, and where there are at
/// most 64, the first 64 pages of an object lie on 64 places modulo 64, in a heap that nobody has taken from. Pages of
/// one color, but of different words and chunks, lie on different places: in a heap in use some of the 64 share one,
/// also among pages that were given back on the CPU, which are taken there next by who asks for their color.
public struct PageObject: Sendable, Hashable {
  /// Where the object's colors begin, 0...63.
  public let color: Int

  /// An object with a color of its own: successive objects have distant colors.
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
