// SPDX-License-Identifier: Apache-2.0
// The container's memory limit as the engine reads it at start, from control groups played by a fake kernel. Each case
// is a process of its own: the fake is process-wide.

import CAnax
import Machine
import Testing

private func limit(_ played: [(String, String)]) -> UInt64 { PlayedFiles.play(played) { MemoryLimit.bytes() } }

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

  @Test func aGroupAboveIsTighterThanTheOwn() async {
    await #expect(processExitsWith: .success) {
      let played = [
        ("/sys/fs/cgroup/memory.max", "max\n"),
        ("/proc/self/cgroup", "0::/kubepods.slice/pod7.slice/container\n"),
        ("/sys/fs/cgroup/kubepods.slice/memory.max", "1073741824\n"),
        ("/sys/fs/cgroup/kubepods.slice/pod7.slice/memory.max", "134217728\n"),
        ("/sys/fs/cgroup/kubepods.slice/pod7.slice/container/memory.max", "max\n"),
      ]
      #expect(limit(played) == 128 << 20)
      #expect(limit(played.filter { !$0.0.contains("pod7.slice/") || $0.0.contains("container") }) == 1 << 30)
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
