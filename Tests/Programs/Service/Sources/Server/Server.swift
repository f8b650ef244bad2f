// SPDX-License-Identifier: Apache-2.0
//
// A small HTTP server on loopback that makes the objects a Swift service makes: strings, arrays, dictionaries, classes,
// existential boxes, byte buffers, tasks. `/table/N` answers with a table of N rows, `/tasks/N` with a sum over N child
// tasks, `/text/N` with N bytes, a POST with its own body. Invariant: an answer depends on the request alone.

import NIOCore
import NIOHTTP1
import NIOPosix

public enum Server {
  /// Serves until SIGTERM ends the process. Prints the port, which the kernel picks, as the first line.
  public static func run(arguments: [String]) async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    let channel = try await ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 256)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .bind(host: "127.0.0.1", port: 0) { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          return try NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>(
            wrappingChannelSynchronously: channel)
        }
      }
    let port = channel.channel.localAddress?.port ?? 0
    print("port \(port)")
    try await withThrowingDiscardingTaskGroup { tasks in
      try await channel.executeThenClose { connections in
        for try await connection in connections {
          tasks.addTask { await serve(connection) }
        }
      }
    }
  }

  private static func serve(_ connection: NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>) async {
    do {
      try await connection.executeThenClose { inbound, outbound in
        var head: HTTPRequestHead?
        var body = ByteBuffer()
        for try await part in inbound {
          switch part {
          case .head(let next):
            head = next
            body = ByteBuffer()
          case .body(var next):
            body.writeBuffer(&next)
          case .end:
            guard let request = head else { continue }
            let answer = await Answer(path: request.uri, body: body).buffer()
            var headers = HTTPHeaders()
            headers.add(name: "content-length", value: "\(answer.readableBytes)")
            headers.add(name: "content-type", value: "text/plain")
            let status: HTTPResponseStatus = answer.readableBytes == 0 ? .notFound : .ok
            try await outbound.write(.head(.init(version: request.version, status: status, headers: headers)))
            try await outbound.write(.body(.byteBuffer(answer)))
            try await outbound.write(.end(nil))
            if !request.isKeepAlive { return }
          }
        }
      }
    } catch {
      // A client that hangs up in the middle of an answer is not an error of ours.
    }
  }
}
