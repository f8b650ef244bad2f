// SPDX-License-Identifier: Apache-2.0
//
// What was measured: for each cell and subject one outcome a round. Only a session adds to it.

/// One run of one cell on one subject.
package struct Outcome: Sendable {
  package var metrics: [String: Double] = [:]
  /// What went wrong, in a few words; nil where the run ended well.
  package var failure: String?
  /// Why it was not run at all; then it has neither metrics nor a failure.
  package var notRun: String?
  /// The subject is not compared in the cell: it has nothing of the above.
  package var isAbsent = false
  /// Foreign load disturbed it, and it could not be taken again.
  package var disturbed = false

  package init(metrics: [String: Double] = [:], failure: String? = nil, notRun: String? = nil) {
    (self.metrics, self.failure, self.notRun) = (metrics, failure, notRun)
  }

  package static var absent: Outcome {
    var outcome = Outcome()
    outcome.isAbsent = true
    return outcome
  }
}

package struct Samples<Cell: Hashable & Sendable, Subject: Sendable>: Sendable {
  package let subjects: [Subject]
  /// Rounds of a cell, each with one outcome a subject.
  package private(set) var rounds: [Cell: [[Outcome]]] = [:]

  package init(subjects: [Subject]) { self.subjects = subjects }

  package mutating func add(_ outcomes: [Outcome], of cell: Cell) { rounds[cell, default: []].append(outcomes) }

  /// The values of a metric, a list a subject, of the same rounds; nil for a subject that failed or lacks the metric.
  package func values(_ cell: Cell, _ metric: String) -> [[Double]?] {
    let rounds = rounds[cell] ?? []
    return subjects.indices.map { subject in
      let values = rounds.compactMap {
        $0[subject].failure == nil && $0[subject].notRun == nil ? $0[subject].metrics[metric] : nil
      }
      return values.count == rounds.count && !values.isEmpty ? values : nil
    }
  }

  package func failure(_ cell: Cell, _ subject: Int) -> String? {
    (rounds[cell] ?? []).compactMap { $0[subject].failure }.first
  }

  package func notRun(_ cell: Cell, _ subject: Int) -> String? {
    (rounds[cell] ?? []).compactMap { $0[subject].notRun }.first
  }

  package func isAbsent(_ cell: Cell, _ subject: Int) -> Bool {
    (rounds[cell] ?? []).allSatisfy { $0[subject].isAbsent }
  }

  /// The share of runs of a cell that foreign load disturbed, of those that gave figures.
  package func disturbed(_ cell: Cell) -> Double {
    let all = (rounds[cell] ?? []).flatMap { $0 }.filter { !$0.metrics.isEmpty }
    return all.isEmpty ? 0 : Double(all.filter(\.disturbed).count) / Double(all.count)
  }
}
