// SPDX-License-Identifier: Apache-2.0
//
// The files under `/sys` and `/proc`, or under another root that a test has filled. Text files only, read whole: one
// that is longer than it may be is refused, not cut. Allocates; not for the allocator's own path.
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

  /// The whole file; what is no UTF-8 in it is replaced. `most`: bytes that it may have.
  package func text(_ path: String, most: Int = 4 << 20) throws(TopologyError) -> String {
    let location = self.location(path)
    let descriptor = open(location, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .unreadable(path: location, code: errno) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16384)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw .unreadable(path: location, code: errno)
      }
      if count == 0 { break }
      bytes += buffer[..<count]
      if bytes.count > most { throw .impossible(path: location, reason: "is longer than \(most) bytes") }
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
    try IDSet(parsing: try text(path, most: IDSet<Kind>.longestText), source: location(path))
  }

  /// The names in a folder, sorted.
  package func names(in path: String) throws(TopologyError) -> [String] {
    guard let folder = opendir(location(path)) else { throw .unreadable(path: location(path), code: errno) }
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
