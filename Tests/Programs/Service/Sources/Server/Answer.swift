// SPDX-License-Identifier: Apache-2.0
//
// What the server answers with: a function of path and body, made in a way that allocates much.

import NIOCore

private protocol Cell: Sendable {
  var text: String { get }
}

private struct Number: Cell {
  let value: Int
  var text: String { String(value) }
}

private final class Name: Cell {
  let value: String
  init(_ value: String) { self.value = value }
  var text: String { "\"" + value + "\"" }
}

private struct Wide: Cell {
  let a: Int, b: Int, c: Int, d: Int, e: Double
  var text: String { "[\(a), \(b), \(c), \(d), \(e)]" }
}

struct Answer {
  let path: String
  let body: ByteBuffer

  /// The answer's bytes; empty for a path that does not exist.
  func buffer() async -> ByteBuffer {
    let words = path.split(separator: "/").map(String.init)
    guard let kind = words.first else { return ByteBuffer(string: "index\n") }
    let count = words.count > 1 ? min(max(Int(words[1]) ?? 0, 0), 1_000_000) : 0
    switch kind {
    case "table": return ByteBuffer(string: table(rows: count))
    case "tasks": return ByteBuffer(string: await sum(tasks: count))
    case "text": return text(bytes: count)
    case "echo": return body
    default: return ByteBuffer()
    }
  }

  private func table(rows: Int) -> String {
    var columns: [String: [any Cell]] = [:]
    for row in 0..<rows {
      columns["number", default: []].append(Number(value: row &* 7919))
      columns["name", default: []].append(Name("row number \(row) of \(rows) in all"))
      columns["wide", default: []].append(Wide(a: row, b: -row, c: row * 2, d: row / 3, e: Double(row) / 4))
    }
    let lines = columns.keys.sorted().map { key in
      "\(key): " + columns[key, default: []].map(\.text).joined(separator: ", ")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func sum(tasks: Int) async -> String {
    let total = await withTaskGroup(of: Int.self) { group in
      for task in 0..<tasks {
        group.addTask {
          let parts = (0..<(task % 100 + 1)).map { "\($0 &* task)" }
          await Task.yield()
          return Set(parts).count &+ parts.joined().utf8.count
        }
      }
      return await group.reduce(0, &+)
    }
    return "total \(total)\n"
  }

  private func text(bytes: Int) -> ByteBuffer {
    var buffer = ByteBuffer()
    for index in 0..<bytes { buffer.writeInteger(UInt8(97 + index % 26)) }
    return buffer
  }
}
