// SPDX-License-Identifier: Apache-2.0
// The proof of the size classes: the table says what the arithmetic says, for every size.

import CAnax
import Testing

@testable import Heap

@Suite struct SizeClassTests {
  @Test func sizesRiseAndReachTheLargest() {
    let sizes = (1...SizeClasses.count).map { SizeClasses.size(ofClass: $0) }
    #expect(zip(sizes, sizes.dropFirst()).allSatisfy { $0 < $1 })
    #expect(sizes.first == 16)
    #expect(sizes.last == SizeClasses.largest)
    #expect(sizes.allSatisfy { $0 % 16 == 0 })
    #expect(SizeClasses.count + SizeClasses.alignedCount == Int(ANAX_HEAP_ZONES))
  }

  /// The smallest class that fits, at most 12.5% waste above 128 bytes, never falling.
  @Test func everySizeHasTheSmallestClassThatFits() {
    var last = 1
    for size in 0...SizeClasses.largest {
      let number = SizeClasses.number(forSize: size)
      let holds = SizeClasses.size(ofClass: number)
      if number < last { Issue.record("\(size): class \(number) after \(last)") }
      if holds < size { Issue.record("\(size): class \(number) holds \(holds)") }
      if number > 1, SizeClasses.size(ofClass: number - 1) >= size { Issue.record("\(size): a smaller class would do") }
      if size > 128, (holds - size) * 8 > holds { Issue.record("\(size): wastes \(holds - size) of \(holds)") }
      last = number
    }
    #expect(last == SizeClasses.count)
  }

  @Test func theTableIsTheArithmetic() {
    _ = Engine.ensureStarted()
    let table = anax_size_class_table()
    for size in 0...SizeClasses.largest {
      let index = size <= 1024 ? SizeClasses.smallIndex(size) : SizeClasses.mediumIndex(size)
      if index >= 384 { Issue.record("\(size): outside of the table") }
      if Int(table[index]) != SizeClasses.number(forSize: size) {
        Issue.record("\(size): \(table[index]) is not \(SizeClasses.number(forSize: size))")
      }
    }
  }

  @Test func noZoneHasASpareListsNumber() {
    #expect(SizeClasses.count + SizeClasses.alignedCount < Int(ANAX_ZONE_SPARE))
  }
}
