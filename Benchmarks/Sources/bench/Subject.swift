// SPDX-License-Identifier: Apache-2.0
//
// Who is measured: glibc as it is, the peers found on the machine, and the candidate, each by LD_PRELOAD.

import Glibc

struct Subject: Sendable {
  let name: String
  /// The library to preload; nil for the C library's own malloc.
  let path: String?
  var environment: [String] = []

  static let glibc = Subject(name: "glibc", path: nil)

  /// Debian's names of the peers' libraries, without the folder.
  private static let known = [
    ("mimalloc", ["libmimalloc.so.2.0", "libmimalloc.so.2", "libmimalloc.so"], "libmimalloc2.0"),
    ("jemalloc", ["libjemalloc.so.2"], "libjemalloc2"),
    ("tcmalloc", ["libtcmalloc_minimal.so.4"], "libtcmalloc-minimal4"),
  ]

  private static let folders = [
    "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib",
  ]

  /// The peers that are installed, and the packages of those that are not.
  static func installed() -> (found: [Subject], missing: [String]) {
    var found: [Subject] = []
    var missing: [String] = []
    for (name, files, package) in known {
      let paths = folders.flatMap { folder in files.map { "\(folder)/\($0)" } }
      if let path = paths.first(where: { access($0, R_OK) == 0 }) {
        found.append(Subject(name: name, path: path))
      } else {
        missing.append(package)
      }
    }
    return (found, missing)
  }

  /// The environment a program of this subject gets.
  func variables(_ more: [String]) -> [String] {
    var list = ["PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C"]
    if let path { list.append("LD_PRELOAD=\(path)") }
    return list + environment + more
  }
}
