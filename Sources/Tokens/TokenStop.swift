// SPDX-License-Identifier: Apache-2.0
// Last words: a misuse of tokens that cannot be answered by an error stops the process with one line that names the
// tokens.
// Nothing here allocates.

import CAnax
import CAnaxTokens
import Machine

package enum TokenStop {
  @inline(never) @_noLocks @_noAllocation
  package static func notHeld(_ token: TokenState, _ asked: StaticString = "release of") -> Never {
    var line = MessageLine()
    line.append(asked)
    line.append(" token ")
    line.append(token)
    line.append(", which this thread does not hold")
    end(line)
  }

  @inline(never) @_noLocks @_noAllocation
  package static func exclusiveInShared(_ token: TokenState) -> Never {
    var line = MessageLine()
    line.append("exclusive request for token ")
    line.append(token)
    line.append(", which this thread holds shared: it would wait for itself; release it first, or use tryUpgrade()")
    end(line)
  }

  @inline(never) @_noLocks @_noAllocation
  package static func downgradeOfNested(_ token: TokenState) -> Never {
    var line = MessageLine()
    line.append("downgrade of token ")
    line.append(token)
    line.append(", which this thread does not hold exclusively and once")
    end(line)
  }

  @inline(never) @_noLocks @_noAllocation
  package static func tooMany(_ token: TokenState) -> Never {
    var line = MessageLine()
    line.append("request for token ")
    line.append(token)
    line.append(": this thread already holds ")
    line.append(UInt64(ANAX_TOKENS_HELD_MAX))
    line.append(" tokens, the most that one may hold")
    end(line)
  }

  @inline(never) @_noLocks @_noAllocation
  package static func tooManyThreads() -> Never {
    var line = MessageLine()
    line.append("more than ")
    line.append(UInt64(ANAX_TOKEN_THREADS_MAX))
    line.append(" threads use tokens at once")
    end(line)
  }

  @inline(never) @_noLocks @_noAllocation
  package static func noMemory() -> Never {
    var line = MessageLine()
    line.append("the kernel gives no address space for the tokens' records")
    end(line)
  }

  @inline(never) @_noLocks @_noAllocation
  package static func noKey() -> Never {
    var line = MessageLine()
    line.append("the C library has no thread-specific key left, by which tokens see that a thread ends")
    end(line)
  }

  /// A request that may wait, inside an open access to a serialized value.
  @inline(never) @_noLocks @_noAllocation
  package static func requestInAccess(_ token: TokenState, _ thread: Thread) -> Never {
    var line = MessageLine()
    line.append("request for token ")
    line.append(token)
    line.append(" inside the open access to serialized value ")
    line.append(pinned(thread))
    line.append(", which may not be let go: take both before, with withSerialized, or try")
    end(line)
  }

  @inline(never) @_noLocks @_noAllocation
  package static func accessedTwice(_ token: TokenState) -> Never {
    var line = MessageLine()
    line.append("serialized value ")
    line.append(token)
    line.append(" is asked for twice in one withSerialized")
    end(line)
  }

  /// A blocking point inside an open access to a serialized value.
  @inline(never) @_noLocks @_noAllocation
  package static func blockingInAccess(_ point: StaticString, _ thread: Thread) -> Never {
    var line = MessageLine()
    line.append(point)
    line.append(" inside the open access to serialized value ")
    line.append(pinned(thread))
    line.append(", which may not be let go")
    end(line)
  }

  /// A request made inside a blocking call was not released there.
  @inline(never) @_noLocks @_noAllocation
  package static func heldAfterBlocking(_ thread: Thread) -> Never {
    var line = MessageLine()
    line.append("Token.blocking ends while this thread holds ")
    line.append(holdsOf: thread)
    line.append(", asked for inside: release it there")
    end(line)
  }

  @inline(never) @_noLocks @_noAllocation
  package static func orphan(_ token: TokenState, owner: UInt32) -> Never {
    var line = MessageLine()
    line.append("request for token ")
    line.append(token)
    line.append(", which another thread held when this process was forked")
    if owner != 0 {
      line.append(" (thread ")
      line.append(UInt64(ThreadRecord.record(owner).pointee.kernel_id))
      line.append(" of the parent)")
    }
    line.append(": its data may be half changed, and nobody is left to release it")
    end(line)
  }

  @inline(never) @_noLocks @_noAllocation
  package static func threadEnded(_ thread: Thread) -> Never {
    var line = MessageLine()
    line.append("thread ")
    line.append(UInt64(thread.pointee.kernel_id))
    line.append(" ended while it held ")
    line.append(holdsOf: thread)
    end(line)
  }

  @inline(never) @_noLocks @_noAllocation
  package static func destroyedWhileHeld(_ token: TokenState) -> Never {
    var line = MessageLine()
    line.append("token ")
    line.append(token)
    line.append(" ended while it was held or waited for")
    end(line)
  }

  /// Not an end: the process ends anyway.
  @inline(never) @_noLocks @_noAllocation
  package static func reportExit(_ thread: Thread) {
    var line = MessageLine()
    line.append("the process exits while this thread holds ")
    line.append(holdsOf: thread)
    line.write()
  }

  @_noLocks @_noAllocation
  static func pinned(_ thread: Thread) -> TokenState {
    let holds = anax_token_holds(thread)
    var place = Int(thread.pointee.count) - 1
    while place > 0, !Hold.isPinned(holds[place].state) { place -= 1 }
    return holds[place].token!
  }

  @_noLocks @_noAllocation
  static func end(_ line: consuming MessageLine) -> Never {
    line.write()
    anax_abort()
  }
}

extension MessageLine {
  /// A token's name, or its address where it has none.
  @_noLocks @_noAllocation
  mutating func append(_ token: TokenState) {
    guard let name = token.pointee.name, name[0] != 0 else {
      append(hexadecimal: UInt64(UInt(bitPattern: token)))
      return
    }
    var count = 0
    while name[count] != 0 { count += 1 }
    append("'")
    append(name, count: count)
    append("'")
  }

  @_noLocks @_noAllocation
  mutating func append(holdsOf thread: Thread) {
    let holds = anax_token_holds(thread)
    let count = Int(thread.pointee.count)
    append(count == 1 ? "token " : "tokens ")
    var place = 0
    while place < count {
      if place > 0 { append(", ") }
      append(holds[place].token!)
      place += 1
    }
  }
}
