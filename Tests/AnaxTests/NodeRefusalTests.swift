// SPDX-License-Identifier: Apache-2.0
// What the kernel refuses of work on a node and of pinning: played at the seam to the kernel, on a made topology. Each
// case is a process of its own.

import Anax
import CAnax
import Glibc
import Testing

/// Answers to the system calls that are played, and what was asked.
private enum Refused {
  nonisolated(unsafe) static var answers: [Int: Int] = [:]
  /// Modes of the policies that threads were given.
  nonisolated(unsafe) static var modes: [Int] = []
  /// Answers to these, in turn; 0 when there are no more.
  nonisolated(unsafe) static var policies: [Int] = []
  nonisolated(unsafe) static var affinities = 0
  /// Which nodes the process may use, where this is played: a mask, or 0 where the kernel refuses to tell.
  nonisolated(unsafe) static var nodes: UInt64?
  /// The masks of these policies.
  nonisolated(unsafe) static var masks: [UInt64] = []

  static func listen() {
    anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
      if number == anax_sys_set_mempolicy {
        Refused.modes.append(a)
        Refused.masks.append(UnsafePointer<UInt64>(bitPattern: b)?.pointee ?? 0)
        return Refused.policies.isEmpty ? 0 : Refused.policies.removeFirst()
      }
      // MPOL_F_MEMS_ALLOWED
      if number == anax_sys_get_mempolicy, e == 4, let nodes = Refused.nodes,
        let mask = UnsafeMutablePointer<UInt64>(bitPattern: b)
      {
        if nodes == 0 { return -Int(EPERM) }
        mask.pointee = nodes
        return 0
      }
      if number == anax_sys_sched_setaffinity { Refused.affinities += 1 }
      if let answer = Refused.answers[Int(number)] { return answer }
      return anax_system_call(number, a, b, c, d, e, f)
    }
  }

  /// This machine's CPUs on node 0; then a node with such CPUs, and the kernel's number of it.
  static func machine(node id: Int = 1, cpus: [Int]) -> Topology {
    let here = Topology.current()
    return Topology(
      nodes: [
        .init(id: 0, cpus: here.online, memory: nil, distances: [10, 20]),
        .init(id: id, cpus: CPUSet(cpus), memory: nil, distances: [20, 10]),
      ], possible: here.possible, online: here.online.union(CPUSet(cpus)),
      allowed: here.allowed.union(CPUSet(cpus)), allowedNodes: [0], caches: [], warnings: [])
  }
}

extension AnaxTests {
  @Suite struct NodeRefusals {
    @Test func withoutPoliciesTheBodyRunsOnTheCPUs() async {
      await #expect(processExitsWith: .success) {
        let machine = Refused.machine(cpus: [])
        Refused.answers[Int(anax_sys_get_mempolicy)] = -Int(EPERM)
        Refused.listen()
        let ids = try withNode(0, of: machine) { CurrentThread.pinnedCPUIDs }
        #expect(ids == Array(machine.allowed) && Refused.modes.isEmpty && Refused.affinities == 2)
      }
    }

    /// A sandbox that lets read policies and not set them.
    @Test func aPolicyThatIsRefusedIsNotTakenBack() async {
      await #expect(processExitsWith: .success) {
        Refused.policies = [-Int(EPERM)]
        // Another node is there, and is not asked for.
        Refused.nodes = 3
        Refused.listen()
        let seven = try withNode(0, of: Refused.machine(cpus: [])) { 7 }
        #expect(seven == 7)
        // MPOL_PREFERRED was tried once.
        #expect(Refused.modes == [1])
      }
    }

    /// One that has no memory, or was taken from the cpuset since.
    @Test func aNodeThatGivesNothingGivesWay() async {
      await #expect(processExitsWith: .success) {
        Refused.policies = [-Int(EINVAL)]
        Refused.nodes = 3
        Refused.listen()
        try withNode(0, of: Refused.machine(cpus: [])) { #expect(Refused.modes == [1, 1] && Refused.masks == [1, 2]) }
        // MPOL_DEFAULT
        #expect(Refused.modes == [1, 1, 0])
      }
    }

    /// The thread's policy is told, and the nodes that it may use are not.
    @Test func whereTheNodesAreNotToldNoneIsNamed() async {
      await #expect(processExitsWith: .success) {
        Refused.nodes = 0
        Refused.listen()
        try withNode(0, of: Refused.machine(cpus: [])) {}
        #expect(Refused.modes.isEmpty)
      }
    }

    /// The nodes of the old policy have left the cpuset meanwhile.
    @Test func whereTheOldPolicyIsRefusedItIsTheDefault() async {
      await #expect(processExitsWith: .success) {
        var mask: UInt64 = 1
        // MPOL_BIND to node 0; a kernel without nodes has nothing to show.
        let bound = anax_system_call(
          Int(anax_sys_set_mempolicy), 2, Int(bitPattern: withUnsafeMutablePointer(to: &mask) { $0 }), 65, 0, 0, 0)
        if bound != 0 { return }
        Refused.policies = [0, -Int(EINVAL)]
        Refused.listen()
        try withNode(0, of: Refused.machine(cpus: [])) {}
        #expect(Refused.modes == [1, 2, 0])
      }
    }

    /// Ids beyond the kernel's own bound are refused as others are.
    @Test(arguments: [[8000], [9000, 65535]])
    func cpusThatTheKernelDoesNotHave(cpus: [Int]) async {
      await #expect(processExitsWith: .success) { [cpus] in
        let before = CurrentThread.pinnedCPUIDs
        let machine = Refused.machine(cpus: cpus)
        #expect(throws: NodeError.noUsableCPU(node: 1)) {
          try withNode(1, of: machine) { Issue.record("the body ran") }
        }
        #expect(throws: NodeError.unusableCPUs(cpus)) { try CurrentThread.pin(pinnedCPUIDs: cpus) }
        #expect(CurrentThread.pinnedCPUIDs == before)
      }
    }

    @Test func pinningThatIsDenied() async {
      await #expect(processExitsWith: .success) {
        let machine = Refused.machine(cpus: [])
        Refused.answers[Int(anax_sys_sched_setaffinity)] = -Int(EPERM)
        Refused.listen()
        let denied = NodeError.refused(errno: Int(EPERM))
        #expect(throws: denied) { try CurrentThread.pin(pinnedCPUIDs: [0]) }
        #expect(throws: denied) { try CurrentThread.withPinnedCPUIDs([0]) { Issue.record("the body ran") } }
        #expect(throws: denied) { try withNode(0, of: machine) { Issue.record("the body ran") } }
        #expect(Refused.modes.isEmpty)
        // Nor does the kernel say what it was.
        Refused.answers[Int(anax_sys_sched_getaffinity)] = -Int(ENOSYS)
        #expect(throws: NodeError.refused(errno: Int(ENOSYS))) { try CurrentThread.pin(pinnedCPUIDs: [0]) }
        #expect(CurrentThread.pinnedCPUIDs == [])
      }
    }

    /// Masks are of 64 nodes.
    @Test func aNodeBeyondTheMasks() async {
      await #expect(processExitsWith: .success) {
        let machine = Refused.machine(node: 70, cpus: [])
        #expect(throws: NodeError.refused(errno: Int(EINVAL))) {
          try withNode(70, of: machine) { Issue.record("the body ran") }
        }
      }
    }
  }
}
