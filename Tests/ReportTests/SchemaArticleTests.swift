// SPDX-License-Identifier: Apache-2.0
//
// The article's schema of results.json against files: it names what they have, no more and no less, and of the right
// types.
import Anax
import Foundation
import Testing

@testable import Report

@Suite struct SchemaArticleTests {
  private func schema() throws -> JSON {
    let article = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../Sources/Anax/Anax.docc/ReadingTheReport.md")
    let text = try String(contentsOf: article, encoding: .utf8)
    let block = try #require(text.components(separatedBy: "```json\n").last?.components(separatedBy: "\n```").first)
    return try JSON(parsing: Array(block.utf8))
  }

  private func members(_ value: JSON?) -> JSON.Members? {
    if case .object(let members)? = value { members } else { nil }
  }

  private func strings(_ value: JSON?) -> [String]? {
    guard case .array(let list)? = value else { return nil }
    return list.compactMap { if case .string(let text) = $0 { text } else { nil } }
  }

  /// What of a value is not as a schema has it, a line each. Of the schema's language as much as the article uses; a
  /// member that the schema does not describe is an error.
  private func faults(_ value: JSON, _ schema: JSON, _ root: JSON, _ path: String) -> [String] {
    guard let rules = members(schema) else { return ["\(path): no schema"] }
    if case .string(let name)? = rules["$ref"] {
      let target = members(members(root)?["$defs"])?[String(name.split(separator: "/").last ?? "")]
      return target.map { faults(value, $0, root, path) } ?? ["\(path): \(name) is nowhere"]
    }
    if let only = rules["const"] { return only == value ? [] : ["\(path): is not \(only.text())"] }
    if case .array(let choices)? = rules["enum"] {
      return choices.contains(value) ? [] : ["\(path): is none of the choices"]
    }
    let types: [String]
    if case .string(let type)? = rules["type"] { types = [type] } else { types = strings(rules["type"]) ?? [] }
    let found: [String] =
      switch value {
      case .null: ["null"]
      case .boolean: ["boolean"]
      case .integer: ["integer", "number"]
      case .number: ["number"]
      case .string: ["string"]
      case .array: ["array"]
      case .object: ["object"]
      }
    guard found.contains(where: types.contains) else { return ["\(path): is \(found[0]), and not \(types)"] }
    switch value {
    case .array(let list):
      guard let items = rules["items"] else { return ["\(path): its items have no schema"] }
      return list.enumerated().flatMap { faults($1, items, root, "\(path)[\($0)]") }
    case .object(let own):
      let (required, known) = (Set(strings(rules["required"]) ?? []), members(rules["properties"]))
      let names = Set(own.list.map(\.key))
      let odd = names.symmetricDifference(required).sorted()
      var lines = odd.isEmpty ? [] : ["\(path): \(odd) in one of the two only"]
      for member in own.list {
        let at = "\(path).\(member.key)"
        lines += known?[member.key].map { faults(member.value, $0, root, at) } ?? ["\(at): no schema"]
      }
      return lines
    default: return []
    }
  }

  @Test(arguments: [false, true]) func filesAreAsTheSchemaHasThem(isControlled: Bool) throws {
    let schema = try schema()
    let file = try JSON(parsing: Array(Sample.results(interrupted: true, isControlled: isControlled).json.utf8))
    let lines = faults(file, schema, schema, "file")
    #expect(lines.isEmpty, "\(lines.prefix(10).joined(separator: "\n"))")
  }

  /// The check itself sees what is wrong.
  @Test func strangeFilesAreSeen() throws {
    let schema = try schema()
    let text = Sample.results().json
    for (old, new) in [
      ("\"seconds\": 271.0", "\"seconds\": \"271\""), ("\"interrupted\": false", "\"interrupted\": 0"),
      ("\"group\": \"malloc\"", "\"group\": 1"), ("\"label\": \"512 B\"", "\"label\": null"),
      ("\"version\": 1", "\"version\": 2"), ("\"notes\":", "\"remarks\":"),
    ] {
      let changed = text.replacingOccurrences(of: old, with: new)
      #expect(changed != text, "\(old)")
      #expect(!faults(try JSON(parsing: Array(changed.utf8)), schema, schema, "file").isEmpty, "\(new)")
    }
  }

  @Test func schemaHasAllChoices() throws {
    func property(_ schema: JSON?, _ names: String...) -> JSON? {
      names.reduce(schema) { schema, name in
        let properties = members(members(schema)?["properties"])?[name]
        return members(properties)?["items"] ?? properties
      }
    }
    let schema = try schema()
    func choices(_ schema: JSON?) -> [String]? { strings(members(schema)?["enum"]) }
    #expect(choices(property(schema, "records", "better")) == BenchmarkRecord.Direction.allCases.map(\.rawValue))
    #expect(
      choices(property(schema, "records", "place", "figure")) == BenchmarkRecord.Place.Figure.allCases.map(\.rawValue))
    #expect(choices(property(schema, "goals", "verdict")) == Verdict.allCases.map(\.rawValue))
  }
}
