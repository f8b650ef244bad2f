// SPDX-License-Identifier: Apache-2.0
// The face in the child of a fork that came while another thread was in the midst of something.

import CAnaxTokens
import Foundation
import LockFree
import Testing

@testable import Anax

@Suite struct FaceForkTests {
  /// The parent's thread was reading the profile: this process reads it, and waits for nobody.
  @Test(arguments: [2, 0]) func theProfileIsReadAnew(state: UInt64) async {
    await #expect(processExitsWith: .success) { [state = state as UInt64] in
      let path = NSTemporaryDirectory() + "anax-fork-\(UUID().uuidString).json"
      defer { unlink(path) }
      let profile = TokenProfile(machine: .current(), isComplete: true, values: ["lwkt.token_spin": 45])
      try profile.text().write(toFile: path, atomically: true, encoding: .utf8)
      setenv("ANAX_PROFILE", path, 1)
      AtomicWord(anax_token_profile_state_word()).storeRelease(state)
      Token().withToken {}
      #expect(try Tunables.value(of: "lwkt.token_spin") == 45)
      #expect(AtomicWord(anax_token_profile_state_word()).loadAcquire() == 1)
    }
  }

  /// Another thread of this process reads it: nobody waits for that.
  @Test func nobodyWaitsForTheProfile() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_PROFILE", "/nonexistent", 1)
      AtomicWord(anax_token_profile_state_word()).storeRelease(UInt64(getpid()) << 1)
      Token().withToken {}
      #expect(AtomicWord(anax_token_profile_state_word()).loadAcquire() == UInt64(getpid()) << 1)
    }
  }
}
