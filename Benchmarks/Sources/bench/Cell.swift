// SPDX-License-Identifier: Apache-2.0
//
// What is run and what is shown: a cell is one run of one case on one subject, a row is one metric of a cell. Several
// rows may come from one cell.

import Harness
import Report

/// One kind of run; equal cells are run once.
struct Cell: Hashable, Sendable {
  enum Kind: Hashable, Sendable {
    /// A case of `workload`.
    case workload(String)
    /// A case of `memory-workload`, in which the subject is asked for by name.
    case inside(String)
    /// A case of `swift-workload`.
    case service(String)
    /// A case of `token-workload`.
    case lock(TokenCell)
    /// A script of real programs.
    case load(String)
    /// The start of a program that does nothing, or little: a case of `workload`.
    case start(String?)
  }

  var kind: Kind
  var family = Family.allocators
  var threads = 1
  var condition = Condition.none
  /// Memory that the host may have taken back is touched before the run.
  var warmed = false
  /// Sleeps most of the time: all subjects run at the same time, in few rounds.
  var sleeping = false
  /// Variables of the environment for the candidate.
  var environment: [String] = []
  /// The first run of a subject pays for what later ones find done: it is thrown away. A service has a first second of
  /// its own.
  var isWarmedUp: Bool { group == "tails" || (group == "loads" && !isService) }
  private var isService: Bool { if case .load(let name) = kind { name.hasPrefix("http") } else { false } }
  static let linkedService = "http-linked"
  /// Counts in the comparison of peak memory.
  var footprint = false
  /// One of many short cells of locks.
  var isGrid = false

  static func lock(_ lock: TokenCell, isGrid: Bool = false, condition: Condition = .none) -> Cell {
    var cell = Cell(kind: .lock(lock), family: .tokens, condition: condition)
    cell.isGrid = isGrid
    return cell
  }

  /// More would take hours: a service is watched while it idles, and a long run of locks has many waits by itself.
  var mostRounds: Int {
    switch kind {
    case .load where isService: 2
    case .lock(let lock): lock.isForRounds ? 1 : lock.long ? 3 : .max
    default: .max
    }
  }

  /// Whether futex calls are counted in it. The grid is left out: a counted run costs several others.
  var isCounted: Bool {
    guard case .lock(let lock) = kind, lock.kind == .contention else { return false }
    return condition == .none && lock.threads > 1 && !lock.long && !isGrid
  }

  /// Threads that take part.
  var threadCount: Int { if case .lock(let lock) = kind { lock.threads } else { threads } }

  /// What of this package or of the machine a case is about; the report has a chapter for each.
  var group: String {
    switch kind {
    case .start: "start"
    case .load, .service: "loads"
    case .lock: "tokens"
    case .inside: family.rawValue
    case .workload(let name): Cell.groups.first(where: { name.hasPrefix($0.prefix) })?.group ?? "malloc"
    }
  }

  private static let groups: [(prefix: String, group: String)] = [
    (prefix: "chase", group: "color"), ("tails", "tails"), ("threads-rss", "memory"),
    ("silence", "memory"), ("busy", "memory"), ("fragment", "memory"), ("breathing", "memory"),
  ]

  /// Groups of the report: peak memory is taken from cases of all others.
  static let reportGroups = allGroups.flatMap { $0 == "memory" ? [$0, "peak"] : [$0] }

  static let allGroups = ["malloc", "pages", "zones", "tokens", "memory", "color", "tails", "start", "loads"]

  var name: String {
    let name =
      switch kind {
      case .workload(let name), .inside(let name), .load(let name), .service(let name): name
      case .lock(let lock): lock.name
      case .start(let name): name ?? "start"
      }
    var parts = [name]
    if threads > 1 { parts.append("x\(threads)") }
    if condition != .none { parts.append("(\(condition.rawValue))") }
    if !environment.isEmpty { parts.append("(\(environment.joined(separator: " ")))") }
    return parts.joined(separator: " ")
  }
}

typealias BenchSamples = Samples<Cell, Subject>

struct Row: Sendable {
  /// Rows that stand together in the terminal's table.
  let stanza: String
  var title: String
  var cell: Cell
  var metric: String
  var unit: String
  var goal = Goal.none
  /// Part of the geometric mean of times.
  var isTime = true
  /// Part of the full run only.
  var fullOnly = false
  /// Part of all runs but the quick one.
  var notQuick = false
  /// Where it stands in a figure of the report, and in a map of ratios.
  var place: BenchmarkRecord.Place?
  var tile: BenchmarkRecord.Tile?
  /// In the report only, and not in the terminal's table.
  var isAside = false
  /// A point of a line that is judged as a whole elsewhere, and no row of its own.
  var isPoint = false
  /// Told beside what the case is about.
  var isTold = false
  /// Reported without a judgement: what the workload costs by itself, or what is told beside.
  var isNeutral: Bool { stanza == "workload" || isTold }
}
