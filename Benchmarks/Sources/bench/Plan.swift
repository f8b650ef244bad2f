// SPDX-License-Identifier: Apache-2.0
//
// How long and how often: what the command line's profile (quick, plain, full) means for each cell, and what a session
// will take about. A value.

import Harness

struct Plan: Sendable {
  var rounds: Int
  /// Rounds of the cells that sleep.
  var sleepingRounds = 1
  /// Rounds of the grid of locks.
  var gridRounds = 1
  var scale: Double
  /// Of a run on locks, and of one of the grid's.
  var seconds: Double
  var gridSeconds = 0.05
  var seed: UInt64
  /// Seconds that the whole may take: no round begins that would not end before, and nothing is taken again.
  var limit: Double
  /// Whether futex calls are counted, which takes a run of each lock more.
  var countsFutexes = false

  /// How often a cell comes.
  func rounds(_ cell: Cell) -> Int {
    if cell.sleeping { return sleepingRounds }
    return min(cell.isGrid ? gridRounds : rounds, cell.mostRounds)
  }

  /// How many rounds there are, as the cells that come most often have them.
  func rounds(of cells: [Cell]) -> Int { cells.filter { !$0.sleeping }.map(rounds).max() ?? 0 }

  /// Seconds of a run on locks.
  func seconds(_ cell: Cell) -> Double {
    if case .lock(let lock) = cell.kind, lock.long { return 2 }
    return cell.isGrid ? gridSeconds : seconds
  }

  /// Seconds after which a run is taken for hanging. A round of two locks costs some microseconds at worst.
  func hangs(_ cell: Cell) -> Double {
    switch cell.kind {
    case .load: return 300
    case .lock(let lock):
      if case .two(let rounds) = lock.kind { return seconds(cell) + 30 + Double(rounds) * 2e-5 }
      return seconds(cell) + 20
    default: return 20 * max(scale, 1) * (cell.condition == .none ? 1 : 3)
    }
  }

  /// Seconds that a run of a cell takes about, as seen on two CPUs.
  func cost(_ cell: Cell) -> Double {
    switch cell.kind {
    case .workload: 0.02 + 0.1 * scale
    case .inside: 0.02 + (cell.family == .pages ? 0.22 : 0.1) * scale
    case .service: 0.02 + 0.3 * scale
    case .lock(let lock):
      if case .two(let rounds) = lock.kind, rounds > 0 { Double(rounds) * 3e-7 } else { 0.01 + seconds(cell) }
    case .load(let name): name.hasPrefix("http") ? 44 : name == "redis" ? 8 : 0.7
    case .start: 0.05
    }
  }

  /// No more exact than an estimate is.
  static func words(_ seconds: Double) -> String {
    if seconds < 55 { return "\(max(Int((seconds / 10).rounded(.up)) * 10, 10)) seconds" }
    let minutes = Int((seconds / 60).rounded(.up))
    return minutes == 1 ? "a minute" : "\(minutes) minutes"
  }

  /// Seconds that a session takes about, without what is taken again. `subjects`: how many run a cell.
  func estimate(_ cells: [Cell], subjects: (Cell) -> Int) -> Double {
    let awake = cells.filter { !$0.sleeping }.reduce(0) { sum, cell in
      sum + cost(cell) * Double(subjects(cell) * (rounds(cell) + (cell.isWarmedUp ? 1 : 0)))
    }
    let sleepers = cells.filter(\.sleeping).map(subjects).reduce(0, +)
    let counted = countsFutexes ? cells.filter(\.isCounted).map(subjects).reduce(0, +) : 0
    return min(awake + asleep(sleepers) + Double(counted) * 0.07, limit)
  }

  /// Seconds of the rounds of so many runs that sleep: ten each, and the filling before it; 32 at once at most.
  func asleep(_ sleepers: Int) -> Double { Double(sleepingRounds * ((sleepers + 31) / 32)) * 15 }
}
