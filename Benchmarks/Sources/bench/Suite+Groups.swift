// SPDX-License-Identifier: Apache-2.0
//
// The rows beside those of malloc: pages and zones, curves over threads, memory over time, whole distributions, and
// real programs.

import CBench
import Harness
import Report

extension Suite {
  /// All rows. `threads`: what the command line names; `rounds`: of two threads that take two tokens in opposite
  /// orders.
  static func rows(threads: [Int]?, rounds: Int) -> [Row] {
    let curve = threads ?? curveThreads
    let pageThreads = threads ?? Set(curve + RowGoals.pageThreads).sorted()
    return malloc(threads: threads ?? [1, 2, 4, 16]).map(placed) + curves(curve) + pages(pageThreads) + zones(curve)
      + tokens(curve, only: threads, rounds: rounds) + breathing + distributions + loads
  }

  /// Cases that the quick run leaves out, since others beside them say much the same.
  private static let notQuick: Set<String> = [
    "pair-256", "pair-4096", "aligned-256", "aligned-1024", "aligned-4096", "aligned-8192", "aligned-32768",
    "generations x2", "server x2", "groups x2", "groups x4", "groups-remote x4", "power-law x2",
    "producers-consumers x4",
    "calloc-64k", "page-bare", "item-200", "tails x8",
    "server x8",
  ]

  static func isQuick(_ row: Row) -> Bool {
    !row.fullOnly && !row.notQuick && !notQuick.contains(row.cell.name)
  }

  /// Threads for each CPU from a quarter to eight, as numbers of threads: none twice.
  static var curveThreads: [Int] {
    let cpus = Double(bench_processors())
    var counts: [Int] = []
    for share in [0.25, 0.5, 1, 2, 4, 8] {
      // The workloads take no more.
      let count = min(max(Int((share * cpus).rounded()), 1), 1024)
      if !counts.contains(count) { counts.append(count) }
    }
    return counts
  }

  static func place(_ name: String, threads: Int) -> BenchmarkRecord.Place {
    let share = Double(threads) / Double(bench_processors())
    let text = [0.125: "⅛", 0.25: "¼", 0.5: "½"][share] ?? number(share).trimmedZeros
    return .init(.threads, name, at: share, label: text)
  }

  /// Rows of the table that are points of a figure too.
  private static func placed(_ row: Row) -> Row {
    var row = row
    switch row.cell.kind {
    case .workload("handover"): row.place = place(handover, threads: row.cell.threads)
    case .workload("server"): row.place = place(server, threads: row.cell.threads)
    case .workload("tails") where row.metric.hasSuffix("_p999_ns"):
      row.place = tailPlace(row.metric.hasPrefix("malloc") ? "malloc" : "free", threads: row.cell.threads)
    case .workload(let name) where name.hasPrefix("chase-"):
      let bytes = Int(name.dropFirst("chase-".count)) ?? 0
      row.place = .init(
        .map, "First words of 256 blocks, one after the other", at: Double(bytes),
        label: bytes < 1024 ? "\(bytes)" : "\(bytes >> 10)K")
    default: break
    }
    return row
  }

  // MARK: - Curves

  private static let handover = "Blocks handed over at random between threads"
  private static let server = "Threads that die and hand their blocks on"

  private static func curves(_ counts: [Int]) -> [Row] {
    func rows(_ name: String, _ title: String, _ condition: Condition, _ counts: [Int]) -> [Row] {
      counts.map { threads in
        let cell = Cell(kind: .workload(name), threads: threads, condition: condition, footprint: condition == .none)
        return Row(
          stanza: "threads", title: "\(title), \(count(threads))", cell: cell, metric: "ns", unit: "ns",
          place: place(title, threads: threads), isAside: true)
      }
    }
    // Two and eight times as many threads as CPUs may run at once.
    let crowded = counts.filter { $0 >= Int(bench_processors()) }
    let pressed = [("handover", handover), ("server", server)].flatMap { name, title in
      rows(name, title + quotaWords, .quota, crowded) + rows(name, title + hogWords, .hog, crowded)
    }
    return rows("handover", handover, .none, counts) + rows("server", server, .none, counts)
      + pressed.map { row in
        // One load under a quota and beside a hog says in a few minutes what two do.
        var row = row
        row.notQuick = row.cell.kind == .workload("server")
        return row
      } + tailCurves(counts)
  }

  static let quotaWords = ", with half of the CPUs' time as quota"
  static let hogWords = ", beside a process that burns a CPU"

  /// The calls that take longest but for one in a thousand. Points that are rows of the table are placed there.
  private static func tailCurves(_ counts: [Int]) -> [Row] {
    counts.filter { !tailThreads.contains($0) }.flatMap { threads in
      ["malloc", "free"].map { call in
        var shown = row(
          "tails", "\(call) p99.9, \(count(threads))", "tails", .none, metric: "\(call)_p999_ns", threads: threads,
          footprint: true)
        (shown.isTime, shown.isAside, shown.place) = (false, true, tailPlace(call, threads: threads))
        shown.notQuick = true
        return shown
      }
    }
  }

  private static func tailPlace(_ call: String, threads: Int) -> BenchmarkRecord.Place {
    place("How long \(call) takes, 99.9% of the calls", threads: threads)
  }

  // MARK: - Pages and zones

  private static func inside(
    _ family: Family, _ name: String, _ title: String, threads: Int = 1, condition: Condition = .none,
    figure: String? = nil, isAside: Bool = false
  ) -> Row {
    let cell = Cell(kind: .inside(name), family: family, threads: threads, condition: condition)
    return Row(
      stanza: family.rawValue, title: threads > 1 ? "\(title), \(count(threads))" : title, cell: cell, metric: "ns",
      unit: "ns", place: figure.map { place($0, threads: threads) }, isAside: isAside)
  }

  private static func curve(_ family: Family, _ name: String, _ title: String, _ figure: String, _ counts: [Int])
    -> [Row]
  {
    counts.map { inside(family, name, title, threads: $0, figure: figure) }
      + counts.filter { $0 > Int(bench_processors()) }.suffix(1).flatMap { threads in
        [(Condition.quota, "quota"), (.hog, "hog")].map { condition, word in
          inside(family, name, "\(title), \(word)", threads: threads, condition: condition)
        }
      }
  }

  private static func pages(_ counts: [Int]) -> [Row] {
    curve(.pages, "page", "a page, touched", "One page at a time", counts) + [
      inside(.pages, "page-bare", "a page, not touched"),
      inside(.pages, "pages-64", "64 pages, touched, each"),
      inside(.pages, "run-16", "16 pages in a run, touched"),
      inside(.pages, "run-512", "512 pages in a run, touched"),
      inside(.pages, "object-64", "64 pages of an object, each"),
    ]
      + counts.filter { $0 > 1 }.flatMap { threads in
        [("run-16", "16 pages in a run"), ("object-64", "64 pages of an object, each")].map { name, title in
          var row = inside(.pages, name, title, threads: threads)
          row.notQuick = threads != counts.last
          return row
        }
      }
  }

  private static func zones(_ counts: [Int]) -> [Row] {
    curve(.zones, "item", "an item of 64 B", "Items of 64 bytes, taken and given back", counts) + [
      inside(.zones, "item-200", "an item of 200 B"),
      inside(.zones, "items-1000", "1000 items, then back shuffled"),
      inside(.zones, "items-passed", "items freed by another thread", threads: 2),
    ]
  }

  // MARK: - Memory over time, distributions

  /// Seconds at which `workload breathing` tells its resident memory.
  private static let breaths = (0...120).map { Double($0) / 10 }

  private static let breathing: [Row] = [([], ""), (["ANAX_HELPER=1"], "helper thread")].flatMap {
    (environment: [String], words: String) in
    let cell = Cell(kind: .workload("breathing"), sleeping: true, environment: environment)
    let mean = Row(
      stanza: "memory", title: "a service that breathes, mean" + (words.isEmpty ? "" : ", helper"), cell: cell,
      metric: "mean_mib", unit: "MiB", isTime: false)
    return [mean]
      + breaths.map { second in
        Row(
          stanza: "memory", title: "resident after \(number(second)) s", cell: cell, metric: "mib@\(second)",
          unit: "MiB", isTime: false,
          place: .init(
            .time, "A service fills up, empties, idles, twice: resident memory", at: second, series: words),
          isAside: true, isPoint: true)
      }
  }

  private static let distributions: [Row] = tailThreads.flatMap { threads in
    ["malloc", "free"].flatMap { call in
      [(0.5, "50%"), (0.9, "90%"), (0.99, "99%"), (0.999, "99.9%"), (0.9999, "99.99%"), (1, "all")].map {
        share, label in
        Row(
          stanza: "tails", title: "\(call), \(label) of the calls, \(count(threads))",
          cell: Cell(kind: .workload("tails"), threads: threads, footprint: true), metric: "\(call)_ns@\(share)",
          unit: "ns", isTime: false,
          place: .init(.share, "How long \(call) takes, \(count(threads))", at: share, label: label), isAside: true,
          isPoint: true)
      }
    }
  }

  // MARK: - Real programs

  private static let services: [Row] = [
    ("actors", "Swift: a message between actors"), ("fan-out", "Swift: a task of a group"),
    ("texts", "Swift: a line of words, counted"),
  ].map { name, title in
    Row(
      stanza: "loads", title: title, cell: Cell(kind: .service(name)), metric: "ns", unit: "ns",
      isTime: false)
  }

  private static let served = [
    ("us", "us"), ("p50_ms", "ms"), ("p99_ms", "ms"), ("p999_ms", "ms"), ("rss_mib", "MiB"), ("idle_mib", "MiB"),
  ]

  private static let loads: [Row] =
    services
    + [
      ("python", "python: objects and texts", [("ms", "ms"), ("peak_mib", "MiB")]),
      ("sqlite", "sqlite: inserts and an index", [("ms", "ms"), ("peak_mib", "MiB")]),
      ("gcc", "gcc -O2 of a C file", [("ms", "ms"), ("peak_mib", "MiB")]),
      ("redis", "redis-benchmark", [("us", "us"), ("p99_ms", "ms"), ("rss_mib", "MiB"), ("idle_mib", "MiB")]),
      ("http", "JSON service", served), ("http-linked", "JSON service, Anax linked", served),
    ].flatMap { (script: String, title: String, metrics: [(String, String)]) in
      metrics.map { metric, unit in
        let words = [
          "peak_mib": ", peak memory", "p99_ms": ", p99", "rss_mib": ", RSS at the end", "idle_mib": ", RSS idle",
          "us": ", a request", "p50_ms": ", p50", "p999_ms": ", p99.9",
        ]
        return Row(
          stanza: "loads", title: title + (words[metric] ?? ""), cell: Cell(kind: .load(script)), metric: metric,
          unit: unit, isTime: false, fullOnly: script != "python")
      }
    }
}
