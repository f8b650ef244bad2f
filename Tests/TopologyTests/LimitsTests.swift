// SPDX-License-Identifier: Apache-2.0
//
// Limits as control groups of both versions set them, nested, hybrid, seen from inside a container, and malformed.
import Testing
import Topology

@Suite struct LimitsTests {
  static let process = Limits.Process(addressSpace: nil, pageSize: 4096, addressBits: 47)
  static let v2Mount = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

  private func limits(_ root: borrowing FakeRoot) -> Limits { Limits(root: root.path, process: Self.process) }

  @Test func noGroupsNoLimits() {
    let root = FakeRoot()
    let limits = limits(root)
    #expect(limits.cpuQuota == nil && limits.memoryMaximum == nil && limits.memoryHigh == nil)
    #expect(limits.addressSpace == nil && limits.overcommit == nil && limits.commitLimit == nil)
    #expect(limits.warnings == [])
  }

  @Test func tightestOfNestedGroupsBinds() {
    let root = FakeRoot([
      "proc/self/cgroup": "0::/a/b/c\n",
      "proc/self/mountinfo": "25 1 8:1 / / rw - ext4 /dev/sda rw\n" + Self.v2Mount,
      "sys/fs/cgroup/a/cpu.max": "150000 100000\n",
      "sys/fs/cgroup/a/memory.max": "1000000\n",
      "sys/fs/cgroup/a/memory.high": "max\n",
      "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
      "sys/fs/cgroup/a/b/memory.max": "2000000\n",
      "sys/fs/cgroup/a/b/memory.high": "900000\n",
      "sys/fs/cgroup/a/b/c/cpu.max": "400000 100000\n",
      "sys/fs/cgroup/a/b/c/memory.max": "max\n",
      "sys/fs/cgroup/a/b/c/memory.high": "950000\n",
    ])
    let limits = limits(root)
    #expect(limits.cpuQuota == .init(1.5, source: root.path + "/sys/fs/cgroup/a/cpu.max"))
    #expect(limits.memoryMaximum == .init(1_000_000, source: root.path + "/sys/fs/cgroup/a/memory.max"))
    #expect(limits.memoryHigh == .init(900_000, source: root.path + "/sys/fs/cgroup/a/b/memory.high"))
    #expect(limits.warnings == [])
  }

  @Test func versionOneInHierarchiesOfItsOwn() {
    let root = FakeRoot([
      "proc/self/cgroup": "4:memory:/job/x\n2:cpuset:/\n1:cpu,cpuacct:/job\n",
      "proc/self/mountinfo": """
      32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
      35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory

      """,
      "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
      "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "50000\n",
      "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "200000\n",
      "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
      "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "8388608\n",
      "sys/fs/cgroup/memory/job/x/memory.limit_in_bytes": "9223372036854771712\n",
    ])
    let limits = limits(root)
    #expect(limits.cpuQuota?.value == 0.25)
    #expect(
      limits.memoryMaximum
        == .init(8_388_608, source: root.path + "/sys/fs/cgroup/memory/job/memory.limit_in_bytes"))
    #expect(limits.memoryHigh == nil)
  }

  @Test func hybridTakesTheTighterOfBothVersions() {
    let root = FakeRoot([
      "proc/self/cgroup": "4:memory:/\n0::/u\n",
      "proc/self/mountinfo": """
      35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
      38 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw

      """,
      "sys/fs/cgroup/memory/memory.limit_in_bytes": "5000000\n",
      "sys/fs/cgroup/unified/u/memory.max": "6000000\n",
      "sys/fs/cgroup/unified/u/cpu.max": "100000 100000\n",
    ])
    #expect(limits(root).memoryMaximum?.value == 5_000_000)
    #expect(limits(root).cpuQuota?.value == 1)
  }

  @Test func containerThatSeesOnlyItsPart() {
    let root = FakeRoot([
      "proc/self/cgroup": "4:memory:/docker/abc/inner\n",
      "proc/self/mountinfo": "35 31 0:32 /docker/abc /sys/fs/cgroup/my\\040memory ro - cgroup cgroup rw,memory\n",
      "sys/fs/cgroup/my memory/memory.limit_in_bytes": "7000000\n",
      "sys/fs/cgroup/my memory/inner/memory.limit_in_bytes": "8000000\n",
    ])
    #expect(limits(root).memoryMaximum?.value == 7_000_000)
  }

  @Test(arguments: ["/../..", "/elsewhere", "/"]) func pathOutsideTheMountFallsBackToIt(_ path: String) {
    let root = FakeRoot([
      "proc/self/cgroup": "0::\(path)\n", "proc/self/mountinfo": Self.v2Mount,
      "sys/fs/cgroup/memory.max": "4096000\n",
    ])
    #expect(limits(root).memoryMaximum?.value == 4_096_000)
  }

  @Test func malformedLimitIsToldAndSkipped() throws {
    let root = FakeRoot([
      "proc/self/cgroup": "0::/a\nnonsense\n", "proc/self/mountinfo": Self.v2Mount,
      "sys/fs/cgroup/memory.max": "100\n", "sys/fs/cgroup/a/memory.max": "lots\n", "sys/fs/cgroup/a/cpu.max": "0 0\n",
    ])
    let limits = limits(root)
    #expect(limits.memoryMaximum?.value == 100)
    #expect(limits.cpuQuota == nil)
    #expect(limits.warnings.count == 3)
    #expect(limits.warnings.contains { $0.hasPrefix(root.path + "/sys/fs/cgroup/a/memory.max: \"lots\"") })
    #expect(limits.warnings.contains { $0.hasPrefix(root.path + "/sys/fs/cgroup/a/cpu.max: \"0 0\"") })
    #expect(limits.warnings.contains { $0.hasPrefix(root.path + "/proc/self/cgroup: \"nonsense\"") })
  }

  @Test func overcommitAndAddressSpace() {
    let root = FakeRoot([
      "proc/sys/vm/overcommit_memory": "2\n", "proc/meminfo": "MemTotal: 8 kB\nCommitLimit:     4096 kB\n",
    ])
    let limits = Limits(
      root: root.path, process: Limits.Process(addressSpace: 64 << 20, pageSize: 16384, addressBits: 48))
    #expect(limits.overcommit == .never)
    #expect(limits.commitLimit == 4 << 20)
    #expect(limits.addressSpace == .init(64 << 20, source: "RLIMIT_AS"))
    #expect(limits.pageSize == 16384 && limits.addressBits == 48)
  }

  @Test func thisProcessHasSaneNumbers() {
    let process = Limits.Process.current()
    #expect([4096, 16384, 65536].contains(process.pageSize))
    #expect((39...57).contains(process.addressBits))
    #expect(Limits().warnings == [])
  }
}
