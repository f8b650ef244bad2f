// SPDX-License-Identifier: Apache-2.0
//
// Files that a measurement leaves behind, and the date that it carries.

import Glibc

public struct OutputError: Error, Sendable, CustomStringConvertible {
  public let description: String
}

public enum OutputFile {
  /// Makes a folder where it is not there, and with `parents` those above it.
  public static func makeFolder(_ path: String, parents: Bool = true) throws(OutputError) {
    guard parents else {
      guard mkdir(path, 0o777) == 0 || errno == EEXIST, access(path, W_OK) == 0 else {
        throw OutputError(description: "\(path): \(reason(errno))")
      }
      return
    }
    var made = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      made += part + "/"
      if mkdir(made, 0o777) != 0, errno != EEXIST { throw OutputError(description: "\(made): \(reason(errno))") }
    }
    guard access(path, W_OK) == 0 else { throw OutputError(description: "\(path): \(reason(errno))") }
  }

  /// Beside its place first, then there at once: who reads meanwhile gets the old file or the new one whole. The path.
  @discardableResult
  public static func write(_ text: String, _ name: String, in folder: String) throws(OutputError) -> String {
    let path = (folder.hasSuffix("/") ? folder : folder + "/") + name
    let draft = path + ".\(getpid())"
    let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    var done = descriptor >= 0
    var rest = Array(text.utf8)[...]
    while done, !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      done = count > 0
      rest = rest.dropFirst(max(0, count))
    }
    let code = errno
    if descriptor >= 0 { done = close(descriptor) == 0 && done }
    guard done, rename(draft, path) == 0 else {
      let problem = OutputError(description: "\(path): \(reason(done ? errno : code))")
      unlink(draft)
      throw problem
    }
    return path
  }

  private static func reason(_ code: CInt) -> String { String(cString: strerror(code)) }

  /// As `2026-11-25 04:00 UTC`.
  public static func date() -> String {
    var now = time(nil)
    var parts = tm()
    gmtime_r(&now, &parts)
    var bytes = [CChar](repeating: 0, count: 64)
    let count = strftime(&bytes, bytes.count, "%Y-%m-%d %H:%M UTC", &parts)
    return String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
