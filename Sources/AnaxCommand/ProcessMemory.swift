// SPDX-License-Identifier: Apache-2.0
//
// A process's memory as the kernel lists it: mappings with what they were advised, from `smaps`, and pages by the node
// they lie on, from `numa_maps`. Both are read one after the other while the process goes on, so they need not agree.

struct ProcessMemory {
  struct Mapping: Hashable {
    var addresses: Range<UInt>
    /// Of no file.
    var isAnonymous: Bool
    /// Whether huge pages were declined or asked for.
    var isAdvisedOnHugePages: Bool
    /// Whether it was reserved without a claim to memory; never so under strict overcommit.
    var isUnclaimed: Bool
    /// A child finds zeros in it.
    var isWipedOnFork: Bool
    var residentBytes: Int
  }

  /// By address, rising.
  var mappings: [Mapping]
  /// Pages in memory by the node they lie on, of the mapping that begins at the address; in the machine's usual pages,
  /// huge ones as so many of these.
  var pages: [UInt: [Int: Int]]

  /// The mapping that holds the address.
  func mapping(at address: UInt) -> Mapping? {
    var (low, high) = (0, mappings.count)
    while low < high {
      let middle = (low + high) / 2
      if mappings[middle].addresses.upperBound <= address { low = middle + 1 } else { high = middle }
    }
    return low < mappings.count && mappings[low].addresses.contains(address) ? mappings[low] : nil
  }

  // MARK: Reading

  /// A mapping begins with a line such as `7f00-7f10 rw-p 00000000 00:00 0`; lines of what is known of it follow.
  static func mappings(_ smaps: String) -> [Mapping] {
    var mappings: [Mapping] = []
    for line in smaps.utf8.split(separator: UInt8(ascii: "\n")) {
      if line.starts(with: "Rss:".utf8), !mappings.isEmpty {
        let words = line.split(separator: UInt8(ascii: " "))
        if words.count > 1, let kibibytes = Int(Substring(words[1])), kibibytes < 1 << 50 {
          mappings[mappings.count - 1].residentBytes = kibibytes << 10
        }
      } else if line.starts(with: "VmFlags:".utf8), !mappings.isEmpty {
        let flags = Set(line.split(separator: UInt8(ascii: " ")).map { String(Substring($0)) })
        mappings[mappings.count - 1].isAdvisedOnHugePages = !flags.isDisjoint(with: ["nh", "hg"])
        mappings[mappings.count - 1].isUnclaimed = flags.contains("nr")
        mappings[mappings.count - 1].isWipedOnFork = flags.contains("wf")
      } else if let mapping = mapping(line) {
        mappings.append(mapping)
      }
    }
    return mappings
  }

  private static func mapping(_ line: Substring.UTF8View) -> Mapping? {
    let words = line.split(separator: UInt8(ascii: " "), maxSplits: 5)
    guard words.count >= 5 else { return nil }
    let ends = words[0].split(separator: UInt8(ascii: "-"))
    guard ends.count == 2, let low = UInt(Substring(ends[0]), radix: 16),
      let high = UInt(Substring(ends[1]), radix: 16),
      low < high
    else { return nil }
    return Mapping(
      addresses: low..<high, isAnonymous: words[4].elementsEqual("0".utf8), isAdvisedOnHugePages: false,
      isUnclaimed: false, isWipedOnFork: false, residentBytes: 0)
  }

  /// A line is of a mapping, such as `7f00 default anon=3 dirty=3 N0=2 N1=1 kernelpagesize_kB=4`.
  static func pages(_ numaMaps: String, pageSize: Int) -> [UInt: [Int: Int]] {
    var pages: [UInt: [Int: Int]] = [:]
    for line in numaMaps.utf8.split(separator: UInt8(ascii: "\n")) {
      let words = line.split(separator: UInt8(ascii: " "))
      guard let first = words.first, let address = UInt(Substring(first), radix: 16) else { continue }
      var counts: [Int: Int] = [:]
      var size = pageSize
      for word in words.dropFirst() {
        let parts = word.split(separator: UInt8(ascii: "="))
        guard parts.count == 2, let value = Int(Substring(parts[1])), value >= 0, value < 1 << 40 else { continue }
        if parts[0].elementsEqual("kernelpagesize_kB".utf8) {
          size = min(value, 1 << 30) << 10
        } else if parts[0].first == UInt8(ascii: "N"), let node = Int(Substring(parts[0].dropFirst())) {
          counts[node, default: 0] += value
        }
      }
      pages[address] = counts.mapValues { $0 * max(1, size / pageSize) }
    }
    return pages
  }
}
