// SPDX-License-Identifier: Apache-2.0
//
// A program that is started, listened to, and waited for: its output, its end, what it used. Only this file starts and
// ends processes. Each is the head of a process group, so that what it started ends with it when it is killed. SIGINT
// is blocked in this program from the start and looked for between runs and while waiting.

import CBench
import Glibc

package struct Child {
  package enum End: Equatable {
    case exited(Int32)
    case killed(Int32)
    case timedOut
    case interrupted

    /// As tables and messages have it.
    package var words: String {
      switch self {
      case .exited(let code): "exit \(code)"
      case .killed(let signal): "signal \(signal)"
      case .timedOut: "timed out"
      case .interrupted: "interrupted"
      }
    }
  }

  package struct Result {
    package var end: End
    package var output: String
    package var errors: String
    /// Seconds of user and system time.
    package var processorTime: Double
    package var wall: Double

    package init(
      end: End, output: String = "", errors: String = "", processorTime: Double = 0, wall: Double = 0
    ) {
      (self.end, self.output, self.errors) = (end, output, errors)
      (self.processorTime, self.wall) = (processorTime, wall)
    }
  }

  package let process: pid_t
  private let outputs: [CInt]
  private let started: UInt64

  /// The path of a program that is built beside this one.
  package static func sibling(_ name: String) throws(Problem) -> String {
    guard let own = realpath("/proc/self/exe", nil) else { throw Problem("/proc/self/exe: \(reason(errno))") }
    defer { free(own) }
    let folder = String(cString: own).split(separator: "/").dropLast().joined(separator: "/")
    let path = "/\(folder)/\(name)"
    guard access(path, X_OK) == 0 else { throw Problem("'\(path)' is not there: build the product '\(name)' too") }
    return path
  }

  /// Starts a program; a message where that fails.
  package static func start(_ path: String, _ arguments: [String], _ variables: [String]) throws(Problem) -> Child {
    var pipes: [[CInt]] = []
    for _ in 0..<2 {
      var ends: [CInt] = [0, 0]
      guard pipe(&ends) == 0 else { throw Problem("pipe: \(reason(errno))") }
      for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
      pipes.append(ends)
    }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_adddup2(&actions, pipes[0][1], 1)
    posix_spawn_file_actions_adddup2(&actions, pipes[1][1], 2)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
    var process: pid_t = 0
    let started = bench_now()
    let error = withStrings([path] + arguments) { argv in
      withStrings(variables) { environment in
        posix_spawn(&process, path, &actions, &attributes, argv, environment)
      }
    }
    posix_spawn_file_actions_destroy(&actions)
    posix_spawnattr_destroy(&attributes)
    for ends in pipes { close(ends[1]) }
    guard error == 0 else {
      for ends in pipes { close(ends[0]) }
      throw Problem("\(path): \(reason(error))")
    }
    return Child(process: process, outputs: pipes.map { $0[0] }, started: started)
  }

  /// Listens until the program ends, and all that has its output; ends them after `limit` seconds or when SIGINT came:
  /// asked first, so that a script removes what it made, and killed two seconds later.
  package func wait(limit: Double) -> Result {
    var texts: [[UInt8]] = [[], []]
    var open = [true, true]
    var forced: (end: End, at: UInt64)?
    var buffer = [UInt8](repeating: 0, count: 4096)
    while open.contains(true) {
      var polled = outputs.indices.map { pollfd(fd: open[$0] ? outputs[$0] : -1, events: Int16(POLLIN), revents: 0) }
      _ = poll(&polled, 2, 100)
      if let forced {
        if bench_now() - forced.at > 2_000_000_000 { kill(-process, SIGKILL) }
      } else if Child.interruptPending || Double(bench_now() - started) > limit * 1e9 {
        forced = (Child.interruptPending ? .interrupted : .timedOut, bench_now())
        kill(-process, SIGTERM)
      }
      for index in outputs.indices where polled[index].revents != 0 {
        let got = read(outputs[index], &buffer, buffer.count)
        if got <= 0 { open[index] = false } else { texts[index] += buffer[0..<got] }
      }
    }
    for file in outputs { close(file) }
    var status: CInt = 0
    var usage = rusage()
    while wait4(process, &status, 0, &usage) < 0 && errno == EINTR {}
    let wall = Double(bench_now() - started) / 1e9
    let end: End = status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .killed(status & 0x7f)
    return Result(
      end: forced?.end ?? end, output: String(decoding: texts[0], as: UTF8.self),
      errors: String(decoding: texts[1], as: UTF8.self), processorTime: seconds(usage), wall: wall)
  }

  /// Kills it, and all that it started in its group, and waits for it.
  package func end() {
    kill(-process, SIGKILL)
    for file in outputs { close(file) }
    var status: CInt = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
  }

  // MARK: - SIGINT

  package static func blockInterrupt() {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGINT)
    sigaddset(&set, SIGTERM)
    pthread_sigmask(SIG_BLOCK, &set, nil)
  }

  package static var interruptPending: Bool {
    var set = sigset_t()
    sigpending(&set)
    return sigismember(&set, SIGINT) == 1 || sigismember(&set, SIGTERM) == 1
  }
}

/// What stops a run, in words.
package struct Problem: Error, CustomStringConvertible {
  package let description: String
  package init(_ description: String) { self.description = description }
}

package func reason(_ error: CInt) -> String { String(cString: strerror(error)) }

package func seconds(_ usage: rusage) -> Double {
  Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
    + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1_000_000
}

/// A null-terminated array of C strings for the time of a call.
package func withStrings<Value>(_ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Value) -> Value {
  let copies = texts.map { strdup($0) } + [nil]
  defer { for copy in copies { free(copy) } }
  return body(copies)
}
