// SPDX-License-Identifier: Apache-2.0
//
// The frame of a page, and the parts that pages are made of: one file with its style, no script, nothing from the
// network.

extension Markup {
  package static func page(title: String, _ body: [String]) -> String {
    """
    <!DOCTYPE html>
    <html xmlns="http://www.w3.org/1999/xhtml" lang="en">
    <head>
    <meta charset="utf-8"/>
    <meta name="viewport" content="width=device-width, initial-scale=1"/>
    <meta name="color-scheme" content="light dark"/>
    <title>\(escaped(title))</title>
    <style>\(PageStyle.text)</style>
    </head>
    <body>
    <main>
    \(body.filter { !$0.isEmpty }.joined(separator: "\n"))
    </main>
    </body>
    </html>

    """
  }

  /// Empty where there is nothing in it.
  package static func section(_ title: String, _ content: String) -> String {
    content.isEmpty ? "" : element("section", [:], text("h2", [:], title) + "\n" + content)
  }

  package static func paragraph(_ text: String, _ name: String = "") -> String {
    Markup.text("p", name.isEmpty ? [:] : ["class": name], text)
  }

  /// Terms with their values, side by side.
  package static func definitions(_ entries: [(term: String, value: String)]) -> String {
    element(
      "dl", [:], entries.map { element("div", [:], text("dt", [:], $0.term) + text("dd", [:], $0.value)) }.joined())
  }

  /// `content` is markup.
  package static func details(_ summary: String, _ content: String) -> String {
    element("details", [:], text("summary", [:], summary) + content)
  }
}
