// SPDX-License-Identifier: Apache-2.0
// What each change makes of a run's word. How threads meet on it is in ModelTests.

import Testing

@testable import Pages

@Suite struct RunTests {
  static var live: Run { Run(pages: 3, lines: 5) }

  static func changed(_ run: Run, _ changes: Run.Change...) throws -> Run {
    try changes.reduce(run) { Run(word: try $0.after($1)) }
  }

  static func refusal(_ run: Run, _ change: Run.Change) -> String? {
    do throws(PageFailure) {
      _ = try run.after(change)
      return nil
    } catch {
      return "\(error)"
    }
  }

  @Test func aRunThatNobodyHoldsEndsWithItsRelease() throws {
    #expect(try Self.live.after(.release) == 0)
    #expect(try Self.changed(Self.live, .wire).after(.release) == 0)
  }

  @Test func theLastUnholdEndsAFreedRun() throws {
    let held = try Self.changed(Self.live, .hold, .hold, .release)
    #expect(!held.isLive && held.holds == 2 && held.pages == 3 && held.skew == 5 * 64)
    let last = try Self.changed(held, .unhold)
    #expect(last.word != 0)
    #expect(try last.after(.unhold) == 0)
  }

  @Test func theLastUnwireUnlocks() throws {
    let wired = Run(word: try Self.changed(Self.live, .wire, .wire).word | Run.locked)
    #expect(try Self.changed(wired, .unwire).isLocked)
    // Marked until the kernel has unlocked it: nobody wires or frees it meanwhile.
    let unlocking = try Self.changed(wired, .unwire, .unwire)
    #expect(unlocking.word == Self.live.word | Run.discarding)
    for change in [Run.Change.wire, .discard, .release] {
      #expect(throws: PageFailure.self) { try unlocking.after(change) }
    }
    // Never locked: no mark.
    #expect(try Self.changed(Self.live, .wire, .unwire).word == Self.live.word)
  }

  @Test func aDiscardRefusesWhatItCouldHarm() throws {
    let marked = try Self.changed(Self.live, .discard)
    #expect(marked.isLive && marked.isDiscarded && !Self.live.isDiscarded)
    for change in [Run.Change.wire, .discard, .release] { #expect(Self.refusal(marked, change) == "discarding") }
    #expect(try Self.changed(marked, .hold, .unhold).word == marked.word)
    #expect(Self.refusal(try Self.changed(Self.live, .wire), .discard) == "wired")
    #expect(!(try Self.changed(Self.live, .hold, .release).isDiscarded), "freed while held")
  }

  @Test(arguments: [Run.Change.release, .hold, .unhold, .wire, .unwire, .discard])
  func nothingChangesWhatIsNoRun(_ change: Run.Change) {
    #expect(Self.refusal(Run(word: 0), change) == "notARun")
  }

  @Test func countsHaveAnEnd() throws {
    let full = Run(word: Self.live.word | Run.mostHolds << 48 | Run.mostWirings << 40)
    #expect(Self.refusal(full, .hold) == "tooMany")
    #expect(Self.refusal(full, .wire) == "tooMany")
    #expect(try full.after(.unhold) == full.word - Run.oneHold)
    #expect(try full.after(.unwire) == full.word - Run.oneWiring)
  }

  @Test func aMoveIsRememberedThroughEveryChange() throws {
    let moved = Run(word: Self.live.word | Run.ownMapping)
    #expect(try Self.changed(moved, .hold, .wire, .unwire, .release).hasOwnMapping)
  }
}
