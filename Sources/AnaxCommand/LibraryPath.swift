// SPDX-License-Identifier: Apache-2.0
//
// Where the preloaded library is. ld.so splits LD_PRELOAD at blanks and colons and has no way to quote them, so a path
// with one of these is refused here instead of failing there.
import Glibc

enum LibraryError: Error, CustomStringConvertible {
  case unreadable(path: String, origin: String)
  case unspeakable(path: String)
  case notFound(tried: [String])

  var description: String {
    switch self {
    case .unreadable(let path, let origin): "\(origin) \(path): \(String(cString: strerror(errno)))"
    case .unspeakable(let path): "\(path): LD_PRELOAD cannot hold a path with a blank or a colon"
    case .notFound(let tried):
      "libanax.so is not there; build it with Scripts/build-malloc, or name it with --library. Tried: "
        + tried.joined(separator: ", ")
    }
  }
}

enum LibraryPath {
  static func find(asked: String?) throws(LibraryError) -> String {
    if let asked { return try usable(asked, origin: "--library") }
    if let named = getenv("ANAX_LIBRARY"), named.pointee != 0 {
      return try usable(String(cString: named), origin: "ANAX_LIBRARY")
    }
    let tried = candidates()
    for path in tried where access(path, R_OK) == 0 { return try usable(path, origin: "library") }
    throw .notFound(tried: tried)
  }

  /// Installed: ../lib beside this command. In a build folder, `.build/<triple>/<configuration>/anax`: `.build/lib`.
  private static func candidates() -> [String] {
    guard let executable = absolute("/proc/self/exe") else { return [] }
    let parts = executable.split(separator: "/")
    func path(dropping count: Int) -> String {
      "/" + parts.dropLast(count).joined(separator: "/") + "/lib/libanax.so"
    }
    var candidates = [path(dropping: 2)]
    if let build = parts.lastIndex(where: { $0.hasPrefix(".build") }) {
      candidates.append(path(dropping: parts.count - build - 1))
    }
    return candidates
  }

  private static func usable(_ path: String, origin: String) throws(LibraryError) -> String {
    guard let absolute = absolute(path), access(absolute, R_OK) == 0 else {
      throw .unreadable(path: path, origin: origin)
    }
    if absolute.utf8.contains(where: { [0x20, 0x09, 0x0A, 0x3A].contains($0) }) { throw .unspeakable(path: absolute) }
    return absolute
  }

  static func absolute(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// LD_PRELOAD with `library` first and what was there behind it.
  static func preload(_ library: String, before existing: String?) -> String {
    let others = (existing ?? "").split { $0 == ":" || $0 == " " }.filter { $0 != library }
    return ([library] + others.map(String.init)).joined(separator: ":")
  }
}
