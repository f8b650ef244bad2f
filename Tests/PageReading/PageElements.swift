// SPDX-License-Identifier: Apache-2.0
//
// What an XML parser sees of a page, for the tests of all pages.
import Foundation
import FoundationXML

/// The elements of a page that is well-formed.
public struct PageElements {
  public struct Malformed: Error, CustomStringConvertible {
    public let description: String
  }

  /// How often each element comes.
  public let counts: [String: Int]
  /// What attributes refer to or run.
  public let references: [String]
  public let text: String

  public init(_ page: String) throws {
    let parser = XMLParser(data: Data(page.utf8))
    let reader = Reader()
    parser.delegate = reader
    guard parser.parse() else {
      throw Malformed(description: "line \(parser.lineNumber): \(String(describing: parser.parserError))")
    }
    (counts, references, text) = (reader.counts, reader.references, reader.text)
  }

  /// What would make a page need more than itself; empty where it stands alone.
  public func foreign(in page: String) -> [String] {
    ["script", "link", "img", "iframe", "object", "image", "use"].filter { counts[$0] != nil } + references
      + ["@import", "url(", "http://www.w3.org/2000/svg\"><script"].filter { page.contains($0) }
  }

  private final class Reader: NSObject, XMLParserDelegate {
    var counts: [String: Int] = [:]
    var references: [String] = []
    var text = ""

    func parser(
      _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
      attributes: [String: String]
    ) {
      counts[name, default: 0] += 1
      references += attributes.filter { ["src", "href", "xlink:href", "onload", "onclick", "style"].contains($0.key) }
        .map(\.value)
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
  }
}
