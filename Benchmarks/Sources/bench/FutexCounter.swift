// SPDX-License-Identifier: Apache-2.0
//
// How futex calls are counted: by the kernel's trace point through `perf stat`, which costs a call little; else by
// `strace`, which stops the program at each. Both need rights that not every machine gives.

import Glibc
import Harness

enum FutexCounter: Sendable {
  case perf(path: String)
  case strace(path: String)

  /// The first that works here.
  static func find() -> FutexCounter? {
    let folders = ["/usr/bin", "/usr/local/bin", "/bin"]
    let candidates =
      folders.map { FutexCounter.perf(path: "\($0)/perf") } + folders.map { .strace(path: "\($0)/strace") }
    return candidates.first { candidate in
      let run = candidate.command("/bin/true", [])
      guard access(run.path, X_OK) == 0 else { return false }
      let child = try? Child.start(run.path, run.arguments, TokenWorkload.environment)
      guard let result = child?.wait(limit: 20), result.end == .exited(0) else { return false }
      return candidate.calls(result.errors) != nil
    }
  }

  var name: String {
    switch self {
    case .perf: "perf stat"
    case .strace: "strace, which slows them"
    }
  }

  func command(_ program: String, _ arguments: [String]) -> (path: String, arguments: [String]) {
    switch self {
    case .perf(let path): (path, ["stat", "-x", ",", "-e", FutexCounter.event, "--", program] + arguments)
    case .strace(let path): (path, ["-f", "-c", "-e", "trace=futex", "--", program] + arguments)
    }
  }

  private static let event = "syscalls:sys_enter_futex"

  /// Reads the tool's report; nil where it has no figure.
  func calls(_ report: String) -> Int? {
    for line in report.split(separator: "\n") {
      switch self {
      case .perf:
        if line.contains(FutexCounter.event) { return Int(line.split(separator: ",").first ?? "") }
      case .strace:
        // % time, seconds, usecs/call, calls, [errors,] syscall
        let fields = line.split(separator: " ")
        if fields.last == "futex", fields.count >= 5 { return Int(fields[3]) }
      }
    }
    // strace leaves out a line of zero calls, and begins its complaints with its name.
    if case .strace = self, !report.contains("strace:") { return 0 }
    return nil
  }
}
