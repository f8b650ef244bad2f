// SPDX-License-Identifier: Apache-2.0
//
// `anax topology --process` on real processes: with Anax linked, as these tests' own children are, with the library
// preloaded, and without it; and on those that cannot be shown.
import Anax
import ArgumentParser
import CAnax
import Foundation
import Heap
import Machine
import Testing
import Topology

@testable import AnaxCommand

/// What the command says of a process, read from its JSON.
private struct Shown {
  var name = ""
  var allowed = ""
  var regions: [Range<UInt>] = []
  /// Of all regions.
  var pages: [Int: Int] = [:]
  var tables = 0
  var other = 0
  var members: [String: Any] = [:]

  init(_ process: Int32) throws {
    let result = try CommandUnderTest.run(["topology", "--process", "\(process)", "--format", "json"])
    guard result.code == 0 else { throw Refusal(code: result.code, errors: result.errors) }
    members = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any] ?? [:]
    allowed = (members["cpus"] as? [String: Any])?["allowed"] as? String ?? ""
    let described = members["process"] as? [String: Any] ?? [:]
    name = described["name"] as? String ?? ""
    tables = Self.counts(described["tables"]).values.reduce(0, +)
    other = Self.counts(described["other"]).values.reduce(0, +)
    for region in members["regions"] as? [[String: Any]] ?? [] {
      let start = UInt((region["start"] as? String ?? "").dropFirst(2), radix: 16) ?? 0
      regions.append(start..<start + UInt(region["bytes"] as? Int ?? 0))
      pages.merge(Self.counts(region["pages"])) { $0 + $1 }
    }
  }

  struct Refusal: Error {
    var code: Int32
    var errors: String
  }

  var all: Int { pages.values.reduce(0, +) }

  private static func counts(_ json: Any?) -> [Int: Int] {
    let rows = (json as? [[String: Int]] ?? []).map { ($0["node"] ?? -1, $0["count"] ?? 0) }
    return Dictionary(rows) { $0 + $1 }
  }
}

/// Pages that Anax itself says are in memory in its regions, by node.
private func placed() -> [Int: Int] {
  var pages: [Int: Int] = [:]
  for row in Memory.placement() {
    for (node, count) in row.enumerated() where count > 0 { pages[node, default: 0] += count }
  }
  return pages
}

/// Pages in memory of this process's tables, which begin with the claimed bits and end where the heap begins, asked
/// page by page.
private func tablePages() -> Int {
  let start = UInt(bitPattern: anax_state().pointee.claimed)
  let pages = Array(stride(from: start, to: UInt(anax_state().pointee.heap_base), by: PageRun.pageBytes))
  return HeapPicture.nodes(of: getpid(), pages: pages)?.count { $0 >= 0 } ?? -1
}

private func touch(_ start: UnsafeMutableRawPointer, pages: Int) {
  for page in 0..<pages { start.storeBytes(of: 1, toByteOffset: page * PageRun.pageBytes, as: UInt8.self) }
}

@Suite struct ProcessCommandTests {
  /// A known amount, of a process that has Anax linked, exact to the page; on each rung.
  @Test(arguments: ["A", "B", "D"]) func aLinkedProcess(rung: String) async {
    await #expect(processExitsWith: .exitCode(0)) { [rung] in
      setenv("ANAX_RUNG", rung, 1)
      #expect(Memory.nodes > 0)
      let before = try Shown(getpid())
      #expect(before.regions == Memory.regions && before.pages == placed() && before.tables > 0 && before.other > 100)
      let run = try PageRun(count: 5003)
      touch(run.bytes.baseAddress!, pages: 5003)
      let after = try Shown(getpid())
      #expect(after.regions == before.regions && after.pages == placed() && after.all == before.all + 5003)
      let members = after.members
      #expect((members["process"] as? [String: Any])?["id"] as? Int == Int(getpid()) && members["rung"] is NSNull)
    }
  }

  @Test func textAndPictureHaveTheSame() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let run = try PageRun(count: 3001)
      touch(run.bytes.baseAddress!, pages: 3001)
      let shown = try Shown(getpid())
      let text = try CommandUnderTest.run(["topology", "--process", "\(getpid())"])
      let svg = try CommandUnderTest.run(["topology", "--process", "\(getpid())", "--format", "svg"])
      #expect(text.code == 0 && text.output.hasPrefix("process           \(getpid()) (\(shown.name))\nCPUs "))
      #expect(shown.pages.count > 1 || text.output.contains("| pages \(shown.all) ("))
      #expect(!text.output.contains("rung "))
      #expect(svg.code == 0 && svg.output.contains(">process \(getpid()) (\(shown.name))<"))
      #expect(shown.pages.count > 1 || svg.output.contains(">pages: \(shown.all) ("))
      for output in [text.output, svg.output] {
        #expect(output.contains("pages of tables: ") && output.contains("pages of other memory: "))
      }
    }
  }

  /// Blocks of all sizes, with huge pages, moved, with wishes for a node, freed and given back: the heap is found all
  /// the same, and its mappings do not become more and more.
  @Test func aProcessUnderLoad() async {
    await #expect(processExitsWith: .exitCode(0)) {
      func mappings() throws -> Int { try FileTree().text("proc/self/maps").split(separator: "\n").count }
      var counts: [Int] = []
      for _ in 0..<3 {
        var blocks: [UnsafeMutableRawPointer] = []
        for size in [100, 5000, 70_000, 3 << 20, 20 << 20] {
          let block = try #require(Heap.allocate(size))
          memset(block, 1, size)
          blocks.append(try #require(Heap.reallocate(block, size * 2)))
          memset(blocks.last!, 1, size * 2)
        }
        let wished = try PageRun(count: 600, placement: .node(Topology.current().allowedNodes.first!))
        touch(wished.bytes.baseAddress!, pages: 600)
        let shown = try Shown(getpid())
        #expect(shown.regions == Memory.regions)
        // Of a huge page the kernel counts what nobody has touched, too.
        let least = placed().values.reduce(0, +)
        #expect(shown.all >= least && shown.all <= least + 20 * 512, "\(shown.all), \(least)")
        #expect(least >= (46 << 20) / 4096)
        for block in blocks { Heap.free(block) }
        counts.append(try mappings())
      }
      Memory.purge()
      let shown = try Shown(getpid())
      #expect(shown.regions == Memory.regions && shown.all < 1000)
      #expect(counts[2] <= counts[0] + 8, "\(counts)")
    }
  }

  /// Where the kernel lets no protection be changed, the tables and the heap are one mapping: asked page by page.
  @Test func aHeapThatIsOneMapping() async {
    await #expect(processExitsWith: .exitCode(0)) {
      setenv("ANAX_VM_PAGE_HUGE", "0", 1)
      anax_state().pointee.fake_kernel = { number, a, b, c, d, e, f in
        number == anax_sys_mprotect ? -Int(EACCES) : anax_system_call(number, a, b, c, d, e, f)
      }
      #expect(Engine.ensureStarted())
      anax_state().pointee.fake_kernel = nil
      let run = try PageRun(count: 777)
      touch(run.bytes.baseAddress!, pages: 777)
      // Pages of CPU blocks, which lie between the locks and the heap.
      let items = try (0..<1000).map { _ in try #require(Heap.allocate(100)) }
      for item in items { Heap.free(item) }
      let tables = tablePages()
      let shown = try Shown(getpid())
      #expect(shown.regions == Memory.regions && shown.pages == placed() && shown.all >= 777)
      #expect(tables > 0 && (tables...tablePages()).contains(shown.tables), "\(shown.tables), \(tables)")
    }
  }

  /// Little address space, by a tunable or by a limit, which is shown.
  @Test(arguments: [32 << 20, 0]) func aSmallHeap(reserve: Int) async {
    await #expect(processExitsWith: .exitCode(0)) { [reserve] in
      setenv("ANAX_VM_HEAP_RESERVE", "\(reserve)", 1)
      var limit = rlimit()
      limit.rlim_max = rlim_t.max
      limit.rlim_cur = 4 << 30
      if reserve == 0 { #expect(setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0) }
      let run = try PageRun(count: 300)
      touch(run.bytes.baseAddress!, pages: 300)
      let shown = try Shown(getpid())
      #expect(shown.regions == Memory.regions && shown.pages == placed() && shown.all >= 300)
      let limits = shown.members["limits"] as? [String: Any]
      let told = (limits?["address_space_bytes"] as? [String: Any])?["value"] as? Int
      #expect(reserve != 0 || told == 4 << 30)
    }
  }

  /// The library is built by Scripts/build-malloc.
  static let library: String? = try? LibraryPath.find(asked: nil)

  /// `dd` asks malloc for its block, fills it, and waits for a reader that does not come.
  @Test(.enabled(if: library != nil, "libanax.so is not built"))
  func aPreloadedProcess() async throws {
    let topology = Topology.current()
    let cpu = try #require(topology.allowed.last)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/dd")
    process.arguments = ["if=/dev/zero", "bs=64M", "count=1"]
    process.environment = ["LD_PRELOAD": try #require(Self.library)]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    // It inherits where this thread may run.
    try CurrentThread.withPinnedCPUIDs([cpu]) { try process.run() }
    defer { process.terminate() }
    // Until it has asked for memory it has no heap.
    var last = try? Shown(process.processIdentifier)
    for _ in 0..<200 where (last?.all ?? 0) < 16384 {
      try await Task.sleep(for: .milliseconds(50))
      last = try? Shown(process.processIdentifier)
    }
    let shown = try #require(last)
    #expect(shown.all >= 16384 && shown.all < 16384 + 600 && shown.name == "dd" && shown.allowed == "\(cpu)")
    #expect(shown.tables > 0 && shown.other > 50)
    #expect(shown.regions.count == Int(Topology.current().nodes.last!.id) + 1)
    let nodes = shown.members["nodes"] as? [[String: Any]]
    #expect(nodes?.filter { $0["allowed"] as? Bool == true }.count == topology.allowedNodes.count)
  }

  // MARK: Those that cannot be shown

  /// The verb's exit code, and what it says.
  private static func refusal(_ process: Int32) throws -> (code: Int32, words: String) {
    let result = try CommandUnderTest.run(["topology", "--process", "\(process)"])
    #expect(result.output == "")
    return (result.code, result.errors)
  }

  @Test func aProcessThatIsNot() throws {
    #expect(try Self.refusal(.max) == (2, "anax: there is no process 2147483647\n"))
  }

  @Test func aProcessWithoutAnax() throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sleep")
    process.arguments = ["60"]
    process.environment = [:]
    try process.run()
    defer { process.terminate() }
    // Until then it is a copy of this one.
    let id = process.processIdentifier
    for _ in 0..<400 where FileTree().line("proc/\(id)/comm") != "sleep" { usleep(5000) }
    let refusal = try Self.refusal(id)
    #expect(
      refusal == (
        4,
        "anax: process \(id) (sleep) has no heap of Anax's: it runs without the library, or has not asked for memory yet; "
          + "or the kernel has no transparent huge pages, by whose flags the heap is known\n"
      ))
  }

  /// Threads have numbers too, and files under them.
  @Test func aThreadIsNoProcess() throws {
    // One that lives until it was looked at.
    let (started, seen) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    nonisolated(unsafe) var thread: Int32 = 0
    Thread.detachNewThread {
      thread = Int32(Kernel.call(anax_sys_gettid))
      started.signal()
      seen.wait()
    }
    started.wait()
    defer { seen.signal() }
    #expect(try Self.refusal(thread) == (2, "anax: \(thread) is a thread of process \(getpid())\n"))
  }

  /// What is not written is told: no success on a full disk.
  @Test(arguments: [["topology"], ["topology", "--format", "json"], ["tunables"]])
  func aFullDisk(arguments: [String]) throws {
    let full = try FileHandle(forWritingTo: URL(fileURLWithPath: "/dev/full"))
    let result = try CommandUnderTest.run(arguments, into: full)
    #expect(result.code == 1 && result.errors == "anax: standard output: No space left on device\n")
  }

  @Test(.enabled(if: FileTree().line("proc/2/comm") == "kthreadd", "the kernel's threads are not to be seen"))
  func aThreadOfTheKernel() throws {
    #expect(try Self.refusal(2).code == 4)
  }

  /// A child that has ended and was not waited for; then one that was.
  @Test func aProcessThatHasEnded() throws {
    var id: pid_t = 0
    var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("true"), nil]
    defer { free(arguments[0]) }
    #expect(posix_spawn(&id, "/bin/true", nil, nil, &arguments, nil) == 0)
    let process = try? InspectedProcess(id)
    var info = siginfo_t()
    #expect(waitid(P_PID, id_t(id), &info, WEXITED | WNOWAIT) == 0)
    #expect(try Self.refusal(id) == (2, "anax: process \(id) has ended\n"))
    if let process { #expect(throws: ProcessError.ended(id)) { try process.memory(pageSize: 4096) } }
    #expect(waitpid(id, nil, 0) == id)
    if let process { #expect(throws: ProcessError.ended(id)) { try process.memory(pageSize: 4096) } }
    #expect(try Self.refusal(id) == (2, "anax: there is no process \(id)\n"))
  }

  /// A process of root's, asked for by somebody else.
  @Test func aProcessThatMayNotBeRead() async throws {
    let result = try await #require(processExitsWith: .exitCode(3), observing: [\.standardErrorContent]) {
      let process = geteuid() == 0 ? getppid() : 1
      if geteuid() == 0 { #expect(seteuid(65534) == 0) }
      do {
        try TopologyCommand.parse(["--process", "\(process)"]).run()
      } catch let code as ExitCode {
        exit(code.rawValue)
      }
    }
    let words = String(decoding: result.standardErrorContent, as: UTF8.self)
    #expect(words.contains("anax: process ") && words.contains(" may not be read: /proc/"))
  }

  @Test(arguments: ["0", "-1", "x", "", "4294967296"]) func whatIsNoNumberOfAProcess(_ number: String) {
    #expect {
      try TopologyCommand.parse(["--process=\(number)"])
    } throws: { TopologyCommand.exitCode(for: $0) == .validationFailure }
  }
}
