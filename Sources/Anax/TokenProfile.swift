// SPDX-License-Identifier: Apache-2.0
//
// A profile: values of the token tunables that `anax tune` measured on a machine, and the file they travel in. Owns the
// format. Any thread; allocates, so never called by the allocator. What is wrong with a file is told by name, and then
// nothing of it is used. All of a profile is looked at before the first of its tunables is set; they are then set one
// after the other, so that a thread that begins to spin meanwhile may see some of them.

import Machine

/// Values for tokens that `anax tune` measured, and the machine they were measured on.
///
/// `ANAX_PROFILE=FILE` in the environment applies one when the first token is made; ``load(path:force:)`` does so at
/// any time. <doc:TuningTokens> describes the file.
public struct TokenProfile: Sendable, Hashable {
  /// The version of the format that this library reads.
  public static var version: Int { 1 }

  /// The machine that the values were measured on.
  public var machine: MachineFingerprint
  /// Whether the measurement came to its end. What was stopped before has no values.
  public var isComplete: Bool
  /// Tunables by name, as `lwkt.token_spin`; empty where the default was best.
  public var values: [String: Int]

  public init(machine: MachineFingerprint, isComplete: Bool, values: [String: Int]) {
    self.machine = machine
    self.isComplete = isComplete
    self.values = values
  }

  /// Reads a profile from a file; changes nothing.
  ///
  /// - Throws: ``TokenProfileError``, whose text names the file and what is wrong with it.
  public init(path: String) throws(TokenProfileError) {
    let bytes: [UInt8]
    do throws(RegularFileError) {
      bytes = try RegularFile.read(path, mebibytes: 4)
    } catch {
      switch error {
      case .unreadable(let reason): throw .unreadable(path: path, reason: reason)
      case .tooLarge(let mebibytes): throw .damaged(path: path, reason: "it is larger than \(mebibytes) MiB")
      }
    }
    do throws(JSONMismatch) {
      self = try Self.parse(bytes)
    } catch {
      throw .damaged(path: path, reason: error.reason)
    }
  }

  /// Reads a profile, and sets its tunables for the whole process, at once and for every token that has no policy of
  /// its own. A profile of another machine is refused, unless `force` is true.
  ///
  /// - Throws: ``TokenProfileError``; then no tunable has changed.
  @discardableResult
  public static func load(path: String, force: Bool = false) throws(TokenProfileError) -> TokenProfile {
    let profile = try TokenProfile(path: path)
    try profile.check(path: path, force: force, machine: .current())
    // Before the first, so that the variables do not undo it.
    Tunable.start()
    for (tunable, value) in try profile.settings(path: path) { try? tunable.choose(value) }
    return profile
  }

  /// The values as tunables that may be set so, all of them.
  func settings(path: String) throws(TokenProfileError) -> [(tunable: Tunable, value: Int64)] {
    var settings: [(Tunable, Int64)] = []
    for (name, value) in values.sorted(by: { $0.key < $1.key }) {
      guard let tunable = Tunable(name: name), case .live = tunable.row.change,
        (tunable.row.low...tunable.row.high).contains(Int64(value))
      else { throw .damaged(path: path, reason: "\(name) = \(value) cannot be set") }
      settings.append((tunable, Int64(value)))
    }
    return settings
  }

  func check(path: String, force: Bool, machine here: MachineFingerprint) throws(TokenProfileError) {
    if !isComplete { throw .incomplete(path: path) }
    let differences = here.differences(from: machine)
    if !differences.isEmpty, !force { throw .otherMachine(path: path, differences: differences) }
  }
}

/// Why a profile was not applied.
public enum TokenProfileError: Error, Hashable, Sendable {
  /// The file cannot be read.
  case unreadable(path: String, reason: String)
  /// The file is no profile that this library can read.
  case damaged(path: String, reason: String)
  /// The measurement was stopped before it had chosen.
  case incomplete(path: String)
  /// The profile was measured on a machine that differs, in what is named.
  case otherMachine(path: String, differences: [String])
}

extension TokenProfileError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unreadable(let path, let reason): "\(path): \(reason)"
    case .damaged(let path, let reason): "\(path) is no usable token profile: \(reason)"
    case .incomplete(let path): "\(path) comes from a measurement that was stopped, and has chosen nothing"
    case .otherMachine(let path, let differences):
      "\(path) is the token profile of another machine: \(differences.joined(separator: "; "))"
    }
  }
}
