// SPDX-License-Identifier: Apache-2.0
// The marks of a debug build: each point at which tokens were let go, and no other.

import Glibc
import Synchronization
import Testing
import Tokens

@testable import Anax

/// The marks of one thread, in order.
private final class Marks: Sendable {
  private let list = Mutex<[TokenLetting]>([])

  /// Has those of the calling thread kept, from now on.
  func begin() {
    let thread = pthread_self()
    TokenLetting.observe { letting in
      if pthread_equal(pthread_self(), thread) == 0 { return }
      self.list.withLock { $0.append(letting) }
    }
  }

  var all: [TokenLetting] { list.withLock { $0 } }
}

@Suite struct LettingTests {
  #if DEBUG
    @Test func eachBlockingPointIsMarked() async {
      await #expect(processExitsWith: .success) {
        #expect(TokenLetting.isMarked)
        let first = Token("first", policy: .fixed(tries: 0))
        let second = Token("second", policy: .fixed(tries: 0))
        let value = Serialized(0, name: "value", policy: .fixed(tries: 0))
        let marks = Marks()
        marks.begin()

        // No blocking points: nothing held, nothing let go, or the token is free.
        Token.blocking {}
        first.withToken { second.withToken { value.withValue { $0 += 1 } } }
        #expect(marks.all.isEmpty)

        first.withToken { Token.blocking { Worker { first.withToken {} }.join() } }
        second.withToken { first.withToken { Token.blocking { Worker { first.withToken {} }.join() } } }
        first.withToken { _ = first.sleep(timeout: .milliseconds(1)) }
        let points = marks.all.map(\.point)
        #expect(points == [.blocking, .blocking, .sleep("first")])
        #expect(marks.all[0].tokens.map(\.name) == ["first"] && marks.all[0].tokens[0].isChanged)
        #expect(marks.all[1].tokens.map(\.name) == ["second", "first"])
        #expect(marks.all[1].tokens.map(\.isChanged) == [false, true])
        #expect(marks.all[2].tokens.map(\.isChanged) == [false])
        #expect(!marks.all[0].backtrace(depth: 4).isEmpty)
        #expect(
          "\(marks.all[1])" == "let go in Token.blocking and taken again: 'second', 'first' (another thread had it)")
        TokenLetting.observe(nil)
        first.withToken { Token.blocking {} }
        #expect(marks.all.count == 3)
      }
    }

    @Test func waitsForOthersAreMarked() async {
      await #expect(processExitsWith: .success) {
        let held = Token("held")
        let wanted = Token("wanted", policy: .fixed(tries: 0))
        let value = Serialized(0, name: "value", policy: .fixed(tries: 0))
        let marks = Marks()
        marks.begin()
        held.acquire()

        /// Has another thread hold it until this one waits for it, and so has let the first token go.
        func contend(_ take: @escaping @Sendable (() -> Void) -> Void, _ request: () -> Void) {
          let has = Tally()
          let holder = Worker {
            take {
              has.add()
              #expect(eventually { !held.word.isExclusive })
            }
          }
          #expect(eventually { has.value == 1 })
          request()
          holder.join()
        }
        contend({ body in wanted.withToken { body() } }, { wanted.withToken {} })
        contend({ body in wanted.withToken { body() } }, { wanted.withShared {} })
        contend(
          { body in wanted.withToken { body() } },
          { if (try? wanted.acquire(timeout: .seconds(20))) != nil { wanted.release() } })
        contend({ body in value.withValue { _ in body() } }, { value.withValue { _ in } })
        contend({ body in value.withValue { _ in body() } }, { _ = value.withShared { $0 } })
        let other = Serialized(0)
        contend({ body in value.withValue { _ in body() } }, { withSerialized(other, value) { _, _ in } })
        held.release()
        #expect(
          marks.all.map(\.point)
            == [.request("wanted"), .request("wanted"), .request("wanted")]
            + [.request("value"), .request("value"), .request("value")])
        #expect(marks.all.allSatisfy { $0.tokens.first?.name == "held" })
      }
    }
  #else
    @Test func aReleaseBuildMarksNothing() async {
      await #expect(processExitsWith: .success) {
        #expect(!TokenLetting.isMarked)
        TokenLetting.observe { _ in _exit(7) }
        Token().withToken { Token.blocking {} }
      }
    }
  #endif
}
