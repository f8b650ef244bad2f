// SPDX-License-Identifier: Apache-2.0
// What pages belong to that shall have successive colors.

import Pages
import Synchronization

/// What pages may belong to, and take their color from: the page at index *i* is looked for from the color that *i*, the
/// object's color and the CPU ask for, outwards, so that successive pages of an object fall in successive sets of the cache.
///
/// A value: it does not own its pages, which are ``PageRun``s. A run that belongs to no object is made by ``PageRun`` itself.
///
/// With *C* the number of possible CPUs rounded up to a power of two (at most 64), the color asked for is
/// *(cpu mod C + (i + color, each with its low log2 C bits cleared)) mod 64*: CPUs start in colors of their own.
public struct PageObject: Sendable, Hashable {
  /// Where the object's colors begin, 0...63.
  public let color: Int

  private static let made = Atomic<Int>(0)

  /// An object with a color of its own: successive objects begin in distant colors.
  public init() {
    // 64 divided by the golden ratio, made odd: every color comes once in 64 objects, neighbours far apart.
    let number = Self.made.wrappingAdd(1, ordering: .relaxed).oldValue
    self.init(color: number &* 39)
  }

  /// An object with this color, modulo 64.
  public init(color: Int) { self.color = color & 63 }

  /// The color that a page at the index is looked for from on a CPU, 0...63.
  public func color(at index: Int, cpu: Int) -> Int {
    Int(
      PageQueue.start(
        cpu: UInt64(truncatingIfNeeded: cpu), pageIndex: UInt64(truncatingIfNeeded: index), objectColor: UInt64(color)))
  }

  /// One page, for the object's page at `index`.
  ///
  /// Parameters and errors as of ``PageRun/init(count:alignment:placement:zeroed:_:)``. Nobody checks that an index is asked for
  /// once.
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
