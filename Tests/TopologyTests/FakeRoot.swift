// SPDX-License-Identifier: Apache-2.0
//
// A folder that plays the root of a machine: `/sys` and `/proc` as the test writes them. Removed with its value.
import Foundation

struct FakeRoot: ~Copyable {
  let path: String

  init(_ files: [String: String] = [:]) {
    path = FileManager.default.temporaryDirectory.path + "/anax-root-" + UUID().uuidString
    try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    for (name, text) in files { write(name, text) }
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  borrowing func write(_ name: String, _ text: String) {
    let file = URL(fileURLWithPath: path + "/" + name)
    try! FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try! Data(text.utf8).write(to: file)
  }

  /// One node's folder.
  borrowing func node(_ id: Int, cpus: String, distances: String, kibibytes: Int? = nil) {
    let folder = "sys/devices/system/node/node\(id)"
    write("\(folder)/cpulist", cpus + "\n")
    write("\(folder)/distance", distances + "\n")
    if let kibibytes {
      write("\(folder)/meminfo", "Node \(id) MemTotal:       \(kibibytes) kB\nNode \(id) MemFree: 1 kB\n")
    }
  }

  borrowing func cpus(online: String, possible: String? = nil) {
    write("sys/devices/system/cpu/online", online + "\n")
    write("sys/devices/system/cpu/possible", (possible ?? online) + "\n")
  }

  borrowing func nodes(online: String) {
    write("sys/devices/system/node/online", online + "\n")
  }

  borrowing func cache(
    cpu: Int, index: Int, level: Int, type: String, size: String, ways: Int, line: Int = 64, sets: Int, shared: String
  ) {
    let folder = "sys/devices/system/cpu/cpu\(cpu)/cache/index\(index)"
    write("\(folder)/level", "\(level)\n")
    write("\(folder)/type", "\(type)\n")
    write("\(folder)/size", "\(size)\n")
    write("\(folder)/ways_of_associativity", "\(ways)\n")
    write("\(folder)/coherency_line_size", "\(line)\n")
    write("\(folder)/number_of_sets", "\(sets)\n")
    write("\(folder)/shared_cpu_list", "\(shared)\n")
  }
}
