// SPDX-License-Identifier: Apache-2.0
//
// Who is measured: allocators that are preloaded (glibc as it is, the peers found on the machine, the candidate), and
// what is asked for by name inside of a program: the pages, zones and locks of Anax, and what one would use instead.

import Glibc
import Harness

/// What is compared with what: only subjects of one family meet.
enum Family: String, CaseIterable, Sendable {
  /// malloc, by LD_PRELOAD.
  case allocators
  /// The same, and the candidate without its colors.
  case color
  /// Pages by name, and by LD_PRELOAD.
  case pages
  case zones, tokens
}

struct Subject: Sendable {
  let name: String
  /// The library to preload; nil for the C library's own malloc.
  var path: String?
  var about: String
  var environment: [String] = []
  var families: Set<Family> = Subject.preloaded
  /// What a lock is compared in.
  var parts: [String] = []
  var isCandidate = false
  /// A candidate with other settings: neither judged nor a peer.
  var isVariant = false
  /// The candidate once more: what it differs by from itself is noise.
  var isControl = false
  /// The candidates of all families once more, as control or with other variables.
  var isCopy = false

  /// One of those that the candidate is compared with.
  var isPeer: Bool { !isCandidate && !isVariant && !isControl }
  /// The library that is judged, under whichever name.
  var isJudgedLibrary: Bool { isCandidate || isControl }

  private static let preloaded: Set<Family> = [.allocators, .color]
  /// A peer gives pages as aligned blocks too.
  static let asPeer = preloaded.union([.pages])

  static let glibc = Subject(name: "glibc", about: "the C library's own malloc", families: asPeer)

  /// Debian's names of the peers' libraries, without the folder.
  private static let known = [
    ("mimalloc", ["libmimalloc.so.2.0", "libmimalloc.so.2", "libmimalloc.so"], "libmimalloc2.0"),
    ("jemalloc", ["libjemalloc.so.2"], "libjemalloc2"),
    ("tcmalloc", ["libtcmalloc_minimal.so.4"], "libtcmalloc-minimal4"),
    ("tbbmalloc", ["libtbbmalloc_proxy.so.2"], "libtbbmalloc2"),
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
        found.append(Subject(name: name, path: path, about: about(path, package), families: asPeer))
      } else {
        missing.append(package)
      }
    }
    return (found, missing)
  }

  /// The file, and the version of the package where it is installed.
  private static func about(_ path: String, _ package: String) -> String {
    let tool = "/usr/bin/dpkg-query"
    guard access(tool, X_OK) == 0,
      let result = try? Child.start(tool, ["-W", "-f", "${Version}", package], plain).wait(limit: 10),
      result.end == .exited(0), !result.output.isEmpty
    else { return path }
    return "\(path), \(package) \(result.output)"
  }

  /// What is asked for by name inside of a program. The names are those of `memory-workload`.
  static let inside = [
    Subject(name: "anax", about: "pages and zones of this package", families: [.pages, .zones], isCandidate: true),
    Subject(
      name: "uncolored", about: "blocks without skewed starts", environment: ["ANAX_VM_PAGE_COLOR=0"], families: [],
      isVariant: true),
    Subject(name: "mmap", about: "mmap and munmap", families: [.pages]),
    Subject(name: "numa", about: "numa_alloc_local and numa_free of libnuma", families: [.pages]),
    Subject(name: "malloc", about: "malloc and free of the C library, with the item's size", families: [.zones]),
    Subject(name: "pointer", about: "UnsafeMutablePointer.allocate and deallocate", families: [.zones]),
    Subject(name: "class", about: "an instance of a class, retained and released", families: [.zones]),
  ]

  static func lock(_ lock: TokenWorkload.Lock) -> Subject {
    Subject(
      name: lock.name, about: lock.about, families: [.tokens], parts: lock.parts, isCandidate: lock.name == "token",
      isVariant: lock.name.hasPrefix("token-"))
  }

  static let plain = ["PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C"]

  /// Whether it gives pages as the program's aligned_alloc.
  private func givesBlocks(_ family: Family) -> Bool { family == .pages && isPeer && families.contains(.allocators) }

  /// What `memory-workload` calls it.
  func source(_ family: Family) -> String {
    isVariant || isCopy ? "anax" : givesBlocks(family) ? "malloc" : name
  }

  /// The environment a program of this subject gets.
  func variables(_ family: Family, _ more: [String]) -> [String] {
    var list = Subject.plain
    if let path, family == .allocators || family == .color || givesBlocks(family) { list.append("LD_PRELOAD=\(path)") }
    return list + environment + more
  }
}
