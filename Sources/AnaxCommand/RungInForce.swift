// SPDX-License-Identifier: Apache-2.0
//
// The rung that a process started from this environment would be on, and why: the engine is started in this process,
// and asked where it is.
import CAnax
import Heap
import PerCPU

struct RungInForce: Hashable {
  /// A to D.
  var letter: String
  var reason: String

  init(letter: String, reason: String) {
    self.letter = letter
    self.reason = reason
  }

  /// Where there is no address space for the engine, rung D, and that reason.
  static func current() -> RungInForce {
    guard Engine.ensureStarted() else { return RungInForce(letter: "D", reason: "no address space for the heap") }
    let state = anax_state()
    return RungInForce(
      letter: String(UnicodeScalar(UInt8(truncatingIfNeeded: state.pointee.rung))),
      reason: "\(Ladder.text(ofReason: state.pointee.rung_reason))")
  }
}
