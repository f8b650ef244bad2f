// SPDX-License-Identifier: Apache-2.0
// The container's memory limit as the engine reads it at start, from control groups played by a fake kernel. Each case is a
// process of its own: the fake is process-wide.

import CAnax
import Glibc
import Machine
import Testing

/// The files of the played machine, by path; a descriptor is 1000 and the file's place. Set before the fake is used.
private nonisolated(unsafe) var files: [(path: String, text: String)] = []
private nonisolated(unsafe) var ended = false

private let playFiles: anax_fake_kernel = { number, a, b, c, _, _, _ in
  if number == anax_sys_openat {
    let path = String(cString: UnsafePointer<CChar>(bitPattern: b)!)
    ended = false
    guard let place = files.firstIndex(where: { $0.path == path }) else { return -Int(ENOENT) }
    return 1000 + place
  }
  if number == anax_sys_read {
    if ended { return 0 }
    ended = true
    let bytes = Array(files[a - 1000].text.utf8.prefix(c))
    memcpy(UnsafeMutableRawPointer(bitPattern: b)!, bytes, bytes.count)
    return bytes.count
  }
  return 0
}

private func limit(_ played: [(String, String)]) -> UInt64 {
  files = played.map { (path: $0.0, text: $0.1) }
  anax_state().pointee.fake_kernel = playFiles
  defer { anax_state().pointee.fake_kernel = nil }
  return MemoryLimit.bytes()
}

@Suite struct MemoryLimitTests {
  @Test func containerOfVersion2() async {
    await #expect(processExitsWith: .success) {
      #expect(limit([("/sys/fs/cgroup/memory.max", "536870912\n"), ("/proc/self/cgroup", "0::/\n")]) == 512 << 20)
    }
  }

  @Test func ownGroupOfVersion2IsTighterThanTheMount() async {
    await #expect(processExitsWith: .success) {
      let played = [
        ("/sys/fs/cgroup/memory.max", "max\n"),
        ("/proc/self/cgroup", "1:name=systemd:/\n0::/system.slice/service\n"),
        ("/sys/fs/cgroup/system.slice/service/memory.max", "268435456\n"),
      ]
      #expect(limit(played) == 256 << 20)
    }
  }

  @Test func version1() async {
    await #expect(processExitsWith: .success) {
      #expect(limit([("/sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n")]) == 128 << 20)
      #expect(limit([("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")]) == .max)
    }
  }

  @Test func noLimitAndNonsense() async {
    await #expect(processExitsWith: .success) {
      #expect(limit([]) == .max)
      #expect(limit([("/sys/fs/cgroup/memory.max", "max\n"), ("/proc/self/cgroup", "0::/\n")]) == .max)
      #expect(limit([("/sys/fs/cgroup/memory.max", "lots\n"), ("/proc/self/cgroup", "garbage")]) == .max)
    }
  }
}
