// SPDX-License-Identifier: Apache-2.0
//
// One cell of a program: it is started with the candidate in its environment and waited for; wall time and processor
// time are the reading. Its output goes nowhere. A program that fails ends the measurement, with what it wrote last.

import CAnax
import Glibc

package struct ProgramRun {
  package let command: [String]
  /// CPUs of the machine, for what counts as disturbed.
  package let cpus: Int

  package init(_ command: [String], cpus: Int) {
    self.command = command
    self.cpus = cpus
  }

  /// Seconds that a program has to end when it is asked to.
  private static let patience = 1.0

  /// `variables`: set for the program, over this process's own. nil where `isInterrupted` became true; the program is
  /// then asked to end, and killed where it does not.
  package func measure(
    variables: [(name: String, value: String)], isInterrupted: () -> Bool
  ) throws(CellFailure) -> Reading? {
    let load = ForeignLoad.now()
    var ends: [CInt] = [0, 0]
    guard pipe(&ends) == 0 else { throw CellFailure("pipe: \(String(cString: strerror(errno)))") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
    defer { close(ends[0]) }
    let start = Clock.seconds
    let process = try spawn(variables, errors: ends[1])
    close(ends[1])

    var errors: [UInt8] = []
    var status: CInt = 0
    var usage = rusage()
    var ended = false
    var interrupted: Double?
    while !ended {
      Self.drain(ends[0], &errors)
      // A short program is waited for without pause, so that its wall time is not a multiple of one.
      let waited = wait4(process, &status, WNOHANG, &usage)
      ended = waited == process
      if waited < 0, errno != EINTR { throw CellFailure("wait4: \(String(cString: strerror(errno)))") }
      if !ended, interrupted == nil, isInterrupted() {
        interrupted = Clock.seconds
        kill(process, SIGTERM)
      }
      if !ended, let since = interrupted, Clock.seconds - since > Self.patience { kill(process, SIGKILL) }
      if !ended { Clock.sleep(0.0002) }
    }
    let wall = Clock.seconds - start
    if interrupted != nil || isInterrupted() { return nil }
    Self.drain(ends[0], &errors)
    guard status == 0 else {
      let end = status & 0x7F == 0 ? "ended with \(status >> 8 & 0xFF)" : "was killed by signal \(status & 0x7F)"
      let words = String(decoding: errors.suffix(400), as: UTF8.self).split(separator: "\n").suffix(3)
      throw CellFailure("\(command[0]) \(end)" + (words.isEmpty ? "" : ": " + words.joined(separator: " / ")))
    }
    var reading = Reading(operations: 1, wall: wall, cpu: ForeignLoad.seconds(usage))
    reading.voluntarySwitches = usage.ru_nvcsw
    reading.involuntarySwitches = usage.ru_nivcsw
    load.mark(&reading, processors: cpus)
    return reading
  }

  private static func drain(_ descriptor: CInt, _ bytes: inout [UInt8]) {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let got = read(descriptor, &buffer, buffer.count)
      if got <= 0 { return }
      bytes = Array((bytes + buffer[..<got]).suffix(4096))
    }
  }

  private func spawn(_ variables: [(name: String, value: String)], errors: CInt) throws(CellFailure) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, errors, 2)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

    var environment = Self.environment().filter { entry in !variables.contains { entry.hasPrefix($0.name + "=") } }
    environment += variables.map { "\($0.name)=\($0.value)" }
    var process: pid_t = 0
    let error = Self.withStrings(command) { arguments in
      Self.withStrings(environment) { posix_spawnp(&process, command[0], &actions, &attributes, arguments, $0) }
    }
    guard error == 0 else { throw CellFailure("\(command[0]): \(String(cString: strerror(error)))") }
    return process
  }

  private static func environment() -> [String] {
    var list: [String] = []
    guard var entry = anax_tunable_environment() else { return list }
    while let text = entry.pointee {
      list.append(String(cString: text))
      entry += 1
    }
    return list
  }

  /// A null-terminated array of C strings for the time of a call.
  private static func withStrings(_ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> CInt) -> CInt {
    let copies = texts.map { strdup($0) } + [nil]
    defer { for copy in copies { free(copy) } }
    return body(copies)
  }
}
