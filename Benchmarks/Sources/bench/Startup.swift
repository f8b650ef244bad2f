// SPDX-License-Identifier: Apache-2.0
//
// What it costs to run a program that does little on a subject: its wall time and its peak resident memory. The latter is
// read when the traced program is about to exit, since what the kernel reports after the end includes what its parent
// had before the exec.

import CBench
import Glibc
import Harness
import Report

enum Startup {
  /// Metrics of one measurement: `ms`, the median of `starts` starts, and `kib`.
  static func measure(_ command: [String], _ variables: [String], starts: Int) throws(Problem) -> [String: Double] {
    let output = open("/dev/null", O_WRONLY | O_CLOEXEC)
    defer { close(output) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    var times: [Double] = []
    for _ in 0..<starts {
      let from = bench_now()
      var process: pid_t = 0
      let error = withStrings(command) { argv in
        withStrings(variables) { posix_spawn(&process, command[0], &actions, nil, argv, $0) }
      }
      guard error == 0 else { throw Problem("\(command[0]): \(reason(error))") }
      var status: CInt = 0
      while waitpid(process, &status, 0) < 0 && errno == EINTR {}
      guard status == 0 else { throw Problem(ending(status)) }
      times.append(Double(bench_now() - from) / 1e6)
    }
    var metrics = ["ms": Statistics.median(times)]
    if let peak = try peakMemory(command, variables, output) { metrics["kib"] = Double(peak) }
    return metrics
  }

  private static func ending(_ status: CInt) -> String {
    status & 0x7f == 0 ? "exit code \(status >> 8 & 0xff)" : "killed by signal \(status & 0x7f)"
  }

  /// KiB, or nil where the kernel refuses to trace.
  private static func peakMemory(
    _ command: [String], _ variables: [String], _ output: CInt
  ) throws(Problem) -> Int? {
    let child = withStrings(command) { argv in
      withStrings(variables) { bench_spawn_traced(command[0], argv, $0, output) }
    }
    guard child > 0 else { throw Problem("fork: \(reason(errno))") }
    var status: CInt = 0
    var peak: Int?
    waitpid(child, &status, 0)
    // Stopped at its exec.
    guard status & 0xff == 0x7f, bench_trace_exit(child) == 0 else {
      kill(child, SIGKILL)
      waitpid(child, &status, 0)
      return nil
    }
    while status & 0xff == 0x7f {
      if status >> 16 != 0 {
        for line in readText("/proc/\(child)/status").split(separator: "\n") where line.hasPrefix("VmHWM:") {
          peak = Int(line.filter(\.isNumber))
        }
      }
      guard bench_trace_continue(child) == 0 else { break }
      waitpid(child, &status, 0)
    }
    return peak
  }
}
