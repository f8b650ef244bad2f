// SPDX-License-Identifier: Apache-2.0
//
// The service: records made and encoded for each GET, orders decoded and summed up for each POST. It prints the port
// that the kernel chose, and goes on until it is ended.
import Foundation
import Hummingbird
import Logging

private struct Record: Codable {
  let id: Int
  let name: String
  let tags: [String]
  let prices: [String: Double]

  init(_ id: Int) {
    self.id = id
    name = "record number \(id) of the page"
    tags = (0..<id % 5).map { "tag-\(id)-\($0)" }
    prices = Dictionary(uniqueKeysWithValues: (0...id % 4).map { ("currency-\($0)", Double(id * 7 + $0) / 4) })
  }
}

private struct Page: ResponseEncodable {
  let records: [Record]
}

private struct Order: Codable {
  let item: String
  let count: Int
  let price: Double
}

private struct Invoice: ResponseEncodable {
  let lines: [String]
  let total: Double
}

public enum RecordService {
  public static func run() async throws {
    let router = Router()
    router.get("records/:count") { _, context -> Page in
      let count = try context.parameters.require("count", as: Int.self)
      guard (0...10_000).contains(count) else { throw HTTPError(.badRequest) }
      return Page(records: (0..<count).map(Record.init))
    }
    router.post("orders") { request, context -> Invoice in
      let orders = try await request.decode(as: [Order].self, context: context)
      return Invoice(
        lines: orders.map { "\($0.count) × \($0.item)" }, total: orders.reduce(0) { $0 + Double($1.count) * $1.price })
    }
    var logger = Logger(label: "records")
    logger.logLevel = .error
    let application = Application(
      router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { FileHandle.standardOutput.write(Data("port \($0.localAddress?.port ?? 0)\n".utf8)) },
      logger: logger)
    try await application.runService()
  }
}
