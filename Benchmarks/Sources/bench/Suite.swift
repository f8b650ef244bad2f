// SPDX-License-Identifier: Apache-2.0
//
// The rows of malloc, which the goals are about. The list here is the order of the table; Suite+Groups.swift has the
// rest.

import Harness
import Report

enum Suite {
  static func malloc(threads: [Int]) -> [Row] {
    pairs + batches + exchanges(threads) + groups(threads) + memory + locality + footprint + start + tails
      + structures(threads) + overhead
  }

  static func size(_ bytes: Int) -> String { bytes < 1024 ? "\(bytes) B" : "\(bytes >> 10) KiB" }

  static func count(_ threads: Int) -> String { threads == 1 ? "1 thread" : "\(threads) threads" }

  static func row(
    _ stanza: String, _ title: String, _ name: String, _ goal: Goal, unit: String = "ns",
    metric: String? = nil, threads: Int = 1, warmed: Bool = false, footprint: Bool = false
  ) -> Row {
    var cell = Cell(kind: .workload(name), threads: threads, warmed: warmed, footprint: footprint)
    if stanza == "chase" { cell.family = .color }
    return Row(stanza: stanza, title: title, cell: cell, metric: metric ?? unit, unit: unit, goal: goal)
  }

  private static let pairSizes = [16, 64, 256, 1024, 4096, 8192, 32768]

  private static let pairs =
    pairSizes.map { row("pair", "malloc+free \(size($0))", "pair-\($0)", Goals.pair) }
    + pairSizes.map { row("pair", "posix_memalign+free \(size($0))", "aligned-\($0)", Goals.pair) }

  private static let batches = ["ordered", "reversed", "shuffled"].map {
    row("batch", "1000 x 64 B, freed \($0)", "batch-\($0)", Goals.batch)
  }

  private static func exchanges(_ threads: [Int]) -> [Row] {
    [
      row(
        "hand-over", "one producer, one consumer", "producer-consumer", Goals.producerConsumer, threads: 2,
        footprint: true)
    ]
      + threads.filter { $0 > 1 }.map {
        row(
          "threads", "producers and consumers, \(count($0))", "producers-consumers", Goals.threaded, threads: $0,
          footprint: true)
      }
      + [("random hand-over", "handover"), ("server, threads die", "server"), ("generations", "generations")].flatMap {
        (title, name) in
        threads.map {
          row("threads", "\(title), \(count($0))", name, Goals.threaded, threads: $0, footprint: true)
        }
      }
  }

  private static func groups(_ threads: [Int]) -> [Row] {
    threads.filter { $0 <= 4 }.map {
      row("groups", "groups, \(count($0))", "groups", Goals.groups, threads: $0, warmed: true, footprint: true)
    }
      + threads.filter { $0 > 1 && $0 <= 4 }.map {
        row(
          "groups", "groups, part remote, \(count($0))", "groups-remote", Goals.groups, threads: $0, warmed: true,
          footprint: true)
      }
  }

  private static let memory = [
    row("large", "5 to 25 MB at random", "large", Goals.large, unit: "us", warmed: true, footprint: true),
    row("live set", "20k live, ≤ 1 KiB", "live-1k", Goals.liveSet, footprint: true),
    row("live set", "20k live, ≤ 8 KiB", "live-8k", Goals.liveSet, warmed: true, footprint: true),
    row("calls", "malloc_usable_size", "usable-size", Goals.usableSize),
    row("large", "calloc 64 KiB, touch all", "calloc-64k", Goals.cleared, unit: "us"),
    row("large", "calloc 1 MiB, touch all", "calloc-1m", Goals.cleared, unit: "us"),
    row("large", "realloc growth to 64 MiB", "realloc-64m", Goals.cleared, unit: "ms", warmed: true, footprint: true),
  ]

  private static let locality = [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144].map {
    row("chase", "chase, 256 blocks of \(size($0))", "chase-\($0)", Goals.chase(size: $0))
  }

  private static let footprint: [Row] = {
    var rows = [
      row("memory", "RSS of a live thread", "threads-rss", Goals.threadLive, unit: "KiB", metric: "live_kib"),
      row("memory", "RSS left of a gone thread", "threads-rss", Goals.threadAfter, unit: "KiB", metric: "after_kib"),
    ]
    for size in [24, 100, 1000] {
      var cell = Cell(
        kind: .workload("silence-\(size)"), warmed: true, sleeping: true, environment: ["ANAX_HELPER=1"])
      rows.append(
        Row(
          stanza: "memory", title: "192 MB of \(size) B freed, silent, helper", cell: cell, metric: "mib", unit: "MiB",
          goal: Goals.silence))
      cell.environment = []
      rows.append(
        Row(
          stanza: "memory", title: "192 MB of \(size) B freed, silent", cell: cell, metric: "mib", unit: "MiB"))
      cell.kind = .workload("busy-\(size)")
      rows.append(
        Row(
          stanza: "memory", title: "192 MB of \(size) B freed, busy", cell: cell, metric: "mib", unit: "MiB",
          fullOnly: true))
    }
    rows.append(row("memory", "63 of 64 freed, other size", "fragment-rss", .none, unit: "MiB", metric: "mib"))
    return rows.map {
      var row = $0
      row.isTime = false
      return row
    }
  }()

  private static let start = [("start of true", nil), ("huge pages everywhere", "huge-pages")].flatMap {
    (title: String, work: String?) in
    let cell = Cell(kind: .start(work))
    return [
      Row(
        stanza: "start", title: "\(title), RSS", cell: cell, metric: "kib", unit: "KiB", goal: Goals.startMemory,
        isTime: false),
      Row(
        stanza: "start", title: "\(title), time", cell: cell, metric: "ms", unit: "ms", goal: Goals.startTime,
        isTime: false),
    ]
  }

  static let tailThreads = [1, 2, 8]

  private static let tails: [Row] = tailThreads.flatMap { threads in
    ["malloc", "free"].flatMap { call in
      [("p50", Goal.none), ("p99", .none), ("p99.9", Goals.tail), ("max", .none)].map { (label, goal) in
        let unit = label == "max" ? "us" : "ns"
        var shown = row(
          "tails", "\(call) \(label), \(count(threads))", "tails", goal, unit: unit,
          metric: "\(call)_\(label.filter { $0 != "." })_\(unit)", threads: threads, footprint: true)
        shown.isTime = false
        return shown
      }
    }
  }

  /// What the workloads themselves cost; the same for all subjects.
  private static let overhead = ["loop", "random", "clock", "ring"].map {
    var shown = row("workload", "the workload's own: \($0)", "overhead", .none, metric: "\($0)_ns")
    shown.isTime = false
    return shown
  }

  private static func structures(_ threads: [Int]) -> [Row] {
    [
      row("programs", "tree of texts", "tree", .none, footprint: true),
      row("programs", "list of texts", "list", .none, footprint: true),
      row("programs", "growing hash table", "hash-table", .none, footprint: true),
      row("programs", "appends to 2000 arrays", "appends", .none, footprint: true),
      row("programs", "messages round 4 threads", "ring-4", .none, threads: 4, footprint: true),
    ]
      + threads.filter { $0 <= 4 }.map {
        row("programs", "power-law life, \(count($0))", "power-law", .none, threads: $0, footprint: true)
      }
  }
}
