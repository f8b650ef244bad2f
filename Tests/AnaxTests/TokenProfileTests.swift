// SPDX-License-Identifier: Apache-2.0
//
// Profiles: there and back again, machines that differ, files that are damaged, and the environment's way in.
import Foundation
import Testing
import Topology

@testable import Anax

@Suite struct TokenProfileTests {
  static let here = MachineFingerprint.current()
  static let initial = Tunables.entry("lwkt.token_spin")!.initial

  static func file(_ text: String) throws -> String {
    let path = ProcessFolder.path("profile.json")
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  static func profile(
    _ machine: MachineFingerprint = here, complete: Bool = true, values: [String: Int] = ["lwkt.token_spin": 31]
  ) -> TokenProfile {
    TokenProfile(machine: machine, isComplete: complete, values: values)
  }

  private func reason(_ text: String) throws -> String {
    let path = try Self.file(text)
    let error = #expect(throws: TokenProfileError.self) { try TokenProfile(path: path) }
    let words = error?.description ?? ""
    #expect(words.hasPrefix("\(path) is no usable token profile: "))
    return words.replacingOccurrences(of: "\(path) is no usable token profile: ", with: "")
  }

  @Test(arguments: [nil, 1.5]) func roundTrip(quota: Double?) throws {
    let machine = MachineFingerprint(
      architecture: "aarch64", processor: "odd \"name\"\n", hypervisor: quota == nil ? nil : "KVM", cpus: 7,
      cpuQuota: quota,
      kernel: "6.1")
    let profile = Self.profile(
      machine, values: ["lwkt.token_spin": 31, "lwkt.token_delay": 0, "lwkt.token_backoff": 2])
    let path = try Self.file(profile.text(evidence: ["evidence": .array([.number(0.5)])]))
    #expect(try TokenProfile(path: path) == profile)
  }

  // MARK: Damaged files

  @Test func everyTruncationIsDamaged() throws {
    let text = Array(Self.profile().text().utf8)
    for count in 0..<text.count - 2 {
      #expect(throws: JSONMismatch.self) { try TokenProfile.parse(Array(text[..<count])) }
    }
    #expect(try TokenProfile.parse(text) == Self.profile())
    #expect(try reason("{\n  \"format\": \"anax") == "line 2, column 18: ends where '\"' is wanted")
  }

  @Test func whatIsWrongIsNamed() throws {
    let good = Self.profile().text()
    func with(_ old: String, _ new: String) throws -> String {
      try #require(good.contains(old))
      return try reason(good.replacingOccurrences(of: old, with: new))
    }
    #expect(try reason("[]") == "it is not a JSON object")
    #expect(try reason("{}") == "it has no format")
    #expect(try with("anax-profile", "other") == "its format is not \"anax-profile\"")
    #expect(try with("\"version\": 1", "\"version\": 2") == "its version is 2, and this library reads version 1")
    #expect(try with("\"version\": 1", "\"version\": \"1\"") == "version is not a whole number")
    #expect(try with("\"complete\": true", "\"complete\": 1") == "complete is not true or false")
    #expect(try with("\"cpus\": \(Self.here.cpus)", "\"cpus\": 0") == "machine.cpus is 0")
    #expect(try with("\"cpus\": \(Self.here.cpus)", "\"cpus\": 1.5") == "machine.cpus is not a whole number")
    #expect(try with("\"kernel\"", "\"kern\"") == "it has no machine.kernel")
    #expect(try with("\"cpu_quota\": null", "\"cpu_quota\": -1") == "machine.cpu_quota is -1.0")
    #expect(
      try with("\"lwkt.token_spin\": 31", "\"lwkt.token_spin\": \"many\"")
        == "values.lwkt.token_spin is not a whole number")
    #expect(
      try with("\"lwkt.token_spin\": 31", "\"lwkt.token_spin\": 1000001")
        == "lwkt.token_spin = 1000001 is refused: wants 0...1000000 tries")
    #expect(try with("\"lwkt.token_spin\": 31", "\"lwkt.token_spin\": -1").contains("is refused"))
    #expect(try with("lwkt.token_spin", "lwkt.token_spun") == "values.lwkt.token_spun is not a live tunable of tokens")
    #expect(try with("lwkt.token_spin", "vm.page.decay") == "values.vm.page.decay is not a live tunable of tokens")
  }

  @Test func whatIsNoFileIsTold() throws {
    func description(_ path: String) -> String {
      let error = #expect(throws: TokenProfileError.self) { try TokenProfile(path: path) }
      return error?.description ?? ""
    }
    #expect(description("/nonexistent/profile") == "/nonexistent/profile: No such file or directory")
    #expect(description("/tmp") == "/tmp: is not a regular file")
    #expect(description("/dev/zero") == "/dev/zero: is not a regular file")
    let pipe = ProcessFolder.path("pipe")
    #expect(mkfifo(pipe, 0o600) == 0)
    #expect(description(pipe) == "\(pipe): is not a regular file")
    let large = try Self.file(String(repeating: " ", count: 5 << 20))
    #expect(description(large).contains("larger than 4 MiB"))
  }

  // MARK: Machines

  @Test func differencesAreNamed() {
    var other = Self.here
    #expect(Self.here.differences(from: other).isEmpty)
    other.kernel = "another"
    #expect(Self.here.differences(from: other).isEmpty)
    other.processor = "Another CPU"
    other.cpus += 1
    other.cpuQuota = 0.5
    let differences = Self.here.differences(from: other)
    #expect(differences.count == 3)
    #expect(differences[0] == "processor Another CPU, here \(Self.here.processor)")
    #expect(differences[1] == "CPUs \(other.cpus), here \(Self.here.cpus)")
  }

  @Test func fingerprintFromFiles() throws {
    let root = ProcessFolder.path("root")
    func write(_ path: String, _ text: String) throws {
      let url = URL(fileURLWithPath: root + "/" + path)
      try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try text.write(to: url, atomically: true, encoding: .utf8)
    }
    try write("proc/cpuinfo", "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n")
    try write("proc/sys/kernel/osrelease", "6.1.0\n")
    try write("sys/devices/system/cpu/online", "0-3\n")
    try write("sys/class/dmi/id/sys_vendor", "Amazon EC2\n")
    try write("sys/class/dmi/id/product_name", "m7g.large\n")
    func read(_ signature: String?, _ architecture: String = "aarch64") -> MachineFingerprint {
      MachineFingerprint(files: .init(root: root), signature: signature, architecture: architecture)
    }
    #expect(
      read(nil)
        == MachineFingerprint(
          architecture: "aarch64", processor: "implementer 0x41, part 0xd0c", hypervisor: "Amazon EC2", cpus: 4,
          cpuQuota: nil,
          kernel: "6.1.0"))
    #expect(read("KVMKVMKVM").hypervisor == "KVM" && read("OtherVMM").hypervisor == "OtherVMM")
    // There the processor is asked, and it told of none.
    #expect(read(nil, "x86_64").hypervisor == nil)
    try write("sys/class/dmi/id/product_name", "m7g.metal\n")
    #expect(read(nil).hypervisor == nil)
    try write("sys/hypervisor/type", "xen\n")
    #expect(read(nil).hypervisor == "xen")
  }

  // MARK: Taking effect. In processes of their own: tunables are the process's.

  @Test func loadSetsTheTunables() async {
    await #expect(processExitsWith: .success) {
      let path = try Self.file(Self.profile(values: ["lwkt.token_spin": 33, "lwkt.token_delay": 250]).text())
      let loaded = try TokenProfile.load(path: path)
      #expect(loaded.values.count == 2)
      #expect(try Tunables.value(of: "lwkt.token_spin") == 33 && Tunables.value(of: "lwkt.token_delay") == 250)
      #expect(SpinPolicy.process.tries == 33)
    }
  }

  @Test func anotherMachinesProfileNeedsForce() async {
    await #expect(processExitsWith: .success) {
      var other = Self.here
      other.processor = "Another CPU"
      let path = try Self.file(Self.profile(other).text())
      let error = #expect(throws: TokenProfileError.self) { try TokenProfile.load(path: path) }
      #expect(
        error?.description.contains("is the token profile of another machine: processor Another CPU, here ") == true)
      #expect((try? Tunables.value(of: "lwkt.token_spin")) == Self.initial)
      try TokenProfile.load(path: path, force: true)
      #expect(try Tunables.value(of: "lwkt.token_spin") == 31)
    }
  }

  @Test func unfinishedProfileIsRefusedEvenByForce() throws {
    let path = try Self.file(Self.profile(complete: false, values: [:]).text())
    #expect(throws: TokenProfileError.incomplete(path: path)) { try TokenProfile.load(path: path, force: true) }
  }

  @Test func environmentsProfileIsTakenAtTheFirstToken() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_PROFILE", try Self.file(Self.profile(values: ["lwkt.token_spin": 44]).text()), 1)
      #expect((try? Tunables.value(of: "lwkt.token_spin")) == Self.initial)
      _ = Token()
      #expect(try Tunables.value(of: "lwkt.token_spin") == 44)
      // Once: what the program sets later stays.
      try Tunables.set("lwkt.token_spin", to: 7)
      _ = Token()
      #expect(try Tunables.value(of: "lwkt.token_spin") == 7)
    }
  }

  /// Also where the program has set it to what it was anyway.
  @Test func whatTheProgramHasSetStays() async {
    await #expect(processExitsWith: .success) {
      let values = ["lwkt.token_spin": 44, "lwkt.token_delay": 321]
      setenv("ANAX_PROFILE", try Self.file(Self.profile(values: values).text()), 1)
      try Tunables.set("lwkt.token_spin", to: Self.initial)
      _ = Token()
      #expect(try Tunables.value(of: "lwkt.token_spin") == Self.initial)
      #expect(try Tunables.value(of: "lwkt.token_delay") == 321)
    }
  }

  /// One value that cannot be set, and none is.
  @Test func valuesAreLookedAtBeforeTheFirstIsSet() {
    for values in [["lwkt.token_delay": 7, "lwkt.token_spin": -1], ["lwkt.token_delay": 7, "rung": 2]] {
      let error = #expect(throws: TokenProfileError.self) {
        try Self.profile(values: values).settings(path: "file")
      }
      #expect(error?.description.hasPrefix("file is no usable token profile: ") == true)
    }
    let good = try? Self.profile(values: ["lwkt.token_delay": 7]).settings(path: "file")
    #expect(good?.count == 1)
  }

  @Test func everyKindOfTokenTakesIt() async {
    await #expect(processExitsWith: .success) {
      setenv("ANAX_PROFILE", try Self.file(Self.profile(values: ["lwkt.token_spin": 44]).text()), 1)
      _ = Token.pool(for: UnsafeRawPointer(bitPattern: 64)!)
      #expect(try Tunables.value(of: "lwkt.token_spin") == 44)
    }
    await #expect(processExitsWith: .success) {
      setenv("ANAX_PROFILE", try Self.file(Self.profile(values: ["lwkt.token_spin": 44]).text()), 1)
      _ = Serialized(1)
      #expect(try Tunables.value(of: "lwkt.token_spin") == 44)
    }
  }

  @Test func whatIsNearerToTheProgramStays() async {
    await #expect(processExitsWith: .success) {
      let values = ["lwkt.token_spin": 44, "lwkt.token_delay": 55, "lwkt.token_backoff": 1]
      setenv("ANAX_PROFILE", try Self.file(Self.profile(values: values).text()), 1)
      // Even where it says the default.
      setenv("ANAX_LWKT_TOKEN_SPIN", "\(Self.initial)", 1)
      try Tunables.set("lwkt.token_delay", to: 66)
      _ = Token()
      #expect((try? Tunables.value(of: "lwkt.token_spin")) == Self.initial)
      #expect(try Tunables.value(of: "lwkt.token_delay") == 66)
      #expect(try Tunables.value(of: "lwkt.token_backoff") == 1)
    }
  }

  /// Starts the process with a profile from the environment; what it says on standard error.
  @Test func environmentsTroubleIsOneLine() async throws {
    let damaged = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      setenv("ANAX_PROFILE", "/nonexistent/profile", 1)
      _ = Token()
      _ = Token()
      #expect((try? Tunables.value(of: "lwkt.token_spin")) == Self.initial)
    }
    #expect(
      Self.lines(damaged) == ["anax: ANAX_PROFILE: /nonexistent/profile: No such file or directory; using the defaults"]
    )

    let foreign = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      setenv("ANAX_PROFILE", try Self.foreign(), 1)
      _ = Token()
      #expect((try? Tunables.value(of: "lwkt.token_spin")) == Self.initial)
    }
    #expect(Self.lines(foreign).count == 1)
    #expect(Self.lines(foreign)[0].hasSuffix("; ANAX_PROFILE_FORCE=1 takes it all the same; using the defaults"))

    let forced = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      setenv("ANAX_PROFILE", try Self.foreign(), 1)
      setenv("ANAX_PROFILE_FORCE", "1", 1)
      _ = Token()
      #expect(try Tunables.value(of: "lwkt.token_spin") == 31)
    }
    #expect(Self.lines(forced) == [])
  }

  private static func foreign() throws -> String {
    var other = here
    other.cpus = 4096
    return try file(profile(other).text())
  }

  private static func lines(_ result: ExitTest.Result?) -> [String] {
    String(decoding: result?.standardErrorContent ?? [], as: UTF8.self).split(separator: "\n").map(String.init)
      .filter { $0.hasPrefix("anax:") }
  }
}
