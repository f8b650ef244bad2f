// SPDX-License-Identifier: Apache-2.0
//
// The table itself, and values as text. Nothing here changes a value of the process.
import CAnax
import Machine
import Testing

@Suite struct TunableTests {
  static let all = (0..<UInt32(Tunable.count)).map { Tunable(index: $0)! }

  @Test func everyIndexIsOneRowAndNoMore() {
    #expect(Self.all.map(\.index) == Array(0..<UInt32(Tunable.count)))
    #expect(Tunable(index: UInt32(Tunable.count)) == nil)
    #expect(Tunable(index: .max) == nil)
    #expect(Tunable.count <= Int(ANAX_TUNABLE_CAPACITY))
    // The last case of the enumeration: one added after it without raising `count` fails here.
    #expect(Tunable.stats.index == UInt32(Tunable.count) - 1)
  }

  /// Large blocks and zones of any time must go by the same value.
  @Test func whatZonesAreMadeByDoesNotChangeLater() {
    for tunable in [Tunable.pageColor, .zoneCacheBytes, .zoneCacheItems, .heapReserve] {
      #expect(throws: TunableError.onlyAtStart, "\(tunable)") { try tunable.set(tunable.row.low) }
    }
  }

  @Test func namesAreDistinctAndFindTheirRow() {
    #expect(Set(Self.all.map { "\($0.row.name)" }).count == Tunable.count)
    for tunable in Self.all {
      #expect(Tunable(name: "\(tunable.row.name)") == tunable)
    }
    #expect(Tunable(name: "vm.page") == nil)
    #expect(Tunable(name: "vm.page.decay2") == nil)
    #expect(Tunable(name: "") == nil)
  }

  @Test(arguments: all) func defaultLiesInItsRange(_ tunable: Tunable) {
    let row = tunable.row
    #expect(row.low <= row.high)
    // The rung's 0 is "unset".
    if tunable != .rung { #expect((row.low...row.high).contains(row.initial)) }
    #expect("\(row.effect)".hasSuffix("."))
  }

  @Test(arguments: [
    ("ANAX_VM_PAGE_DECAY", Tunable.pageDecay), ("ANAX_VM_PAGE_KEEP_FLOOR", .pageKeepFloor),
    ("ANAX_LWKT_TOKEN_SPIN", .tokenSpin), ("ANAX_RUNG", .rung), ("ANAX_STATS", .stats), ("ANAX_VM_HELPER", .helper),
    ("ANAX_HELPER", .helper),
  ])
  func variableFindsItsRow(_ variable: String, _ tunable: Tunable) {
    #expect(Tunable(variable: variable, count: variable.utf8.count) == tunable)
  }

  @Test(arguments: [
    "ANAX_", "ANAX_VM", "ANAX_VM_PAGE", "anax_vm_page_decay", "ANAX_VM.PAGE.DECAY", "ANAX_VM_PAGE_DECAYS",
  ])
  func otherVariableFindsNone(_ variable: String) {
    #expect(Tunable(variable: variable, count: variable.utf8.count) == nil)
  }

  @Test(arguments: [
    (Tunable.pageDecay, "0", Int64(0)), (.pageDecay, "3600000", 3_600_000), (.pageDecay, "007", 7),
    (.pageKeepFloor, "4096", 4096), (.pageKeepFloor, "64M", 64 << 20), (.pageKeepFloor, "2g", 2 << 30),
    (.zoneCacheBytes, "16K", 16384), (.heapLimit, "1T", 1 << 40), (.rung, "A", 1), (.rung, "d", 4), (.helper, "2", 2),
  ])
  func goodValueIsRead(_ tunable: Tunable, _ text: String, _ value: Int64) throws {
    #expect(try tunable.row.parse(text, count: text.utf8.count) == value)
  }

  @Test(arguments: [
    (Tunable.pageDecay, ""), (.pageDecay, "-"), (.pageDecay, "abc"), (.pageDecay, "1 "), (.pageDecay, " 1"),
    (.pageDecay, "1.5"), (.pageDecay, "0x10"), (.pageDecay, "64M"), (.pageKeepFloor, "M"), (.pageKeepFloor, "1MB"),
    (.pageKeepFloor, "1KK"), (.rung, ""), (.rung, "AB"), (.rung, "1"), (.rung, "\u{e9}"),
  ])
  func whatIsNoValueIsRefused(_ tunable: Tunable, _ text: String) {
    #expect(throws: TunableError.notAValue) { try tunable.row.parse(text, count: text.utf8.count) }
  }

  @Test(arguments: [
    (Tunable.pageDecay, "-1"), (.pageDecay, "3600001"), (.pageDecay, "9223372036854775807"),
    (.pageDecay, "9223372036854775808"), (.pageDecay, "99999999999999999999999999"), (.pageKeepFloor, "99999999999T"),
    (.heapLimit, "9007199254740992K"), (.zoneCacheItems, "0"), (.rung, "E"), (.rung, "z"),
  ])
  func valueOutsideTheRangeIsRefused(_ tunable: Tunable, _ text: String) {
    #expect(throws: TunableError.outOfRange) { try tunable.row.parse(text, count: text.utf8.count) }
  }
}
