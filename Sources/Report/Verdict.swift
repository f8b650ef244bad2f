// SPDX-License-Identifier: Apache-2.0
//
// What can be said about a goal, from the figures of the rounds. Pure functions.

/// Met within noise: the middle is beyond the bound, but not significantly (95%).
public enum Verdict: String, Sendable, CaseIterable {
  case met
  case metWithinNoise = "met (noise)"
  case missed = "MISSED"
  case failed = "FAILED"
  case open = ""

  /// Whether the median is at most `bound`, or not significantly above it.
  public static func judge(_ values: [Double], atMost bound: Double) -> Verdict {
    if Statistics.median(values) <= bound { return .met }
    return Statistics.interval(ofMedian: values).lowerBound <= bound ? .metWithinNoise : .missed
  }

  /// The same for ratios of paired runs, with Student's interval of their logarithms.
  public static func judge(ratios: [Double], atMost bound: Double) -> Verdict {
    let interval = Statistics.interval(ofRatios: ratios)
    if interval.middle <= bound { return .met }
    return interval.low <= bound ? .metWithinNoise : .missed
  }

  /// Whether the geometric mean is at least `bound`, or not significantly below it.
  public static func judge(ratios: [Double], atLeast bound: Double) -> Verdict {
    judge(ratios: ratios.map { 1 / $0 }, atMost: 1 / bound)
  }

  /// Whether the median is at least `bound`, or not significantly below it.
  public static func judge(_ values: [Double], atLeast bound: Double) -> Verdict {
    judge(values.map { -$0 }, atMost: -bound)
  }
}
