// SPDX-License-Identifier: Apache-2.0
//
// A map of tries by delay, from cells of candidates.

import Anax
import Report

extension HeatMap {
  struct Entry {
    var candidate: Candidate
    var cell: Cell
  }

  /// Candidates whose delay grows come below, in a row of their own.
  init(title: String, entries: [Entry]) {
    let pairs = entries.filter(\.candidate.isPair)
    let tries = Array(Set(pairs.map(\.candidate.policy.tries))).sorted()
    let delays = Array(Set(pairs.map(\.candidate.policy.delay))).sorted()
    self.init(
      title: title, columnAxis: "tries", rowAxis: "delay", columns: tries.map { "\($0)" },
      rows: delays.map { $0 == 0 ? "1 pause" : Text.duration(Double($0)) },
      cells: pairs.map { entry in
        var cell = entry.cell
        let policy = entry.candidate.policy
        cell.column = tries.firstIndex(of: policy.tries)!
        cell.row = delays.firstIndex(of: policy.delay)!
        // Without tries a delay means nothing: one cell is the whole column.
        if policy.tries == 0 { cell.span = delays.count }
        return cell
      })
    let growing = entries.filter { !$0.candidate.isPair }
    strip = (
      "growing",
      growing.map { entry in
        var cell = entry.cell
        cell.text = "\(entry.candidate.label): \(cell.text)"
        return cell
      }
    )
  }
}
