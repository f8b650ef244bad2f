// SPDX-License-Identifier: Apache-2.0
//
// Another process as `/proc` shows it: which CPUs and nodes it may use, and its memory's mappings with their pages.
// Nothing in it is stopped or changed; it may end or change at any moment, so what was read is checked against its end.
import Glibc
import Topology

/// Why a process could not be shown.
enum ProcessError: Error, Equatable, CustomStringConvertible {
  case none(Int32)
  /// The number is a thread's, of this process.
  case thread(Int32, of: Int32)
  case ended(Int32)
  case forbidden(Int32, path: String)
  /// No memory of Anax's in it.
  case noHeap(Int32, name: String)
  /// Something of it is not what it should be.
  case unreadable(TopologyError)

  var description: String {
    switch self {
    case .none(let id): "there is no process \(id)"
    case .thread(let id, let process): "\(id) is a thread of process \(process)"
    case .ended(let id): "process \(id) has ended"
    case .forbidden(let id, let path):
      "process \(id) may not be read: \(path) is open to its own user and to root, where neither the process nor a "
        + "sandbox denies that"
    case .noHeap(let id, let name):
      "process \(id) (\(name)) has no heap of Anax's: it runs without the library, or has not asked for memory yet; or "
        + "the kernel has no transparent huge pages, by whose flags the heap is known"
    case .unreadable(let error): "\(error)"
    }
  }

  /// The command's.
  var exitCode: Int32 {
    switch self {
    case .none, .thread, .ended: 2
    case .forbidden: 3
    case .noHeap: 4
    case .unreadable: 1
    }
  }
}

struct InspectedProcess {
  let id: Int32
  /// As the kernel has it, at most 15 bytes; what is no letter is escaped.
  let name: String
  /// CPUs that one of its threads at least may run on.
  let allowed: CPUSet
  /// Nodes whose memory one of its threads at least may use; nil where the kernel does not say.
  let allowedNodes: NodeSet?

  private let files: FileTree
  /// A thread that runs: the first may have ended before the others.
  private let thread: String
  /// When it began, in the kernel's ticks: no other process has number and beginning.
  private let began: String

  /// Reads the files of the process, not yet those of its memory.
  init(_ id: Int32, files: FileTree = FileTree()) throws(ProcessError) {
    self.id = id
    self.files = files
    let folder = "proc/\(id)"
    let status: String
    do throws(TopologyError) {
      status = try files.text("\(folder)/status")
      began = try Self.began(files, id)
    } catch {
      switch error {
      case .unreadable(_, ENOENT), .unreadable(_, ESRCH): throw .none(id)
      case .unreadable(let path, EACCES), .unreadable(let path, EPERM): throw .forbidden(id, path: path)
      default: throw .unreadable(error)
      }
    }
    if let process = Int32(Self.value("Tgid", in: status)), process != id { throw .thread(id, of: process) }
    name = Self.value("Name", in: status).unicodeScalars.map { $0.escaped(asASCII: true) }.joined()
    var cpus = CPUSet()
    var nodes = NodeSet()
    var running: String?
    // Threads come and go.
    for name in (try? files.names(in: "\(folder)/task")) ?? [] {
      let thread = "\(folder)/task/\(name)"
      guard let status = try? files.text("\(thread)/status"), !Self.value("State", in: status).hasPrefix("Z"),
        !Self.value("State", in: status).hasPrefix("X")
      else { continue }
      running = name == "\(id)" ? thread : running ?? thread
      do throws(TopologyError) {
        cpus.formUnion(try Self.ids("Cpus_allowed_list", in: status, of: files.location("\(thread)/status")))
        nodes.formUnion(try Self.ids("Mems_allowed_list", in: status, of: files.location("\(thread)/status")))
      } catch {
        throw .unreadable(error)
      }
    }
    guard let running else { throw .ended(id) }
    thread = running
    allowed = cpus
    allowedNodes = nodes.isEmpty ? nil : nodes
  }

  /// Its mappings, and its pages by mapping and node. The kernel walks its page tables twice for that, some tens of
  /// milliseconds for each GiB of small pages: so long a process waits that maps memory meanwhile.
  func memory(pageSize: Int) throws(ProcessError) -> ProcessMemory {
    let mappings = ProcessMemory.mappings(try text("smaps") ?? "")
    // A thread of the kernel's has none.
    if mappings.isEmpty { throw isRunning ? .noHeap(id, name: name) : .ended(id) }
    let pages: [UInt: [Int: Int]]
    if let text = try text("numa_maps") {
      pages = ProcessMemory.pages(text, pageSize: pageSize)
    } else {
      // A kernel that knows no nodes.
      pages = Dictionary(
        uniqueKeysWithValues: mappings.map { ($0.addresses.lowerBound, [0: $0.residentBytes / pageSize]) })
    }
    if !isRunning { throw .ended(id) }
    return ProcessMemory(mappings: mappings, pages: pages)
  }

  /// A file of the thread that runs; nil where the process runs and has none.
  private func text(_ name: String) throws(ProcessError) -> String? {
    do throws(TopologyError) {
      return try files.text("\(thread)/\(name)", most: 1 << 30)
    } catch {
      switch error {
      case .unreadable(_, ENOENT), .unreadable(_, ESRCH):
        if isRunning { return nil }
        throw .ended(id)
      case .unreadable(let path, EACCES), .unreadable(let path, EPERM): throw .forbidden(id, path: path)
      default: throw .unreadable(error)
      }
    }
  }

  /// Whether it is the same process still, and the thread runs.
  private var isRunning: Bool {
    guard let status = try? files.text("\(thread)/status"), let now = try? Self.began(files, id) else { return false }
    return now == began && !Self.value("State", in: status).hasPrefix("Z")
      && !Self.value("State", in: status).hasPrefix("X")
  }

  private static func began(_ files: FileTree, _ id: Int32) throws(TopologyError) -> String {
    let stat = try files.text("proc/\(id)/stat")
    // The name, in parentheses, may hold anything; the beginning is the 20th word behind it.
    let words = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
    return words.count > 20 ? String(words[20]) : ""
  }

  private static func value(_ key: String, in status: String) -> Substring {
    let line = status.split(separator: "\n").first { $0.hasPrefix(key + ":") } ?? ""
    return line.dropFirst(key.count + 1).trimmed
  }

  private static func ids<Kind>(
    _ key: String, in status: String, of path: String
  ) throws(TopologyError) -> IDSet<Kind> {
    try IDSet(parsing: value(key, in: status), source: path)
  }
}
