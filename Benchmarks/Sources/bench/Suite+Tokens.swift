// SPDX-License-Identifier: Apache-2.0
//
// The rows of locks: curves over threads, the cells that the goals are about, and the grid. Each cell is run once,
// whatever it is for. What else its run tells stands in the report only.

import CBench
import Harness
import Report

extension Suite {
  /// `counts`: of the curves; `chosen`: only cells of these numbers of threads, where the command line names some;
  /// `rounds`: how many times two threads take two tokens in opposite orders.
  static func tokens(_ counts: [Int], only chosen: [Int]?, rounds: Int) -> [Row] {
    let quick = tokenCurves(counts)
    var known = Set(quick.map(\.cell.name))
    let cells = goalCells(rounds) + TokenCells.grid.map { (stanza: "grid", lock: $0) }
    let more = cells.filter { chosen?.contains($0.lock.threads) ?? true }.compactMap { stanza, lock -> Row? in
      guard known.insert(lock.name).inserted else { return nil }
      return tokenRow(lock, lock.name, stanza: stanza)
    }
    return quick + more
  }

  /// What the goals need, by the word that chooses them.
  private static func goalCells(_ rounds: Int) -> [(stanza: String, lock: TokenCell)] {
    TokenCells.judged.map { ("judged", $0) } + TokenCells.long.map { ("long", $0) }
      + (TokenCells.mostlyShared(2) + TokenCells.mostlyShared(4)).map { ("shared", $0) }
      + [TokenCells.two(2), TokenCells.two(4), TokenCells.opposite(rounds: rounds)].map { ("two", $0) }
  }

  private static func tokenRow(
    _ lock: TokenCell, _ title: String, stanza: String, place: BenchmarkRecord.Place? = nil
  ) -> Row {
    var row = Row(
      stanza: stanza, title: title, cell: .lock(lock, isGrid: stanza == "grid"), metric: "ns", unit: "ns",
      fullOnly: stanza != "tokens", place: place, tile: tile(lock))
    // The grid is drawn, and a run for so many rounds is no race.
    row.isAside = stanza == "grid" || lock.isForRounds
    row.isPoint = row.isAside
    return row
  }

  private static func tokenCurves(_ counts: [Int]) -> [Row] {
    let work: [(section: Double, think: TokenCell.Think, title: String, fullOnly: Bool)] = [
      (0, .nanoseconds(0), "0 ns inside, 0 outside", true), (10, .sections(4), "10 ns inside, 40 outside", false),
      (200, .sections(1), "200 ns inside, 200 outside", true), (1000, .sections(4), "1 us inside, 4 outside", false),
    ]
    let curves = work.flatMap { work in
      counts.map { threads in
        var row = tokenRow(
          TokenCell(threads: threads, section: work.section, think: work.think), "\(count(threads)), \(work.title)",
          stanza: "tokens", place: place("Locked time of an operation: \(work.title)", threads: threads))
        row.fullOnly = work.fullOnly
        return row
      }
    }
    let crowded = counts.filter { $0 >= Int(bench_processors()) }
    // A holder that the quota stops in its section stops all others.
    let quotas = work.filter { !$0.fullOnly }.flatMap { work in
      crowded.map { threads in
        let lock = TokenCell(threads: threads, section: work.section, think: work.think)
        var row = tokenRow(
          lock, "\(count(threads)), \(work.title), a quota", stanza: "tokens",
          place: place("Locked time of an operation: \(work.title)\(quotaWords)", threads: threads))
        (row.cell, row.tile) = (.lock(lock, condition: .quota), nil)
        row.notQuick = threads != crowded.last || work.section > 100
        return row
      }
    }
    let most = counts.last ?? 1
    let hog = TokenCell(threads: most, section: 200, think: .sections(1), hog: true)
    return [tokenRow(TokenCell(kind: .pair), "taken and let go, nobody else", stanza: "tokens")] + curves + quotas + [
      tokenRow(TokenCells.mostlyShared(4)[0], "4 threads, 99% shared", stanza: "tokens"),
      tokenRow(TokenCells.two(4), "4 threads, two locks", stanza: "tokens"),
      tokenRow(hog, "\(count(most)), 200 ns, a hog", stanza: "tokens"),
    ]
  }

  // MARK: - What else a run tells

  /// Of each cell: the metric, its unit, what the row is called, whether the grid has it too.
  private static let told: [(metric: String, unit: String, words: String, inGrid: Bool)] = [
    ("shared_ns", "ns", "shared", false), ("cpu_ns", "ns", "processor time of an operation", true),
    ("jain", "of 1", "Jain's index", true), ("wait_p50_ns", "ns", "wait, p50", false),
    ("wait_p99_ns", "ns", "wait, p99", true), ("wait_p999_ns", "ns", "wait, p99.9", false),
    ("wait_p9999_ns", "ns", "wait, p99.99", false), ("wait_max_ns", "ns", "longest wait", true),
    ("shared_wait_p50_ns", "ns", "sharers' wait, p50", false),
    ("shared_wait_p99_ns", "ns", "sharers' wait, p99", true),
    ("shared_wait_p9999_ns", "ns", "sharers' wait, p99.99", false),
    ("shared_wait_max_ns", "ns", "sharers' longest wait", true),
    ("voluntary_per_kop", "of 1000", "switches to wait", false),
    ("involuntary_per_kop", "of 1000", "switches of the scheduler's", false),
    ("operations", "rounds", "rounds done", false),
  ]

  /// What a row's run tells beside it; empty for what is not a lock.
  static func aside(_ row: Row) -> [Row] {
    guard case .lock(let lock) = row.cell.kind else { return [] }
    return told.filter { told in
      if told.metric == "operations" { return lock.isForRounds }
      if told.metric == "shared_ns" || lock.kind == .pair { return told.metric == "shared_ns" && lock.kind == .pair }
      if told.metric.hasPrefix("wait"), lock.kind != .contention { return false }
      return (told.inGrid || !row.cell.isGrid) && (!told.metric.hasPrefix("shared") || lock.shared > 0)
    }.map { told in
      var aside = row
      (aside.metric, aside.unit) = (told.metric, told.unit)
      aside.title = "\(row.title): \(told.words)"
      (aside.place, aside.tile) = (nil, nil)
      (aside.isAside, aside.isPoint, aside.isTime, aside.isTold) = (true, true, false, true)
      return aside
    }
  }

  // MARK: - The map

  /// Where a cell of the grid stands in it; nil for others.
  private static func tile(_ lock: TokenCell) -> BenchmarkRecord.Tile? {
    guard lock.kind == .contention, !lock.long, TokenCells.threads.contains(lock.threads),
      let row = TokenCells.gridWork.firstIndex(where: { work in
        work.section == lock.section && TokenCell(section: work.section, think: work.think).thinkTime == lock.thinkTime
      })
    else { return nil }
    let mode = lock.shared == 0 ? "exclusive" : "\(lock.shared)% shared"
    return BenchmarkRecord.Tile(
      "Locks, \(mode)\(lock.hog ? ", beside a hog" : ""), work inside / outside",
      column: .init("\(lock.threads)", at: Double(lock.threads)),
      row: .init("\(TokenCell.time(lock.section)) / \(TokenCell.time(lock.thinkTime))", at: Double(row)))
  }
}
