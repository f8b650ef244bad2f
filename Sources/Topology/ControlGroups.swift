// SPDX-License-Identifier: Apache-2.0
//
// Where a process stands in the control group hierarchies (version 2, version 1, or both at once), and the tightest
// limit between there and the top that is visible: a parent's limit binds its children whatever they say.

struct ControlGroups {
  /// A folder of a mounted hierarchy and the folders above it up to the mount, innermost first.
  private struct Chain {
    /// nil is version 2.
    var controllers: Set<Substring>?
    var folders: [String]
  }

  private let files: FileTree
  private var chains: [Chain] = []
  private(set) var warnings: [String] = []

  /// `process`: "self", or a number. Paths are told as they are from this process's own mounts and groups.
  init(files: FileTree, process: String = "self") {
    self.files = files
    let path = "proc/\(process)/cgroup"
    guard let groups = try? files.text(path), let mounts = try? files.text("proc/self/mountinfo")
    else { return }
    for group in groups.split(separator: "\n") {
      // hierarchy:controllers:path
      let fields = group.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else {
        warnings.append(
          TopologyError.malformed(
            source: files.location(path), text: String(group), expected: "hierarchy:controllers:path"
          ).description)
        continue
      }
      let controllers = fields[1].isEmpty ? nil : Set(fields[1].split(separator: ","))
      for mount in mounts.split(separator: "\n") {
        if let folders = Self.folders(of: fields[2], controllers, mountedBy: mount, files: files) {
          chains.append(Chain(controllers: controllers, folders: folders))
          break
        }
      }
    }
  }

  /// The group's folder and those above it, if this line of `mountinfo` mounts its hierarchy.
  private static func folders(
    of group: Substring, _ controllers: Set<Substring>?, mountedBy mount: Substring, files: FileTree
  ) -> [String]? {
    // id parent major:minor root point options [optional...] - type source super-options
    let words = mount.split(separator: " ")
    guard let dash = words.firstIndex(of: "-"), dash >= 6, words.count > dash + 3 else { return nil }
    let type = words[dash + 1]
    if let controllers {
      guard type == "cgroup", controllers.isSubset(of: Set(words[dash + 3].split(separator: ","))) else { return nil }
    } else {
      guard type == "cgroup2" else { return nil }
    }
    let mountRoot = unescaped(words[3])
    let point = unescaped(words[4])

    // A container may see only its own part of the hierarchy mounted: the path is relative to that part.
    var below = group.split(separator: "/")
    let above = mountRoot.split(separator: "/")
    if below.starts(with: above) { below.removeFirst(above.count) } else { below = [] }
    if below.contains("..") { below = [] }
    var folders: [String] = []
    while true {
      let folder = ([point] + below.map(String.init)).joined(separator: "/")
      if files.exists(folder) { folders.append(folder) }
      if below.isEmpty { return folders }
      below.removeLast()
    }
  }

  /// The kernel writes blanks in paths as octal: `\040`.
  private static func unescaped(_ path: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = Array(path.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\"), rest.count >= 3,
        let value = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
      {
        bytes.append(value)
        rest.removeFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  // MARK: Limits

  mutating func cpuQuota() -> Limits.Bound<Double>? {
    var tightest: Limits.Bound<Double>?
    for chain in chains where chain.controllers?.contains("cpu") ?? true {
      for folder in chain.folders {
        let path = folder + (chain.controllers == nil ? "/cpu.max" : "/cpu.cfs_quota_us")
        guard let text = files.line(path) else { continue }
        let words: [Substring]
        if chain.controllers == nil {
          words = text.split(separator: " ")
        } else {
          words = [text[...], files.line(folder + "/cpu.cfs_period_us").map { $0[...] } ?? "100000"]
        }
        if words.first == "max" || words.first == "-1" { continue }
        guard words.count == 2, let quota = Double(words[0]), let period = Double(words[1]), quota > 0, period > 0
        else {
          warn(path, text, "a quota and a period in microseconds")
          continue
        }
        if quota / period < tightest?.value ?? .infinity {
          tightest = Limits.Bound(quota / period, source: files.location(path))
        }
      }
    }
    return tightest
  }

  /// The tightest of a memory limit's files; `v1` is nil where version 1 has no such limit.
  mutating func memory(v2: String, v1: String?, pageSize: Int) -> Limits.Bound<UInt64>? {
    // Version 1 says "none" by the largest multiple of a page.
    let none = UInt64(Int64.max) / UInt64(pageSize) * UInt64(pageSize)
    var tightest: Limits.Bound<UInt64>?
    for chain in chains where chain.controllers?.contains("memory") ?? true {
      guard let name = chain.controllers == nil ? v2 : v1 else { continue }
      for folder in chain.folders {
        let path = "\(folder)/\(name)"
        guard let text = files.line(path) else { continue }
        if text == "max" { continue }
        guard let value = UInt64(text) else {
          warn(path, text, "a number of bytes")
          continue
        }
        if value < min(none, tightest?.value ?? .max) {
          tightest = Limits.Bound(value, source: files.location(path))
        }
      }
    }
    return tightest
  }

  private mutating func warn(_ path: String, _ text: String, _ expected: String) {
    warnings.append(
      TopologyError.malformed(source: files.location(path), text: text, expected: expected).description)
  }
}
