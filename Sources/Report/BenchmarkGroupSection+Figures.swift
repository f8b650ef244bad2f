// SPDX-License-Identifier: Apache-2.0
//
// The figures of one group of the report: lines over threads, seconds or shares of calls, and maps.

extension BenchmarkGroupSection {
  /// Without the control, which has a section of its own.
  func drawn(_ records: [BenchmarkRecord]) -> String {
    let controls = Set(results.subjects.lazy.filter(\.isControl).map(\.name))
    let records = records.filter { !controls.contains($0.subject) }
    var names: [BenchmarkRecord.Place] = []
    for case let place? in records.map(\.place)
    where !names.contains(where: { $0.name == place.name && $0.figure == place.figure }) { names.append(place) }
    guard !names.isEmpty else { return "" }
    let drawn = names.map { place in
      figure(
        place,
        records.filter { $0.place?.name == place.name && $0.place?.figure == place.figure && !$0.samples.isEmpty })
    }
    return Markup.element("div", ["class": "maps"], drawn.joined(separator: "\n"))
  }

  private func figure(_ place: BenchmarkRecord.Place, _ records: [BenchmarkRecord]) -> String {
    guard let first = records.first else { return "" }
    if place.figure == .map { return map(place, records) }
    let unit = first.unit
    var names: [String] = []
    for record in records where !names.contains(record.place!.series) { names.append(record.place!.series) }
    let series = results.subjects.enumerated().flatMap { index, subject in
      names.compactMap { name -> LinePlot.Series? in
        let points = records.filter { $0.subject == subject.name && $0.place!.series == name }
        guard !points.isEmpty else { return nil }
        return LinePlot.Series(
          name: name.isEmpty ? subject.name : "\(subject.name), \(name)",
          style: style(index) + (name.isEmpty ? "" : " dashed"),
          points: points.map { .init(at: $0.place!.at, middle: $0.median, low: $0.minimum, high: $0.maximum) })
      }
    }
    var plot = LinePlot(
      title: place.name, horizontal: .linear, vertical: .logarithmic, horizontalTitle: "", verticalTitle: unit,
      series: series.filter { $0.style.hasPrefix("own") } + series.filter { !$0.style.hasPrefix("own") })
    switch place.figure {
    case .threads:
      plot.horizontal = .logarithmic
      plot.horizontalTitle = "threads for each CPU"
    case .time:
      plot.vertical = .linear
      plot.horizontalTitle = "seconds"
    case .share, .map:
      plot.horizontal = .nines
      plot.horizontalTitle = "share of the calls that took no longer"
    }
    if place.figure != .time {
      for record in records { plot.labels[record.place!.at] = record.place!.label }
    }
    if ["ns", "us", "ms"].contains(unit) {
      plot.verticalTitle = first.direction == .higher ? unit : "time, lower is better"
      plot.format = { BenchmarkRow.value($0, unit) }
    } else {
      plot.verticalTitle = unit + (first.direction == .higher ? ", higher is better" : ", lower is better")
    }
    return plot.svg
  }

  private func style(_ index: Int) -> String {
    let subject = results.subjects[index]
    if subject.isCandidate { return "own" }
    return "s\(results.subjects[..<index].filter { !$0.isCandidate && !$0.isControl }.count % 8 + 1)"
  }

  private func map(_ place: BenchmarkRecord.Place, _ records: [BenchmarkRecord]) -> String {
    let columns = Array(Set(records.map { $0.place!.at })).sorted()
    let subjects = results.subjects.filter { subject in records.contains { $0.subject == subject.name } }
      .sorted { $0.isCandidate && !$1.isCandidate }
    let cells = records.compactMap { record -> HeatMap.Cell? in
      guard let row = subjects.firstIndex(where: { $0.name == record.subject }) else { return nil }
      let column = columns.firstIndex(of: record.place!.at)!
      let others = records.filter { $0.place!.at == record.place!.at }.map(\.median)
      // The best of the column is level; what is behind it has color.
      let standard = record.direction == .higher ? others.max()! : others.min()!
      let better = record.direction == .higher ? record.median / standard : standard / record.median
      return HeatMap.Cell(
        column: column, row: row, text: Text.number(record.median, digits: 2), better: better,
        title: "\(record.subject), \(record.place!.label): \(BenchmarkRow.value(record.median, record.unit))",
        isDefault: false, isChosen: better == 1)
    }
    var map = HeatMap(
      title:
        "\(place.name), \(records[0].unit); a frame marks the best of a column, color how far the others are behind",
      columnAxis: "", rowAxis: "", columns: columns.map { at in records.first { $0.place!.at == at }!.place!.label },
      rows: subjects.map(\.name), cells: cells)
    map.left = 72
    return map.svg
  }
}
