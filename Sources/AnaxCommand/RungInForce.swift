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
    Ladder.climb()
    let state = anax_state().pointee
    return RungInForce(
      letter: String(UnicodeScalar(UInt8(truncatingIfNeeded: state.rung))),
      reason: Ladder.Reason(rawValue: state.rung_reason).map(text) ?? "unknown")
  }

  static func text(_ reason: Ladder.Reason) -> String {
    switch reason {
    case .best: "the best that this machine has"
    case .forced: "asked for"
    case .noArea: "the C library has registered no area for restartable sequences"
    case .unsupported: "what was asked for is not in this build"
    }
  }
}
