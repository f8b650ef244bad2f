// SPDX-License-Identifier: Apache-2.0
//
// The format of results.json, version 1: the one place that writes and reads it. <doc:ReadingTheReport> has its schema.
// What can be computed from the samples is written for others, and computed again when read.

import Anax

/// Why a file is no result of the benchmark.
public struct ResultsError: Error, Sendable, CustomStringConvertible {
  public let path: String
  public let reason: String

  /// Names the file.
  public var description: String { "\(path): \(reason)" }
}

extension BenchmarkResults {
  /// The version of the format that this library writes and reads.
  public static let version = 1
  static let format = "anax-benchmark"

  /// Reads what ``json`` wrote.
  public init(path: String) throws(ResultsError) {
    let bytes: [UInt8]
    do throws(RegularFileError) {
      bytes = try RegularFile.read(path, mebibytes: 64)
    } catch {
      switch error {
      case .unreadable(let reason): throw ResultsError(path: path, reason: reason)
      case .tooLarge(let mebibytes): throw ResultsError(path: path, reason: "is larger than \(mebibytes) MiB")
      }
    }
    do throws(JSONMismatch) {
      try self.init(parsing: bytes)
    } catch {
      throw ResultsError(path: path, reason: "is not a result of the benchmark: \(error.reason)")
    }
  }

  init(parsing bytes: [UInt8]) throws(JSONMismatch) {
    let reader = try JSONReading(parsing: bytes, format: Self.format, version: Self.version)
    let seed = try reader.string("seed")
    guard let seed = UInt64(seed) else { throw JSONMismatch(reason: "seed is not a whole number in quotes") }
    let subjects = try reader.objects("subjects")
    var list: [Subject] = []
    for reader in subjects {
      list.append(
        Subject(
          name: try reader.string("name"), about: try reader.string("about"),
          isCandidate: try reader.boolean("candidate"), isVariant: try reader.boolean("variant"),
          isControl: try reader.has("control") ? reader.boolean("control") : false))
    }
    var goals: [GoalOutcome] = []
    if reader.has("goals") {
      for reader in try reader.objects("goals") { goals.append(try GoalOutcome(reader)) }
    }
    var records: [BenchmarkRecord] = []
    for reader in try reader.objects("records") { records.append(try BenchmarkRecord(reader)) }
    self.init(
      date: try reader.string("date"), command: try reader.string("command"),
      commit: try reader.isNull("commit") ? nil : reader.string("commit"), seed: seed,
      scale: try reader.has("scale") ? reader.number("scale") : nil, duration: try reader.number("seconds"),
      isInterrupted: try reader.boolean("interrupted"),
      machine: try MachineDescription(reader.object("machine")), subjects: list, groups: try reader.strings("groups"),
      notes: try reader.strings("notes"), goals: goals, records: records)
  }

  /// A record a line, since there may be tens of thousands.
  public var json: String {
    JSON.object([
      "format": .string(Self.format), "version": .integer(Int64(Self.version)), "date": .string(date),
      "command": .string(command), "commit": .optional(commit, JSON.string),
      // Not every reader of JSON keeps 64 bits of a number.
      "seed": .string("\(seed)"), "scale": .optional(scale, JSON.number), "seconds": .number(duration),
      "interrupted": .boolean(isInterrupted),
      "machine": machine.json,
      "subjects": .array(
        subjects.map {
          .object([
            "name": .string($0.name), "about": .string($0.about), "candidate": .boolean($0.isCandidate),
            "variant": .boolean($0.isVariant), "control": .boolean($0.isControl),
          ])
        }),
      "groups": .array(groups.map(JSON.string)), "notes": .array(notes.map(JSON.string)),
      "goals": .array(goals.map(\.json)),
      "control": .optional(control, \.json), "records": .array(records.map(\.json)),
    ]).text(levels: 2) + "\n"
  }
}

extension BenchmarkRecord {
  fileprivate var json: JSON {
    .object([
      "group": .string(group), "case": .string(name), "title": .string(title), "subject": .string(subject),
      "metric": .string(metric), "unit": .string(unit), "better": .string(direction.rawValue),
      "threads": .integer(Int64(threads)), "row": .boolean(isRow),
      "place": .optional(place) {
        .object([
          "figure": .string($0.figure.rawValue), "name": .string($0.name), "at": .number($0.at),
          "label": .string($0.label), "series": .string($0.series),
        ])
      },
      "tile": .optional(tile) {
        .object([
          "map": .string($0.map), "column": .string($0.column.label), "column_at": .number($0.column.at),
          "row": .string($0.row.label), "row_at": .number($0.row.at),
        ])
      },
      "failure": .optional(failure, JSON.string), "not_run": .optional(notRun, JSON.string),
      "disturbed": .integer(Int64(disturbed)),
      "n": .integer(Int64(count)), "minimum": .number(minimum), "median": .number(median), "maximum": .number(maximum),
      "to_best": .optional(toBest, \.json), "to_usual": .optional(toUsual, \.json),
      "to_control": .optional(toControl, \.json),
      "samples": .array(samples.map(JSON.number)),
    ])
  }

  fileprivate init(_ reader: JSONReading) throws(JSONMismatch) {
    self.init(
      group: try reader.string("group"), name: try reader.string("case"), title: try reader.string("title"),
      subject: try reader.string("subject"), metric: try reader.string("metric"), unit: try reader.string("unit"),
      direction: try reader.choice("better"),
      samples: try reader.array("samples") { (value, place) throws(JSONMismatch) in
        guard let number = value.number else { throw JSONMismatch(reason: "\(place) is not a number") }
        return number
      },
      threads: try reader.integer("threads"), isRow: try reader.boolean("row"),
      place: try reader.isNull("place") ? nil : Place(reader.object("place")),
      tile: try reader.has("tile") ? Tile(reader.object("tile")) : nil,
      failure: try reader.isNull("failure") ? nil : reader.string("failure"),
      notRun: try reader.has("not_run") ? reader.string("not_run") : nil,
      disturbed: try reader.integer("disturbed"))
  }
}

extension BenchmarkRecord.Place {
  fileprivate init(_ reader: JSONReading) throws(JSONMismatch) {
    self.init(
      try reader.choice("figure"), try reader.string("name"), at: try reader.number("at"),
      label: try reader.string("label"), series: try reader.has("series") ? reader.string("series") : "")
  }
}

extension BenchmarkRecord.Tile {
  fileprivate init(_ reader: JSONReading) throws(JSONMismatch) {
    self.init(
      try reader.string("map"), column: Line(try reader.string("column"), at: try reader.number("column_at")),
      row: Line(try reader.string("row"), at: try reader.number("row_at")))
  }
}

extension GoalOutcome {
  fileprivate var json: JSON {
    .object([
      "group": .string(group), "title": .string(title), "bound": .string(bound), "unit": .string(unit),
      "figure": .optional(figure) {
        .object(["middle": .number($0.middle), "low": .number($0.low), "high": .number($0.high)])
      },
      "verdict": .string(verdict.rawValue), "note": .string(note),
    ])
  }

  fileprivate init(_ reader: JSONReading) throws(JSONMismatch) {
    self.init(
      group: try reader.string("group"), title: try reader.string("title"), bound: try reader.string("bound"),
      unit: try reader.string("unit"), figure: try reader.isNull("figure") ? nil : Interval(reader.object("figure")),
      verdict: try reader.choice("verdict"), note: try reader.string("note"))
  }
}

extension Interval {
  fileprivate init(_ reader: JSONReading) throws(JSONMismatch) {
    self.init(
      middle: try reader.number("middle"), low: try reader.isNull("low") ? -.infinity : reader.number("low"),
      high: try reader.isNull("high") ? .infinity : reader.number("high"))
  }
}

extension ControlSummary {
  fileprivate var json: JSON {
    .object([
      "subject": .string(subject), "rows": .integer(Int64(rows)), "ratio": .number(ratio.middle),
      "low": .number(ratio.low), "high": .number(ratio.high), "within": .number(within),
      "farthest": .object(["title": .string(farthest.title), "ratio": .number(farthest.ratio)]),
      "better": .integer(Int64(better)), "worse": .integer(Int64(worse)), "sure": .integer(Int64(sure)),
    ])
  }
}

extension PeerRatio {
  /// Of a single round the interval has no bounds: null.
  fileprivate var json: JSON {
    .object([
      "peer": .string(peer), "ratio": .number(ratio.middle), "low": .number(ratio.low), "high": .number(ratio.high),
    ])
  }
}

extension JSONReading {
  /// Whether a member is there and not null, for what files of before lack.
  fileprivate func has(_ name: String) -> Bool {
    switch members[name] {
    case nil, .null?: false
    default: true
    }
  }

  fileprivate func choice<Value: RawRepresentable<String> & CaseIterable>(_ name: String) throws(JSONMismatch) -> Value
  {
    let text = try string(name)
    guard let value = Value(rawValue: text) else {
      let known = Value.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
      throw JSONMismatch(reason: "\(place(name)) is \"\(text)\", which is none of \(known)")
    }
    return value
  }
}
