// SPDX-License-Identifier: Apache-2.0
// Marks of a debug build: where a thread's tokens were let go and taken again. A release build has none of this. The
// hook is set by any thread and called by the one whose tokens they are; the mark itself lies on that thread's stack.

import CAnax
import CAnaxTokens
import LockFree
import Tokens

/// One blocking point at which tokens were let go, marked when the thread has them all again. Debug builds only.
///
/// What a token guards may have changed at such a point, and a program may not know that it has one there: a request
/// for a second token is one when that is taken.
///
/// ```swift
/// // let go in Token.blocking and taken again: 'accounts' (another thread had it), 'journal'
/// TokenLetting.observe { print($0) }
/// ```
public struct TokenLetting: Sendable {
  public enum Point: Hashable, Sendable {
    /// The wait for the token of this name, or for a serialized value's.
    case request(String)
    /// ``Token/blocking(_:)``.
    case blocking
    /// ``Token/sleep()`` of the token of this name.
    case sleep(String)
  }

  public struct Part: Hashable, Sendable {
    /// The token's name; empty where it has none.
    public let name: String
    /// Tells tokens of one name apart; the token's address.
    public let identity: UInt
    /// Whether another thread had it meanwhile: its ``Token/generation`` is another.
    public let isChanged: Bool
  }

  public let point: Point
  /// What was let go, in the order in which it was asked for.
  public let tokens: [Part]

  /// Return addresses of the stack at the blocking point, innermost first.
  public func backtrace(depth: Int = 32) -> [UInt] { Backtrace.here(depth: depth) }

  /// Whether this build marks: the library was compiled for debugging.
  public static var isMarked: Bool {
    #if DEBUG
      true
    #else
      false
    #endif
  }

  /// Has each letting-go of tokens reported, from now on, on the thread whose tokens they are. nil ends it.
  ///
  /// The closure runs while the tokens are held and must not ask for tokens. Meant to be set once: the closure before
  /// may still be running elsewhere, and is never freed. Never called where ``isMarked`` is false.
  public static func observe(_ hook: (@Sendable (TokenLetting) -> Void)?) {
    Self.hook.storeRelease(hook.map { UInt64(UInt(bitPattern: Unmanaged.passRetained(Hook($0)).toOpaque())) } ?? 0)
  }

  fileprivate final class Hook: Sendable {
    let body: @Sendable (TokenLetting) -> Void
    init(_ body: @escaping @Sendable (TokenLetting) -> Void) { self.body = body }
  }

  fileprivate static var hook: AtomicWord { AtomicWord(anax_token_letting_hook_word()) }
}

extension TokenLetting: CustomStringConvertible {
  public var description: String {
    let place =
      switch point {
      case .request(let name): "while token '\(name)' was waited for"
      case .blocking: "in Token.blocking"
      case .sleep(let name): "in the sleep of token '\(name)'"
      }
    let parts = tokens.map { "'\($0.name)'" + ($0.isChanged ? " (another thread had it)" : "") }
    return "let go \(place) and taken again: \(parts.joined(separator: ", "))"
  }
}

/// A blocking point, as the face passes it: in a release build nothing; in a debug build what the thread held before,
/// so that it can be told whether that was let go.
@usableFromInline
struct Marked {
  @usableFromInline enum Point { case request, blocking, sleep }

  #if DEBUG
    /// Of each hold: how often it had been let go, and its token's generation.
    private var before = InlineArray<32, (lettings: UInt64, generation: UInt64)>(repeating: (0, 0))
    private var count = 0

    @usableFromInline
    init() {
      guard TokenLetting.hook.loadRelaxed() != 0 else { return }
      let thread = anax_token_thread()
      count = Int(thread.pointee.count)
      for place in 0..<count {
        let hold = anax_token_holds(thread)[place]
        before[place] = (Hold.lettings(hold.state), TokenMemory.generation(hold.token!))
      }
    }

    /// The blocking point is passed, and the thread has its tokens again.
    @usableFromInline
    func end(_ point: Point, _ token: UnsafeMutablePointer<anax_token>?) {
      if count == 0 { return }
      guard let box = UnsafeRawPointer(bitPattern: UInt(TokenLetting.hook.loadAcquire())) else { return }
      let thread = anax_token_thread()
      var parts: [TokenLetting.Part] = []
      for place in 0..<min(count, Int(thread.pointee.count)) {
        let hold = anax_token_holds(thread)[place]
        guard let held = hold.token, Hold.lettings(hold.state) != before[place].lettings else { continue }
        parts.append(
          .init(
            name: TokenMemory.name(held), identity: UInt(bitPattern: held),
            isChanged: TokenMemory.generation(held) != before[place].generation))
      }
      if parts.isEmpty { return }
      let name = token.map { TokenMemory.name($0) } ?? ""
      let point: TokenLetting.Point =
        switch point {
        case .request: .request(name)
        case .blocking: .blocking
        case .sleep: .sleep(name)
        }
      Unmanaged<TokenLetting.Hook>.fromOpaque(box).takeUnretainedValue().body(
        TokenLetting(point: point, tokens: parts))
    }
  #else
    @inlinable @inline(__always) init() {}
    @inlinable @inline(__always) func end(_ point: Point, _ token: UnsafeMutablePointer<anax_token>?) {}
  #endif

  @inlinable @inline(__always)
  static func around<Result>(
    _ point: Point, _ token: UnsafeMutablePointer<anax_token>, _ body: () -> Result
  ) -> Result {
    let mark = Marked()
    let result = body()
    mark.end(point, token)
    return result
  }

  /// The request whose hit has failed.
  @inlinable @inline(__always)
  static func acquire(_ token: UnsafeMutablePointer<anax_token>, shared: Bool) {
    around(.request, token) { shared ? Requests.acquireShared(token) : Requests.acquire(token) }
  }
}

enum Backtrace {
  static func here(depth: Int) -> [UInt] {
    var frames = [UnsafeMutableRawPointer?](repeating: nil, count: max(depth, 1))
    let count = Int(anax_backtrace(&frames, Int32(frames.count)))
    return frames.prefix(count).map { UInt(bitPattern: $0) }
  }
}
