// SPDX-License-Identifier: Apache-2.0
//
// How far a long measurement is, on standard error: on a terminal one line that is written over, with a bar and the time left;
// elsewhere a plain line for every round. Used by one thread.
import Glibc
import Tuner

final class ProgressLine {
  private let isTerminal: Bool
  private let write: (String) -> Void
  private var last = ""
  private var shown = false
  private var written = -1.0

  init(isTerminal: Bool = isatty(2) == 1, write: @escaping (String) -> Void = ProgressLine.toStandardError) {
    self.isTerminal = isTerminal
    self.write = write
  }

  func announce(_ text: String) {
    if isTerminal { over(text) } else { write(text + "\n") }
  }

  func report(_ progress: Progress, at now: Double = Clock.seconds) {
    let round = "\(progress.stage.rawValue), round \(progress.round) of \(progress.rounds)"
    let left = progress.left.map { ", \(Text.clock($0)) left" } ?? ""
    if isTerminal {
      // A terminal need not follow every cell.
      if now - written < 0.1, round == last { return }
      written = now
      let filled = Int((progress.done * 24).rounded())
      over(
        "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: 24 - filled) + "] \(round)\(left)")
    } else if round != last {
      write("\(Int(progress.done * 100)) %: \(round)\(left)\n")
    }
    last = round
  }

  /// Leaves the terminal's line to others.
  func end() {
    if shown { write("\r\u{1B}[K") }
    shown = false
  }

  private func over(_ text: String) {
    write("\r\(text)\u{1B}[K")
    shown = true
  }

  static func toStandardError(_ text: String) {
    _ = text.withCString { Glibc.write(2, $0, strlen($0)) }
  }
}
