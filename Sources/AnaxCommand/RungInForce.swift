// SPDX-License-Identifier: Apache-2.0
//
// The rung that a process started from this environment would be on, and why: asked of the engine's own ladder, in this
// process, so that the answer cannot differ from what the engine does.
import CAnax
import PerCPU

struct RungInForce: Hashable {
  /// A to D.
  var letter: String
  var reason: String

  init(letter: String, reason: String) {
    self.letter = letter
    self.reason = reason
  }

  /// To be asked after `Tunable.start()`.
  static func current() -> RungInForce {
    let (rung, reason) = Ladder.choose()
    return RungInForce(
      letter: String(UnicodeScalar(UInt8(truncatingIfNeeded: rung))),
      reason: "\(Ladder.text(ofReason: reason.rawValue))")
  }
}
