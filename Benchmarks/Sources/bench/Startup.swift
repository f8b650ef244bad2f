// SPDX-License-Identifier: Apache-2.0
//
// What it costs to run a program that does little on a subject: its wall time and its peak resident memory. The latter
// is read when the traced program is about to exit, since what the kernel reports after the end includes what its
// parent had before the exec.

import CBench
import Glibc
import Harness
import Report

enum Startup {
  /// Metrics of one measurement: `ms`, the median of `starts` starts, and `kib`. `limit`: seconds after which it is
  /// taken for hanging.
  static func measure(
    _ command: [String], _ variables: [String], starts: Int, limit: Double, _ takes: inout Takes
  ) throws(Problem) -> Outcome {
    let deadline = takes.elapsed + limit
    var times: [Double] = []
    for _ in 0..<starts {
      let child = try Child.start(command[0], Array(command.dropFirst()), variables)
      let result = child.wait(limit: deadline - takes.elapsed)
      guard result.end == .exited(0) else { return takes.outcome(result) }
      times.append(result.wall * 1e3)
    }
    var outcome = Outcome(metrics: ["ms": Statistics.median(times)])
    let (peak, forced) = try peakMemory(command, variables, limit: deadline - takes.elapsed)
    if let forced { return takes.outcome(Child.Result(end: forced)) }
    if let peak { outcome.metrics["kib"] = Double(peak) }
    return outcome
  }

  /// KiB, or nil where the kernel refuses to trace; and what ended it before its time.
  private static func peakMemory(
    _ command: [String], _ variables: [String], limit: Double
  ) throws(Problem) -> (kib: Int?, forced: Child.End?) {
    let output = open("/dev/null", O_WRONLY | O_CLOEXEC)
    defer { close(output) }
    let child = withStrings(command) { argv in
      withStrings(variables) { bench_spawn_traced(command[0], argv, $0, output) }
    }
    guard child > 0 else { throw Problem("fork: \(reason(errno))") }
    let deadline = bench_now() + UInt64(max(limit, 0) * 1e9)
    var status: CInt = 0
    var peak: Int?
    var forced = wait(child, &status, until: deadline)
    // Stopped at its exec.
    guard forced == nil, status & 0xff == 0x7f, bench_trace_exit(child) == 0 else {
      if forced != nil || status & 0xff == 0x7f { end(child) }
      return (nil, forced)
    }
    var passed: CInt = 0
    while status & 0xff == 0x7f {
      if status >> 16 != 0 {
        for line in readText("/proc/\(child)/status").split(separator: "\n") where line.hasPrefix("VmHWM:") {
          peak = Int(line.filter(\.isNumber))
        }
      }
      guard bench_trace_continue(child, passed) == 0 else { break }
      forced = wait(child, &status, until: deadline)
      if forced != nil { break }
      // A signal that it was stopped for is its own, but for the trap that tracing makes.
      let signal = status >> 8 & 0xff
      passed = status >> 16 == 0 && signal != SIGTRAP ? signal : 0
    }
    if status & 0xff == 0x7f { end(child) }
    return (peak, forced)
  }

  /// Until the child stops or ends; what else came first.
  private static func wait(_ child: pid_t, _ status: inout CInt, until deadline: UInt64) -> Child.End? {
    while waitpid(child, &status, WNOHANG) == 0 {
      if Child.interruptPending { return .interrupted }
      if bench_now() > deadline { return .timedOut }
      usleep(200)
    }
    return nil
  }

  private static func end(_ child: pid_t) {
    var status: CInt = 0
    kill(child, SIGKILL)
    while waitpid(child, &status, 0) < 0 && errno == EINTR {}
  }
}
