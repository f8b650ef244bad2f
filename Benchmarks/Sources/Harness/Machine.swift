// SPDX-License-Identifier: Apache-2.0
//
// The machine, as a reader of the figures must know it.

import CBench
import Glibc

package enum Machine {
  package static func facts() -> [String: String] {
    var system = utsname()
    uname(&system)
    let release = withUnsafeBytes(of: system.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    let model = readText("/proc/cpuinfo").split(separator: "\n").first { $0.hasPrefix("model name") }
    let hugePages = readText("/sys/kernel/mm/transparent_hugepage/enabled")
    return [
      "kernel": release,
      "libc": "glibc " + String(cString: gnu_get_libc_version()),
      "processors": "\(bench_processors())",
      "processor": model.map { String($0.split(separator: ":").last ?? "").trimmed } ?? "unknown",
      "page": "\(bench_page_size())",
      "hugePages": String(hugePages.split(separator: "[").last?.split(separator: "]").first ?? "unknown"),
    ]
  }

  package static func line() -> String {
    let facts = facts()
    return [
      "\(facts["processors"]!) x \(facts["processor"]!)", "Linux \(facts["kernel"]!)", facts["libc"]!,
      "huge pages: \(facts["hugePages"]!)",
    ].joined(separator: ", ")
  }
}

extension String {
  fileprivate var trimmed: String { String(drop { $0 == " " || $0 == "\t" }) }
}
