// SPDX-License-Identifier: Apache-2.0
//
// The files under `/sys` and `/proc`, or under another root that a test has filled. Small text files only. Allocates;
// not for the allocator's own path.
import Glibc

package struct FileTree: Sendable {
  package let root: String

  package init(root: String = "/") {
    self.root = root.hasSuffix("/") ? root : root + "/"
  }

  /// Where `path` ("sys/devices/…", "/proc/…") lies, for messages and system calls.
  package func location(_ path: String) -> String {
    root + path.drop { $0 == "/" }
  }

  /// The whole file, at most 4 MiB of it.
  package func text(_ path: String) throws(TopologyError) -> String {
    let location = self.location(path)
    let descriptor = open(location, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .unreadable(path: location, code: errno) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16384)
    while bytes.count < 4 << 20 {
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw .unreadable(path: location, code: errno)
      }
      if count == 0 { break }
      bytes += buffer[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The file's text without blanks around it, or nil where it cannot be read.
  package func line(_ path: String) -> String? {
    (try? text(path)).map { String($0.trimmed) }
  }

  package func exists(_ path: String) -> Bool {
    access(location(path), F_OK) == 0
  }

  /// The file's list of ids.
  package func ids<Kind>(_ path: String) throws(TopologyError) -> IDSet<Kind> {
    try IDSet(parsing: try text(path), source: location(path))
  }

  /// The names in a folder, sorted; empty where it cannot be read.
  package func names(in path: String) -> [String] {
    guard let folder = opendir(location(path)) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }
}
