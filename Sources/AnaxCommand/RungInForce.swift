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
    return RungInForce(letter: String(UnicodeScalar(UInt8(truncatingIfNeeded: rung))), reason: text(reason))
  }

  static func text(_ reason: Ladder.Reason) -> String {
    switch reason {
    case .best: "the best that this machine has"
    case .forced: "asked for"
    case .noArea: "the C library has registered no area for restartable sequences"
    case .unsupported: "rung C was asked for and is not built"
    case .noConcurrencyID: "rung A was asked for, and the kernel does not tell threads their node and concurrency id"
    case .tooLarge: "rung A was asked for, and this machine has too many nodes and CPUs for it"
    }
  }
}
