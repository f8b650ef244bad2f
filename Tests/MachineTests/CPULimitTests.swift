// SPDX-License-Identifier: Apache-2.0
// How many processors' worth of time the process has, from an affinity mask and control groups played by a fake kernel.
// Each case is a process of its own: the fake is process-wide.

import CAnax
import Glibc
import Machine
import Testing

/// CPUs in the played mask; negative: a negated errno.
private nonisolated(unsafe) var allowed = 0

private func processors(_ count: Int, _ played: [(String, String)] = []) -> UInt64 {
  allowed = count
  return PlayedFiles.play(
    played,
    { number, a, b, c, _, _, _ in
      if number != anax_sys_sched_getaffinity { return PlayedFiles.answer(number, a, b, c) ?? 0 }
      if allowed < 0 { return allowed }
      let words = (allowed + 63) / 64
      let mask = UnsafeMutablePointer<UInt64>(bitPattern: c)!
      for word in 0..<words {
        let left = allowed - word * 64
        mask[word] = left >= 64 ? .max : 1 << UInt64(left) - 1
      }
      return max(words, 1) * 8
    }
  ) { CPULimit.processors() }
}

@Suite struct CPULimitTests {
  @Test func affinity() async {
    await #expect(processExitsWith: .success) {
      #expect(processors(1) == 1)
      #expect(processors(2) == 2)
      #expect(processors(64) == 64)
      #expect(processors(200) == 200)

      #expect(processors(-Int(EINVAL), [("/sys/fs/cgroup/cpu.max", "300000 100000\n")]) == 3)
    }
  }

  @Test func quotaOfVersion2() async {
    await #expect(processExitsWith: .success) {
      #expect(processors(8, [("/sys/fs/cgroup/cpu.max", "150000 100000\n")]) == 1)
      #expect(processors(8, [("/sys/fs/cgroup/cpu.max", "200000 100000\n")]) == 2)
      #expect(processors(8, [("/sys/fs/cgroup/cpu.max", "50000 100000\n")]) == 1)
      #expect(processors(8, [("/sys/fs/cgroup/cpu.max", "max 100000\n")]) == 8)
      #expect(processors(2, [("/sys/fs/cgroup/cpu.max", "1600000 100000\n")]) == 2)
    }
  }

  @Test func ownGroupOfVersion2IsTighterThanTheMount() async {
    await #expect(processExitsWith: .success) {
      let played = [
        ("/sys/fs/cgroup/cpu.max", "max 100000\n"),
        ("/proc/self/cgroup", "1:name=systemd:/\n0::/system.slice/service\n"),
        ("/sys/fs/cgroup/system.slice/service/cpu.max", "75000 25000\n"),
      ]
      #expect(processors(16, played) == 3)
    }
  }

  @Test func aGroupAboveIsTighterThanTheOwn() async {
    await #expect(processExitsWith: .success) {
      let played = [
        ("/sys/fs/cgroup/cpu.max", "max 100000\n"),
        ("/proc/self/cgroup", "0::/kubepods.slice/pod7.slice/container\n"),
        ("/sys/fs/cgroup/kubepods.slice/cpu.max", "600000 100000\n"),
        ("/sys/fs/cgroup/kubepods.slice/pod7.slice/cpu.max", "300000 100000\n"),
        ("/sys/fs/cgroup/kubepods.slice/pod7.slice/container/cpu.max", "max 100000\n"),
      ]
      #expect(processors(16, played) == 3)
      #expect(processors(16, played.filter { !$0.0.hasSuffix("pod7.slice/cpu.max") }) == 6)
    }
  }

  @Test func aGroupWhosePathIsTooLongIsNotTaken() async {
    await #expect(processExitsWith: .success) {
      let path = "/" + String(repeating: "deep/", count: 100)
      let played = [
        ("/sys/fs/cgroup/cpu.max", "500000 100000\n"), ("/proc/self/cgroup", "0::\(path)\n"),
        ("/sys/fs/cgroup/deep/cpu.max", "200000 100000\n"),
      ]
      #expect(processors(16, played) == 5)
    }
  }

  @Test func version1() async {
    await #expect(processExitsWith: .success) {
      let period = ("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "50000\n")
      #expect(processors(8, [period, ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n")]) == 4)
      #expect(processors(8, [("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n")]) == 2)
      #expect(processors(8, [period, ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n")]) == 8)
    }
  }

  @Test func nonsenseBoundsNothing() async {
    await #expect(processExitsWith: .success) {
      for text in ["", "lots\n", "\n", "100000\n", "100000 0\n", "-5 -5\n", "99999999999999999999999999 1\n"] {
        #expect(processors(8, [("/sys/fs/cgroup/cpu.max", text), ("/proc/self/cgroup", "garbage")]) == 8, "\(text)")
      }
      #expect(processors(8, [("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "0\n")]) == 8)
      #expect(
        processors(
          8, [("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "400000\n"), ("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "x\n")])
          == 4)
    }
  }
}
