// SPDX-License-Identifier: Apache-2.0
//
// Reads the members of a file's objects, each of which must be there and of its type, and says by name which is not.
// And the file itself, whole or not at all. Value types: any thread.

import Glibc

/// What in a file is not as its format has it, behind "it" or the member's name.
package struct JSONMismatch: Error {
  package var reason: String

  package init(reason: String) { self.reason = reason }
}

/// The members of one object of the file, with what they must be.
package struct JSONReading {
  package let members: JSON.Members
  /// Of the object, with a dot behind; empty at the top.
  let path: String

  package init(members: JSON.Members, path: String = "") { (self.members, self.path) = (members, path) }

  /// The object that is the whole file, which says its format and a version that can be read.
  package init(parsing bytes: [UInt8], format: String, version: Int) throws(JSONMismatch) {
    let json: JSON
    do throws(JSONError) {
      json = try JSON(parsing: bytes)
    } catch {
      throw JSONMismatch(reason: "\(error)")
    }
    guard case .object(let members) = json else { throw JSONMismatch(reason: "it is not a JSON object") }
    self.init(members: members)
    guard try string("format") == format else { throw JSONMismatch(reason: "its format is not \"\(format)\"") }
    let found = try integer("version")
    guard found == version else {
      throw JSONMismatch(reason: "its version is \(found), and this library reads version \(version)")
    }
  }

  private func member(_ name: String) throws(JSONMismatch) -> JSON {
    guard let value = members[name] else { throw JSONMismatch(reason: "it has no \(path)\(name)") }
    return value
  }

  private func wrong(_ name: String, _ wanted: String) -> JSONMismatch {
    JSONMismatch(reason: "\(path)\(name) is not \(wanted)")
  }

  /// How a message names a member.
  package func place(_ name: String) -> String { path + name }

  package func string(_ name: String) throws(JSONMismatch) -> String {
    guard case .string(let value) = try member(name) else { throw wrong(name, "a string") }
    return value
  }

  package func integer(_ name: String) throws(JSONMismatch) -> Int {
    guard case .integer(let value) = try member(name) else { throw wrong(name, "a whole number") }
    return Int(value)
  }

  package func number(_ name: String) throws(JSONMismatch) -> Double {
    guard let value = try member(name).number else { throw wrong(name, "a number") }
    return value
  }

  package func boolean(_ name: String) throws(JSONMismatch) -> Bool {
    guard case .boolean(let value) = try member(name) else { throw wrong(name, "true or false") }
    return value
  }

  package func isNull(_ name: String) throws(JSONMismatch) -> Bool {
    if case .null = try member(name) { true } else { false }
  }

  package func object(_ name: String) throws(JSONMismatch) -> JSONReading {
    guard case .object(let value) = try member(name) else { throw wrong(name, "an object") }
    return JSONReading(members: value, path: "\(path)\(name).")
  }

  /// An array whose elements `read` takes, each with its name as `records[3]`.
  package func array<Value>(_ name: String, _ read: (JSON, String) throws(JSONMismatch) -> Value) throws(JSONMismatch)
    -> [Value]
  {
    guard case .array(let values) = try member(name) else { throw wrong(name, "an array") }
    var list: [Value] = []
    list.reserveCapacity(values.count)
    for (index, value) in values.enumerated() { list.append(try read(value, "\(path)\(name)[\(index)]")) }
    return list
  }

  package func strings(_ name: String) throws(JSONMismatch) -> [String] {
    try array(name) { (value, place) throws(JSONMismatch) in
      guard case .string(let text) = value else { throw JSONMismatch(reason: "\(place) is not a string") }
      return text
    }
  }

  package func objects(_ name: String) throws(JSONMismatch) -> [JSONReading] {
    try array(name) { (value, place) throws(JSONMismatch) in
      guard case .object(let members) = value else { throw JSONMismatch(reason: "\(place) is not an object") }
      return JSONReading(members: members, path: place + ".")
    }
  }
}

extension JSON {
  /// nil for what is no number.
  package var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }
}

/// Why a file could not be read.
package enum RegularFileError: Error {
  case unreadable(String)
  case tooLarge(mebibytes: Int)
}

package enum RegularFile {
  /// The file's bytes; a pipe or a device is refused without waiting for it.
  package static func read(_ path: String, mebibytes: Int) throws(RegularFileError) -> [UInt8] {
    let limit = mebibytes << 20
    func unreadable(_ code: CInt) -> RegularFileError { .unreadable(String(cString: strerror(code))) }
    // Without waiting: a pipe that nobody writes would hold up the program.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw unreadable(errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw unreadable(errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .unreadable("is not a regular file") }
    guard status.st_size <= limit else { throw .tooLarge(mebibytes: mebibytes) }
    var bytes = [UInt8](repeating: 0, count: limit + 1)
    var count = 0
    while count < bytes.count {
      let got = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + count, $0.count - count) }
      if got < 0, errno == EINTR { continue }
      if got < 0 { throw unreadable(errno) }
      if got == 0 { break }
      count += got
    }
    if count > limit { throw .tooLarge(mebibytes: mebibytes) }
    return Array(bytes[..<count])
  }
}
