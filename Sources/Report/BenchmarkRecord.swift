// SPDX-License-Identifier: Apache-2.0
//
// One metric of one subject in one case, with every sample. The unit that results, page and comparison are made of.
// Value types.

/// What one subject reached in one case, by one measure.
public struct BenchmarkRecord: Sendable, Hashable {
  /// Which way is better.
  public enum Direction: String, Sendable, CaseIterable {
    case lower, higher
    /// Reported without a judgement.
    case neither
  }

  /// Where a record stands in a figure.
  public struct Place: Sendable, Hashable {
    public enum Figure: String, Sendable, CaseIterable {
      /// Over threads for each CPU.
      case threads
      /// Over seconds.
      case time
      /// Over the share of all calls that took no longer, 1 for the longest.
      case share
      /// A cell of a map: a column for each place, a row for each subject.
      case map
    }

    public var figure: Figure
    /// The figure's title.
    public var name: String
    /// Where on the horizontal axis; in a map the columns are in this order.
    public var at: Double
    /// What a map's column is called.
    public var label: String
    /// What its line is called beside the subject's name, where a subject has several in the figure.
    public var series: String

    public init(_ figure: Figure, _ name: String, at: Double, label: String = "", series: String = "") {
      (self.figure, self.name, self.at, self.label, self.series) = (figure, name, at, label, series)
    }
  }

  /// Where a record stands in a map of ratios: its case's, whoever's it is.
  public struct Tile: Sendable, Hashable {
    /// What a column or a row is called, and where it stands among the others.
    public struct Line: Sendable, Hashable {
      public var label: String
      public var at: Double

      public init(_ label: String, at: Double) { (self.label, self.at) = (label, at) }
    }

    /// The map's title.
    public var map: String
    public var column: Line
    public var row: Line

    public init(_ map: String, column: Line, row: Line) { (self.map, self.column, self.row) = (map, column, row) }
  }

  public var group: String
  /// With what it was run, as `handover x4`.
  public var name: String
  /// The case in words.
  public var title: String
  public var subject: String
  public var metric: String
  public var unit: String
  public var direction: Direction
  /// One a round, in the order of the rounds, which are the same for all subjects of a case.
  public var samples: [Double]
  /// Threads that ran.
  public var threads: Int
  /// Whether it is a row of the group's bars; what is not only stands in figures and tables.
  public var isRow: Bool
  public var place: Place?
  public var tile: Tile?
  /// What went wrong, in a few words; then there are no samples.
  public var failure: String?
  /// Why it was not run at all, in a few words; then there are neither samples nor a failure.
  public var notRun: String?
  /// Runs that others on the machine disturbed, and that were kept.
  public var disturbed: Int
  /// To the best peer of the case, and to the group's usual choice (glibc where allocators are compared); nil where
  /// there is nothing to compare.
  public internal(set) var toBest: PeerRatio?
  public internal(set) var toUsual: PeerRatio?
  /// Of a candidate: to the same run once more under another name.
  public internal(set) var toControl: PeerRatio?

  public init(
    group: String, name: String, title: String, subject: String, metric: String, unit: String,
    direction: Direction = .lower, samples: [Double], threads: Int = 1, isRow: Bool = true, place: Place? = nil,
    tile: Tile? = nil, failure: String? = nil, notRun: String? = nil, disturbed: Int = 0
  ) {
    (self.group, self.name, self.title, self.subject) = (group, name, title, subject)
    (self.metric, self.unit, self.direction, self.samples) = (metric, unit, direction, samples)
    (self.threads, self.isRow, self.place, self.tile) = (threads, isRow, place, tile)
    (self.failure, self.notRun, self.disturbed) = (failure, notRun, disturbed)
  }

  public var count: Int { samples.count }
  public var median: Double { Statistics.median(samples) }
  public var minimum: Double { samples.min() ?? .nan }
  public var maximum: Double { samples.max() ?? .nan }

  /// A tile of a map, and nothing else: judged with its map's others, if at all.
  var isTileOnly: Bool { tile != nil && !isRow && place == nil }

  /// What all subjects of a case have alike.
  struct Key: Hashable {
    var group: String
    var name: String
    var metric: String
  }

  var key: Key { Key(group: group, name: name, metric: metric) }
}

/// A ratio to a peer, of runs of the same rounds. To the best peer: its name is that of the best over all rounds, and
/// each round's ratio is to the best of the others.
public struct PeerRatio: Sendable, Hashable {
  public var peer: String
  public var ratio: Interval

  public init(peer: String, ratio: Interval) { (self.peer, self.ratio) = (peer, ratio) }
}

/// What an interval of ratios says.
public enum Standing: String, Sendable {
  case better, worse
  /// The interval holds 1, or the difference is below what two runs of the same differ by.
  case level

  /// Below this share a difference counts as none, however sure it is.
  public static let worthwhile = 0.03

  public init(_ ratio: Interval, _ direction: BenchmarkRecord.Direction) {
    let isAbove = ratio.low > 1 && ratio.middle > 1 + Standing.worthwhile
    let isBelow = ratio.high < 1 && ratio.middle < 1 / (1 + Standing.worthwhile)
    switch direction {
    case .lower: self = isBelow ? .better : isAbove ? .worse : .level
    case .higher: self = isAbove ? .better : isBelow ? .worse : .level
    case .neither: self = .level
    }
  }
}
