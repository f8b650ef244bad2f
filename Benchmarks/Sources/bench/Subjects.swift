// SPDX-License-Identifier: Apache-2.0
//
// Which subjects the command line asks for, and which are not there.

import ArgumentParser
import Glibc
import Harness

struct Subjects {
  private let options: Bench

  init(_ options: Bench) { self.options = options }

  /// The subjects, and what is missing, with what would help.
  func chosen(_ programs: Programs) throws -> (subjects: [Subject], missing: [String]) {
    let installed = Subject.installed()
    var missing = installed.missing.map { "the peer of Debian's package \($0), which is not installed" }
    var subjects = [Subject.glibc] + installed.found + (try options.peer.map(peer))
    let judged = try judge(&subjects)
    if judged == nil {
      missing.append("Anax as malloc: .build/lib/libanax.so is not there, and no --candidate was given")
    }
    for inside in Subject.inside { merge(inside, into: &subjects) }
    if let judged, let path = subjects.first(where: { $0.name == judged })?.path {
      let index = subjects.firstIndex { $0.name == "uncolored" }!
      subjects[index].path = path
      subjects[index].families.insert(.color)
    } else {
      subjects.removeAll { $0.name == "uncolored" }
    }
    if let tokens = programs.tokens {
      let (locks, absent) = try tokens.locks()
      for lock in locks { merge(Subject.lock(lock), into: &subjects) }
      missing += absent.map {
        "the lock \($0), which token-workload was built without (Scripts/bench builds it in where it is installed)"
      }
    }
    for index in subjects.indices where subjects[index].isCandidate || subjects[index].isVariant {
      subjects[index].environment = options.env + subjects[index].environment
    }
    let originals = subjects
    if options.isControlled {
      var control = try copy(of: originals, "control", option: "--control")
      control.isControl = true
      subjects.append(control)
    }
    for entry in options.variant { subjects.append(try variant(of: originals, entry)) }
    return (try filtered(subjects), missing)
  }

  /// The candidates of all families once more, under one name.
  private func copy(of subjects: [Subject], _ name: String, option: String) throws -> Subject {
    if subjects.contains(where: { $0.name == name }) {
      throw ValidationError("with \(option) no other subject may be '\(name)'")
    }
    let candidates = subjects.filter(\.isCandidate)
    var copy = Subject(name: name, about: "the same as \(candidates.map(\.name).joined(separator: ", "))")
    copy.families = candidates.reduce(into: []) { $0.formUnion($1.families) }
    copy.parts = candidates.flatMap(\.parts)
    copy.isCopy = true
    copy.environment = options.env
    copy.path = candidates.first { $0.families.contains(.allocators) }?.path
    return copy
  }

  /// NAME=VARIABLE=VALUE[,VARIABLE=VALUE …].
  private func variant(of subjects: [Subject], _ entry: String) throws -> Subject {
    let name = String(entry.prefix { $0 != "=" })
    let variables = entry.dropFirst(name.count + 1).split(separator: ",").map(String.init)
    var variant = try copy(of: subjects, name, option: "--variant \(entry)")
    variant.isVariant = true
    variant.environment += variables
    variant.about += " with \(variables.joined(separator: " "))"
    return variant
  }

  /// Finds or adds who is judged as malloc; its name.
  private func judge(_ subjects: inout [Subject]) throws -> String? {
    let name: String
    if let candidate = options.candidate {
      if candidate.contains("=") { subjects.append(try subject(candidate)) }
      name = String(candidate.prefix { $0 != "=" })
    } else if let path = Subjects.builtLibrary() {
      subjects.append(Subject(name: "anax", path: path, about: path))
      name = "anax"
    } else {
      return nil
    }
    var names = Set<String>()
    for subject in subjects where !names.insert(subject.name).inserted {
      throw ValidationError("two subjects are named '\(subject.name)'")
    }
    guard let index = subjects.firstIndex(where: { $0.name == name }) else {
      throw ValidationError("--candidate \(name): there is no such subject; give NAME=PATH")
    }
    subjects[index].isCandidate = true
    // Its pages are those of this package, which are asked for by name.
    subjects[index].families.remove(.pages)
    return name
  }

  private func merge(_ subject: Subject, into subjects: inout [Subject]) {
    guard let index = subjects.firstIndex(where: { $0.name == subject.name }) else { return subjects.append(subject) }
    subjects[index].families.formUnion(subject.families)
    subjects[index].parts += subject.parts
    subjects[index].about += "; " + subject.about
  }

  private func filtered(_ subjects: [Subject]) throws -> [Subject] {
    guard let wanted = options.subjects?.split(separator: ",").map(String.init) else { return subjects }
    for name in wanted where !subjects.contains(where: { $0.name == name }) {
      throw ValidationError("--subjects \(name): there is no such subject; --list shows them")
    }
    return subjects.filter { wanted.contains($0.name) || $0.isJudgedLibrary || $0.isCopy }
  }

  private func peer(_ entry: String) throws -> Subject {
    var peer = try subject(entry)
    peer.families = Subject.asPeer
    return peer
  }

  private func subject(_ entry: String) throws -> Subject {
    let name = String(entry.prefix { $0 != "=" })
    let path = String(entry.dropFirst(name.count + 1))
    guard !name.isEmpty, let full = realpath(path, nil) else {
      throw ValidationError("\(entry): '\(path)' is not there")
    }
    defer { free(full) }
    return Subject(name: name, path: String(cString: full), about: String(cString: full))
  }

  /// The library as the repository builds it: of the checkout that this program was built in, else seen from the
  /// current folder or from the nested package.
  static func builtLibrary() -> String? {
    var paths = [".build/lib/libanax.so", "../.build/lib/libanax.so"]
    if let own = realpath("/proc/self/exe", nil) {
      let parts = String(cString: own).split(separator: "/")
      free(own)
      if let build = parts.firstIndex(of: ".build"), build > 0 {
        paths.insert("/" + parts[..<(build - 1)].joined(separator: "/") + "/.build/lib/libanax.so", at: 0)
      }
    }
    for path in paths {
      guard let full = realpath(path, nil) else { continue }
      defer { free(full) }
      return String(cString: full)
    }
    return nil
  }
}
