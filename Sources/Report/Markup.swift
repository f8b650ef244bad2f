// SPDX-License-Identifier: Apache-2.0
//
// Pieces of a page that is well-formed as XML too: elements with their attributes, and text that is escaped.

package enum Markup {
  package static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      // What XML cannot hold at all.
      case _ where scalar.value < 0x20 && scalar != "\n" && scalar != "\t": result += "\u{FFFD}"
      case "\u{FFFE}", "\u{FFFF}": result += "\u{FFFD}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// `content` is markup; text goes through `escaped` first.
  package static func element(_ name: String, _ attributes: KeyValuePairs<String, String> = [:], _ content: String = "")
    -> String
  {
    let list = attributes.map { " \($0.key)=\"\(escaped($0.value))\"" }.joined()
    return content.isEmpty && name != "td" && name != "div"
      ? "<\(name)\(list)/>" : "<\(name)\(list)>\(content)</\(name)>"
  }

  package static func text(_ name: String, _ attributes: KeyValuePairs<String, String> = [:], _ content: String)
    -> String
  {
    element(name, attributes, escaped(content))
  }

  /// A table that scrolls by itself where the screen is narrow. The first column is text, the others are numbers.
  package static func table(_ head: [String], _ rows: [[String]], classes: [String] = []) -> String {
    let heads = element("tr", [:], head.map { text("th", ["scope": "col"], $0) }.joined())
    let body = rows.enumerated().map { index, row in
      let cells = row.enumerated().map {
        $0.offset == 0 ? text("th", ["scope": "row"], $0.element) : text("td", $0.element)
      }
      let name = index < classes.count ? classes[index] : ""
      return name.isEmpty ? element("tr", [:], cells.joined()) : element("tr", ["class": name], cells.joined())
    }
    return element(
      "div", ["class": "scroll", "tabindex": "0"],
      element("table", [:], element("thead", [:], heads) + element("tbody", [:], body.joined(separator: "\n"))))
  }

  private static func text(_ name: String, _ content: String) -> String { element(name, [:], escaped(content)) }
}
