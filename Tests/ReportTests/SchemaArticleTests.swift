// SPDX-License-Identifier: Apache-2.0
//
// The article's schema of results.json names what the file has, no more and no less.
import Foundation
import Testing

@testable import Report

@Suite struct SchemaArticleTests {
  private typealias Object = [String: Any]

  private func schema() throws -> Object {
    let article = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../Sources/Anax/Anax.docc/ReadingTheReport.md")
    let text = try String(contentsOf: article, encoding: .utf8)
    let block = try #require(text.components(separatedBy: "```json\n").last?.components(separatedBy: "\n```").first)
    return try #require(try JSONSerialization.jsonObject(with: Data(block.utf8)) as? Object)
  }

  private func property(_ schema: Object, _ name: String) throws -> Object {
    try #require((schema["properties"] as? Object)?[name] as? Object, "\(name)")
  }

  private func required(_ schema: Object) throws -> Set<String> { Set(try #require(schema["required"] as? [String])) }

  @Test func schemaNamesEveryMember() throws {
    let schema = try schema()
    let file = try #require(try JSONSerialization.jsonObject(with: Data(Sample.results().json.utf8)) as? Object)
    #expect(try required(schema) == Set(file.keys))
    #expect(try required(property(schema, "machine")) == Set(try #require(file["machine"] as? Object).keys))
    for name in ["subjects", "goals", "records"] {
      let items = try #require(try property(schema, name)["items"] as? Object)
      for object in try #require(file[name] as? [Object]) { #expect(try required(items) == Set(object.keys)) }
    }
    let record = try #require(try property(schema, "records")["items"] as? Object)
    let choices = try property(record, "better")["enum"] as? [String]
    #expect(choices == BenchmarkRecord.Direction.allCases.map(\.rawValue))
    let figures = try property(property(record, "place"), "figure")["enum"] as? [String]
    #expect(figures == BenchmarkRecord.Place.Figure.allCases.map(\.rawValue))
    let goal = try #require(try property(schema, "goals")["items"] as? Object)
    #expect(try property(goal, "verdict")["enum"] as? [String] == Verdict.allCases.map(\.rawValue))
    let tiles = (file["records"] as? [Object])?.compactMap { $0["tile"] as? Object } ?? []
    #expect(!tiles.isEmpty)
    for tile in tiles { #expect(try required(property(record, "tile")) == Set(tile.keys)) }
    #expect(try property(schema, "version")["const"] as? Int == BenchmarkResults.version)
  }
}
