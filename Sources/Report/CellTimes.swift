// SPDX-License-Identifier: Apache-2.0
//
// Times of several subjects in the same cells, judged over all of them beside one peer: the one that is best on the
// whole, where a row is compared with whoever is best in it. Pure functions of the samples.

import Glibc

public struct CellTimes: Sendable {
  /// Of each cell each subject's times, one a round; nil where it has none.
  private let cells: [[[Double]?]]
  private let isPeer: [Bool]
  /// Of each subject the geometric means over the cells, one for each round that all cells have; nil where it has not
  /// run them all.
  public let means: [[Double]?]
  /// The peer that is best over all cells and rounds; nil where none has run them all.
  public let best: Int?

  /// `isPeer`: of each subject, whether it may be compared with.
  public init(_ cells: [[[Double]?]], isPeer: [Bool]) {
    (self.cells, self.isPeer) = (cells, isPeer)
    let means = isPeer.indices.map { Self.means(cells, $0) }
    let present = means.indices.filter { means[$0] != nil }
    best = Peers.best(present.map { means[$0]! }, isPeer: present.map { isPeer[$0] }, isLowerBetter: true)
      .map { present[$0] }
    self.means = means
  }

  /// A subject's geometric means over cells, one a round.
  public static func means(_ cells: [[[Double]?]], _ subject: Int) -> [Double]? {
    let lists = cells.compactMap { $0[subject] }
    guard !cells.isEmpty, lists.count == cells.count, let rounds = lists.map(\.count).min(), rounds > 0 else {
      return nil
    }
    return (0..<rounds).map { round in Statistics.geometricMean(lists.map { $0[round] }) }
  }

  /// A subject's times to the best peer's, a ratio of geometric means a round; each round to the peer that is best in
  /// all others.
  public func toBest(_ subject: Int) -> [Double]? {
    let present = means.indices.filter { means[$0] != nil }
    guard let place = present.firstIndex(of: subject) else { return nil }
    return Peers.ratiosToBest(
      present.map { means[$0]! }, isPeer: present.map { isPeer[$0] }, isLowerBetter: true)?[place]
  }

  /// What a subject's rates come to beside the best peer's, cell by cell.
  public struct EachCell: Sendable {
    /// The cell with the lowest ratio.
    public let worst: Int
    public let ratio: Interval
    /// Cells below the bound, and those of them that are so significantly: 95% for all together, by Holm's correction.
    public let below: Int
    public let significant: Int
    public let count: Int
    /// A cell of one round cannot be judged, and so neither can all.
    public let isJudged: Bool

    public var verdict: Verdict {
      guard isJudged else { return .open }
      return significant > 0 ? .missed : below > 0 ? .perhapsMissed : .met
    }
  }

  /// `bound`: what the rate is to be at least, relative to the best peer's. nil where nothing can be compared.
  public func eachCell(_ subject: Int, atLeast bound: Double) -> EachCell? {
    guard let best else { return nil }
    let rates = cells.indices.compactMap { cell -> (cell: Int, ratios: [Double])? in
      guard let own = cells[cell][subject], let other = cells[cell][best] else { return nil }
      return Peers.ratios(other, to: own).map { (cell, $0) }
    }
    let intervals = rates.map { Statistics.interval(ofRatios: $0.ratios) }
    guard let worst = intervals.indices.min(by: { intervals[$0].middle < intervals[$1].middle }) else { return nil }
    let chances = rates.map { Significance.below(log(bound), $0.ratios.map { log($0) }) }
    return EachCell(
      worst: rates[worst].cell, ratio: intervals[worst], below: intervals.filter { $0.middle < bound }.count,
      significant: Significance.holm(chances).count, count: rates.count,
      isJudged: rates.allSatisfy { $0.ratios.count > 1 })
  }
}
