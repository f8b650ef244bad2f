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

import Machine

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

  static func parse(_ bytes: [UInt8]) throws(JSONMismatch) -> TokenProfile {
    let reader = try JSONReading(parsing: bytes, format: "anax-profile", version: Self.version)
    return TokenProfile(
      machine: try MachineFingerprint(reader.object("machine")), isComplete: try reader.boolean("complete"),
      values: try values(reader.object("values")))
  }

  private static func values(_ reader: JSONReading) throws(JSONMismatch) -> [String: Int] {
    var values: [String: Int] = [:]
    for member in reader.members.list {
      guard member.key.hasPrefix("lwkt."), let entry = Tunables.entry(member.key), entry.isLive else {
        throw JSONMismatch(reason: "values.\(member.key) is not a live tunable of tokens")
      }
      let value = try reader.integer(member.key)
      guard entry.range.contains(value) else {
        throw JSONMismatch(reason: "\(TunablesError.outOfRange(entry, value))")
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

  package init(_ reader: JSONReading) throws(JSONMismatch) {
    self.init(
      architecture: try reader.string("architecture"), processor: try reader.string("processor"),
      hypervisor: try reader.isNull("hypervisor") ? nil : reader.string("hypervisor"),
      cpus: try reader.integer("cpus"),
      cpuQuota: try reader.isNull("cpu_quota") ? nil : reader.number("cpu_quota"), kernel: try reader.string("kernel"))
    guard cpus >= 1, cpus <= 65536 else { throw JSONMismatch(reason: "machine.cpus is \(cpus)") }
    if let cpuQuota, !(cpuQuota > 0) { throw JSONMismatch(reason: "machine.cpu_quota is \(cpuQuota)") }
  }
}
