// SPDX-License-Identifier: Apache-2.0
//
// ANAX_PROFILE: the profile that a process is started with. Read once, when the first token is made: never at load, and
// never by malloc. What goes wrong is told in one line on standard error, and the defaults stay.

import CAnax
import CAnaxTokens
import Glibc
import LockFree
import Machine

extension TokenProfile {
  /// Applies the profile that `ANAX_PROFILE` names, once for a process; `ANAX_PROFILE_FORCE=1` takes another machine's
  /// too. Later calls cost one load; one made while another thread reads the file goes on with the values in force. Not
  /// in a signal handler.
  package static func loadFromEnvironment() {
    if anax_load_acquire(anax_token_profile_state_word()) != 1 { readEnvironment() }
  }

  private static func readEnvironment() {
    let state = AtomicWord(anax_token_profile_state_word())
    let reading = UInt64(getpid()) << 1
    // Claimed by a process of another number: this one was forked while the file was being read, and that thread is not
    // here.
    var seen = state.loadAcquire()
    if seen == 1 || seen == reading || !state.compareExchange(&seen, reading) { return }
    defer { state.storeRelease(1) }
    // A program that runs with more rights than its caller takes no file from it.
    guard anax_tunable_environment() != nil, let name = getenv("ANAX_PROFILE"), name.pointee != 0 else { return }
    let force = getenv("ANAX_PROFILE_FORCE").map { String(cString: $0) == "1" } ?? false
    start(path: String(cString: name), force: force) { say($0) }
  }

  /// A value that its own variable has set, or the program itself before, stays: both are nearer to the program.
  static func start(path: String, force: Bool, machine: MachineFingerprint? = nil, say: (String) -> Void) {
    Tunable.start()
    do throws(TokenProfileError) {
      let profile = try TokenProfile(path: path)
      try profile.check(path: path, force: force, machine: machine ?? .current())
      for (tunable, value) in try profile.settings(path: path)
      where !tunable.isChosen && getenv(Tunables.Entry(tunable).variable) == nil {
        try? tunable.set(value)
      }
    } catch {
      let more = if case .otherMachine = error { "; ANAX_PROFILE_FORCE=1 takes it all the same" } else { "" }
      say("ANAX_PROFILE: \(error)\(more); using the defaults")
    }
  }

  private static func say(_ text: String) {
    let line = "anax: \(text)\n"
    line.withCString { Kernel.write(2, $0, count: strlen($0)) }
  }
}
