// SPDX-License-Identifier: Apache-2.0
//
// A process that burns one processor while a run lasts; it dies with the program that started it.

import CBench
import Glibc
import Instruments

struct Hog {
  private let process: pid_t

  /// To be started while the program still has one thread.
  static func start() -> Hog {
    let process = bench_spawn_hog()
    guard process > 0 else { fail("fork failed with error \(errno)") }
    return Hog(process: process)
  }

  func end() {
    kill(process, SIGKILL)
    var status: CInt = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
  }
}
