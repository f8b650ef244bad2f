// SPDX-License-Identifier: Apache-2.0
//
// The format of a token profile, version 1: the one place that writes and reads it. Members that this version does not
// know are ignored, so that evidence can grow; what it knows must be there, of the right type and in range.
//
//   format   "anax-profile"            version   1
//   complete whether a choice was made
//   machine  architecture, processor, hypervisor (or null), cpus, cpu_quota (or null), kernel
//   values   tunables by name; empty keeps the defaults
//   the rest is evidence for people

import Glibc
import Machine

struct ProfileDamage: Error {
  var reason: String
}

extension TokenProfile {
  /// The file's text; `evidence` comes behind what the library reads.
  package func text(evidence: JSON.Members = [:]) -> String {
    var members: JSON.Members = [
      "format": .string("anax-profile"),
      "version": .integer(Int64(Self.version)),
      "complete": .boolean(isComplete),
      "machine": machine.json,
      "values": .object(
        values.sorted { $0.key < $1.key }.reduce(into: [:]) { $0.append($1.key, .integer(Int64($1.value))) }),
    ]
    for member in evidence.list { members.append(member.key, member.value) }
    return JSON.object(members).text() + "\n"
  }

  static func parse(_ bytes: [UInt8]) throws(ProfileDamage) -> TokenProfile {
    let json: JSON
    do throws(JSONError) {
      json = try JSON(parsing: bytes)
    } catch {
      throw ProfileDamage(reason: "\(error)")
    }
    guard case .object(let members) = json else { throw ProfileDamage(reason: "it is not a JSON object") }
    let reader = ProfileReader(members: members, path: "")
    guard try reader.string("format") == "anax-profile" else {
      throw ProfileDamage(reason: "its format is not \"anax-profile\"")
    }
    let version = try reader.integer("version")
    guard version == Self.version else {
      throw ProfileDamage(reason: "its version is \(version), and this library reads version \(Self.version)")
    }
    return TokenProfile(
      machine: try MachineFingerprint(reader.object("machine")), isComplete: try reader.boolean("complete"),
      values: try values(reader.object("values")))
  }

  private static func values(_ reader: ProfileReader) throws(ProfileDamage) -> [String: Int] {
    var values: [String: Int] = [:]
    for member in reader.members.list {
      guard member.key.hasPrefix("lwkt."), let entry = Tunables.entry(member.key), entry.isLive else {
        throw ProfileDamage(reason: "values.\(member.key) is not a live tunable of tokens")
      }
      let value = try reader.integer(member.key)
      guard entry.range.contains(value) else {
        throw ProfileDamage(reason: "\(TunablesError.outOfRange(entry, value))")
      }
      values[member.key] = value
    }
    return values
  }
}

extension MachineFingerprint {
  package var json: JSON {
    .object([
      "architecture": .string(architecture), "processor": .string(processor),
      "hypervisor": .optional(hypervisor, JSON.string), "cpus": .integer(Int64(cpus)),
      "cpu_quota": .optional(cpuQuota, JSON.number), "kernel": .string(kernel),
    ])
  }

  fileprivate init(_ reader: ProfileReader) throws(ProfileDamage) {
    self.init(
      architecture: try reader.string("architecture"), processor: try reader.string("processor"),
      hypervisor: try reader.isNull("hypervisor") ? nil : reader.string("hypervisor"),
      cpus: try reader.integer("cpus"),
      cpuQuota: try reader.isNull("cpu_quota") ? nil : reader.number("cpu_quota"), kernel: try reader.string("kernel"))
    guard cpus >= 1, cpus <= 65536 else { throw ProfileDamage(reason: "machine.cpus is \(cpus)") }
    if let cpuQuota, !(cpuQuota > 0) { throw ProfileDamage(reason: "machine.cpu_quota is \(cpuQuota)") }
  }
}

/// The members of one object of the file, with what they must be.
private struct ProfileReader {
  let members: JSON.Members
  /// Of the object, with a dot behind; empty at the top.
  let path: String

  private func member(_ name: String) throws(ProfileDamage) -> JSON {
    guard let value = members[name] else { throw ProfileDamage(reason: "it has no \(path)\(name)") }
    return value
  }

  private func wrong(_ name: String, _ wanted: String) -> ProfileDamage {
    ProfileDamage(reason: "\(path)\(name) is not \(wanted)")
  }

  func string(_ name: String) throws(ProfileDamage) -> String {
    guard case .string(let value) = try member(name) else { throw wrong(name, "a string") }
    return value
  }

  func integer(_ name: String) throws(ProfileDamage) -> Int {
    guard case .integer(let value) = try member(name) else { throw wrong(name, "a whole number") }
    return Int(value)
  }

  func number(_ name: String) throws(ProfileDamage) -> Double {
    switch try member(name) {
    case .integer(let value): return Double(value)
    case .number(let value): return value
    default: throw wrong(name, "a number")
    }
  }

  func boolean(_ name: String) throws(ProfileDamage) -> Bool {
    guard case .boolean(let value) = try member(name) else { throw wrong(name, "true or false") }
    return value
  }

  func isNull(_ name: String) throws(ProfileDamage) -> Bool {
    if case .null = try member(name) { true } else { false }
  }

  func object(_ name: String) throws(ProfileDamage) -> ProfileReader {
    guard case .object(let value) = try member(name) else { throw wrong(name, "an object") }
    return ProfileReader(members: value, path: "\(path)\(name).")
  }
}

enum ProfileFile {
  /// More is no profile.
  static let limit = 4 << 20

  static func read(_ path: String) throws(TokenProfileError) -> [UInt8] {
    func unreadable(_ code: CInt) -> TokenProfileError {
      .unreadable(path: path, reason: String(cString: strerror(code)))
    }
    // Without waiting: a pipe that nobody writes would hold up the program.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw unreadable(errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw unreadable(errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .unreadable(path: path, reason: "is not a regular file") }
    guard status.st_size <= limit else { throw .damaged(path: path, reason: "it is larger than \(limit >> 20) MiB") }
    var bytes = [UInt8](repeating: 0, count: limit + 1)
    var count = 0
    while count < bytes.count {
      let got = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + count, $0.count - count) }
      if got < 0, errno == EINTR { continue }
      if got < 0 { throw unreadable(errno) }
      if got == 0 { break }
      count += got
    }
    if count > limit { throw .damaged(path: path, reason: "it is larger than \(limit >> 20) MiB") }
    return Array(bytes[..<count])
  }
}
