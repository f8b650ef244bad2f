// SPDX-License-Identifier: Apache-2.0
//
// What is read of a process before its memory, and what becomes of it where the process ends, changes or is closed:
// from files that are played, where the moment matters.
import Foundation
import Testing
import Topology

@testable import AnaxCommand

@Suite struct InspectedProcessTests {
  private static func memory(_ process: InspectedProcess) -> Result<ProcessMemory, ProcessError> {
    Result { () throws(ProcessError) in try process.memory(pageSize: 4096) }
  }

  private static func isEnded(_ process: InspectedProcess) -> Bool {
    if case .failure(.ended(process.id)) = memory(process) { true } else { false }
  }

  static let mapping = "7f0000000000-7f0000200000 rw-p 00000000 00:00 0 \nRss: 8 kB\nVmFlags: rd\n"

  @Test func cpusAreThoseOfAllThreads() throws {
    let played = PlayedProcess(
      threads: [(7, "S (sleeping)", "0,3"), (9, "R (running)", "2-3,70"), (12, "Z (zombie)", "5")],
      name: "a\\tb \u{1b}[1m")
    let process = try InspectedProcess(7, files: played.files)
    #expect(process.allowed == [0, 2, 3, 70] && process.allowedNodes == [0])
    #expect(process.name == #"a\\tb \u{1B}[1m"#)
  }

  /// The first thread may end before the others; its files are empty then.
  @Test func theFirstThreadMayHaveEnded() throws {
    let played = PlayedProcess(threads: [(7, "Z (zombie)", "0"), (9, "S (sleeping)", "1")])
    played.write("task/9/smaps", Self.mapping)
    played.write("task/9/numa_maps", "7f0000000000 default N1=2 kernelpagesize_kB=4\n")
    let memory = try Self.memory(InspectedProcess(7, files: played.files)).get()
    #expect(memory.mappings.count == 1 && memory.pages == [0x7f00_0000_0000: [1: 2]])
  }

  @Test func aKernelWithoutNodesHasOne() throws {
    let played = PlayedProcess()
    played.write("task/7/smaps", Self.mapping)
    let memory = try Self.memory(InspectedProcess(7, files: played.files)).get()
    #expect(memory.pages == [0x7f00_0000_0000: [0: 2]])
  }

  @Test func noProcessAndOneThatHasEnded() throws {
    let played = PlayedProcess(threads: [(7, "Z (zombie)", "0"), (9, "X (dead)", "0")])
    #expect(throws: ProcessError.ended(7)) { try InspectedProcess(7, files: played.files) }
    #expect(throws: ProcessError.none(8)) { try InspectedProcess(8, files: played.files) }
  }

  @Test func oneThatEndsMeanwhile() throws {
    let gone = PlayedProcess()
    let process = try InspectedProcess(7, files: gone.files)
    gone.remove("")
    #expect(Self.isEnded(process))

    // Before it is waited for.
    let zombie = PlayedProcess()
    let dying = try InspectedProcess(7, files: zombie.files)
    zombie.write("task/7/status", "State:\tZ (zombie)\n")
    #expect(Self.isEnded(dying))

    // Behind the mappings.
    let late = PlayedProcess()
    late.write("task/7/smaps", Self.mapping)
    let other = try InspectedProcess(7, files: late.files)
    late.write("stat", PlayedProcess.stat(began: 501))
    #expect(Self.isEnded(other), "its number is another's")
  }

  @Test func aThreadOfTheKernelHasNoMemory() throws {
    let played = PlayedProcess()
    let process = try InspectedProcess(7, files: played.files)
    guard case .failure(.noHeap(7, name: "server")) = Self.memory(process) else { return #expect(Bool(false)) }
  }

  @Test func whatMakesNoSenseIsNamed() {
    let played = PlayedProcess(threads: [(7, "S (sleeping)", "some")])
    let path = played.root + "/proc/7/task/7/status"
    #expect {
      try InspectedProcess(7, files: played.files)
    } throws: {
      "\($0)".hasPrefix(path + ": \"some\" is not a list") && ($0 as? ProcessError)?.exitCode == 1
    }
  }

  @Test func limitsAreThoseOfTheProcess() {
    let played = PlayedProcess()
    played.write("cgroup", "0::/its\n")
    played.write(
      "limits",
      """
      Limit                     Soft Limit           Hard Limit           Units
      Max resident set          unlimited            unlimited            bytes
      Max address space         1073741824           unlimited            bytes

      """)
    for (name, text) in [
      ("self/cgroup", "0::/mine\n"), ("self/mountinfo", "30 23 0:26 / /groups rw - cgroup2 cgroup2 rw\n"),
      ("../groups/its/memory.max", "4096000\n"), ("../groups/mine/memory.max", "8192000\n"),
    ] { played.write("../" + name, text) }
    let process = Limits.Process(addressSpace: 5 << 30, pageSize: 4096, addressBits: 47)
    let its = Limits(root: played.root, process: process, of: 7)
    #expect(its.addressSpace?.value == 1 << 30 && its.memoryMaximum?.value == 4_096_000)
    let mine = Limits(root: played.root, process: process)
    #expect(mine.addressSpace?.value == 5 << 30 && mine.memoryMaximum?.value == 8_192_000)
    played.write("limits", "Max address space         unlimited            unlimited            bytes\n")
    #expect(Limits(root: played.root, process: process, of: 7).addressSpace == nil)
  }
}
