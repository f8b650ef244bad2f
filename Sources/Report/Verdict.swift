// SPDX-License-Identifier: Apache-2.0
//
// What can be said about a goal, from the figures of the rounds. Pure functions.

/// ``met`` is about the figure itself; only ``missed`` must be significant (95%), and what lies between says so.
public enum Verdict: String, Sendable, CaseIterable {
  /// The figure is within the bound.
  case met
  /// The figure is beyond the bound, but its interval reaches it.
  case perhapsMissed = "perhaps missed"
  /// The figure is beyond the bound, and its interval too.
  case missed = "MISSED"
  case failed = "FAILED"
  /// Nothing is asked, or nothing can be said: one round has no say.
  case open = ""

  /// What the words mean, for those who read them.
  public static let legend = """
    met: the figure is within the bound; perhaps missed: beyond it, but the interval reaches it; MISSED: the interval is \
    beyond it too. One round is not judged.
    """

  /// What the median of figures, one a round, is to a bound from above.
  public static func judge(_ values: [Double], atMost bound: Double) -> Verdict {
    guard values.count > 1 else { return .open }
    return judge(Statistics.interval(ofFigures: values), atMost: bound)
  }

  /// The same for ratios of paired runs, with Student's interval of their logarithms.
  public static func judge(ratios: [Double], atMost bound: Double) -> Verdict {
    guard ratios.count > 1 else { return .open }
    return judge(Statistics.interval(ofRatios: ratios), atMost: bound)
  }

  private static func judge(_ interval: Interval, atMost bound: Double) -> Verdict {
    if interval.middle <= bound { return .met }
    return interval.low <= bound ? .perhapsMissed : .missed
  }

  /// The same for a bound from below.
  public static func judge(ratios: [Double], atLeast bound: Double) -> Verdict {
    judge(ratios: ratios.map { 1 / $0 }, atMost: 1 / bound)
  }

  /// What the median is to a bound from below.
  public static func judge(_ values: [Double], atLeast bound: Double) -> Verdict {
    judge(values.map { -$0 }, atMost: -bound)
  }
}
