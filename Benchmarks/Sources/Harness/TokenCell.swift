// SPDX-License-Identifier: Apache-2.0
//
// What is run on locks: a cell is one case under one set of conditions. The judged cells are fixed here, beforehand;
// the full grid is all that the factors give.

/// One kind of run; equal cells are run once.
package struct TokenCell: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    /// Acquire and release that nobody else wants.
    case pair
    /// Threads that take one lock.
    case contention
    /// Threads that take two locks in opposite orders, for a time or for so many rounds.
    case two(rounds: Int)
  }

  /// Work outside: so many nanoseconds, or so many times the section.
  package enum Think: Hashable, Sendable {
    case nanoseconds(Double)
    case sections(Double)
  }

  package var kind = Kind.contention
  package var threads = 1
  /// Nanoseconds of work inside.
  package var section = 0.0
  package var think = Think.nanoseconds(0)
  /// Percent of the operations that share.
  package var shared = 0
  package var hog = false
  /// Two seconds in which every wait is timed.
  package var long = false

  package init(
    kind: Kind = .contention, threads: Int = 1, section: Double = 0, think: Think = .nanoseconds(0), shared: Int = 0,
    hog: Bool = false, long: Bool = false
  ) {
    (self.kind, self.threads, self.section, self.think) = (kind, threads, section, think)
    (self.shared, self.hog, self.long) = (shared, hog, long)
  }

  package var thinkTime: Double {
    switch think {
    case .nanoseconds(let time): time
    case .sections(let count): section * count
    }
  }

  /// Ends after so many rounds, and not after a time.
  package var isForRounds: Bool { if case .two(let rounds) = kind { rounds > 0 } else { false } }

  /// Which subjects run it.
  package var part: String {
    switch kind {
    case .two: "two"
    case .pair: "exclusive"
    case .contention: shared > 0 ? "shared" : "exclusive"
    }
  }

  package var name: String {
    if kind == .pair { return "uncontended" }
    var parts = [threads == 1 ? "1 thread" : "\(threads) threads"]
    if case .two(let rounds) = kind {
      parts.append("two locks in opposite orders")
      if rounds > 0 { return (parts + ["\(rounds) rounds"]).joined(separator: ", ") }
    }
    parts += ["section \(TokenCell.time(section))", "think \(TokenCell.time(thinkTime))"]
    if shared > 0 { parts.append("\(shared)% shared") }
    if hog { parts.append("hog") }
    if long { parts.append("2 s") }
    return parts.joined(separator: ", ")
  }

  package static func time(_ nanoseconds: Double) -> String {
    nanoseconds < 1000 ? "\(Int(nanoseconds)) ns" : "\(number(nanoseconds / 1000).trimmedZeros) us"
  }
}

extension String {
  /// Without the zeros behind the point, and without the point where nothing is left behind it.
  package var trimmedZeros: String {
    guard contains(".") else { return self }
    var text = self[...]
    while text.last == "0" { text.removeLast() }
    if text.last == "." { text.removeLast() }
    return String(text)
  }
}

package enum TokenCells {
  package static let threads = [1, 2, 4, 8, 16]

  /// Section and think of the judged cells; with each number of threads, 40 cells.
  package static let judgedWork: [(section: Double, think: TokenCell.Think)] = [
    (0, .nanoseconds(0)),
    (0, .nanoseconds(200)),
    (10, .sections(4)),
    (50, .nanoseconds(0)),
    (50, .sections(4)),
    (200, .sections(1)),
    (1000, .sections(1)),
    (1000, .sections(4)),
  ]

  package static let judged = threads.flatMap { threads in
    judgedWork.map { TokenCell(threads: threads, section: $0.section, think: $0.think) }
  }

  /// Where Swift's Mutex falls into its convoy.
  package static let short = TokenCell(threads: 8, section: 10, think: .sections(4))

  /// Where a lock with two speeds would show both.
  package static let steady = judged.filter { $0.threads == 8 && $0.section <= 50 }

  package static let long = [50.0, 1000].map { section in
    TokenCell(threads: 8, section: section, think: .sections(section < 1000 ? 4 : 1), long: true)
  }

  package static func mostlyShared(_ threads: Int) -> [TokenCell] {
    [50.0, 200.0].map { TokenCell(threads: threads, section: $0, think: .sections(1), shared: 99) }
  }

  package static func two(_ threads: Int) -> TokenCell {
    TokenCell(kind: .two(rounds: 0), threads: threads, section: 50, think: .sections(1))
  }

  /// Two threads and no pause between the rounds.
  package static func opposite(rounds: Int) -> TokenCell { TokenCell(kind: .two(rounds: rounds), threads: 2) }

  /// Sections and thinks of the grid, each pair of times once, in the order of their times.
  package static let gridWork: [(section: Double, think: TokenCell.Think)] =
    [0.0, 10, 50, 200, 1000, 5000, 20_000, 100_000].flatMap { section in
      let relative: [TokenCell.Think] = section == 0 ? [] : [.sections(1), .sections(4), .sections(16)]
      let fixed: [TokenCell.Think] = [.nanoseconds(0), .nanoseconds(50), .nanoseconds(200)]
      var times = Set<Double>()
      // As the judged cells are written, where both ways name the same time.
      return (relative + fixed).map { (section: section, think: $0) }
        .filter { times.insert(TokenCell(section: $0.section, think: $0.think).thinkTime).inserted }
        .sorted {
          TokenCell(section: section, think: $0.think).thinkTime
            < TokenCell(section: section, think: $1.think).thinkTime
        }
    }

  package static let gridShares = [0, 50, 90, 99]

  /// All that the factors give.
  package static let grid: [TokenCell] = threads.flatMap { threads in
    gridWork.flatMap { work in
      gridShares.flatMap { shared in
        [false, true].map { hog in
          TokenCell(threads: threads, section: work.section, think: work.think, shared: shared, hog: hog)
        }
      }
    }
  }
}
