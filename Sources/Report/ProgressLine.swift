// SPDX-License-Identifier: Apache-2.0
//
// How far a long measurement is, on standard error: on a terminal one line that is written over, with a bar and the
// time left; elsewhere a plain line for every stage. Used by one thread.

import Glibc

public final class ProgressLine {
  private let isTerminal: Bool
  private let write: (String) -> Void
  private var last = ""
  private var shown = false
  private var written = -1.0

  public init(isTerminal: Bool = isatty(2) == 1, write: @escaping (String) -> Void = ProgressLine.toStandardError) {
    self.isTerminal = isTerminal
    self.write = write
  }

  public func announce(_ text: String) {
    if isTerminal { over(text) } else { write(text + "\n") }
  }

  /// `stage` is what gets a plain line once, as `round 2 of 5`; `detail` is for a terminal only. `done` is 0 to 1,
  /// `left` in seconds.
  public func report(
    _ stage: String, detail: String = "", done: Double, left: Double?, at now: Double = ProgressLine.seconds
  ) {
    let rest = left.map { ", \(Text.clock($0)) left" } ?? ""
    if isTerminal {
      // A terminal need not follow every cell.
      if now - written < 0.1, stage == last { return }
      written = now
      let filled = Int((min(max(done, 0), 1) * 24).rounded())
      let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 24 - filled)
      over("[\(bar)] \(stage)\(rest)\(detail.isEmpty ? "" : ": " + detail)")
    } else if stage != last {
      write("\(Int(done * 100)) %: \(stage)\(rest)\n")
    }
    last = stage
  }

  /// Leaves the terminal's line to others.
  public func end() {
    if shown { write("\r\u{1B}[K") }
    shown = false
  }

  private func over(_ text: String) {
    write("\r\(text)\u{1B}[K")
    shown = true
  }

  public static var seconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  public static func toStandardError(_ text: String) {
    _ = text.withCString { Glibc.write(2, $0, strlen($0)) }
  }
}
