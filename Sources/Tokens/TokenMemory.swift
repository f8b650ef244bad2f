// SPDX-License-Identifier: Apache-2.0
// A token's memory: its line, aligned to a line; then, for a serialized value, the value; then the name; and apart from
// it, where sharers are to be counted per CPU, their lines. Made and freed by who owns the token; nobody else may reach
// it then.

import CAnax
import CAnaxTokens
import LockFree

@usableFromInline
package enum TokenMemory {
  /// A free token with `bytes` of room at `bodyAt`, aligned as asked.
  package static func make(
    name: String, bytes: Int, alignment: Int = 16, countsPerCPU: Bool = false
  ) -> (token: UnsafeMutablePointer<anax_token>, body: UnsafeMutableRawPointer) {
    let alignment = max(alignment, 64)
    let body = (MemoryLayout<anax_token>.size + alignment - 1) & -alignment
    var name = name
    let count = name.utf8.count
    let memory = UnsafeMutableRawPointer.allocate(byteCount: body + bytes + count + 1, alignment: alignment)
    let token = memory.initializeMemory(as: anax_token.self, to: anax_token())
    let text = (memory + body + bytes).assumingMemoryBound(to: CChar.self)
    name.withUTF8 { for at in 0..<count { text[at] = CChar(bitPattern: $0[at]) } }
    text[count] = 0
    token.pointee.name = UnsafePointer(text)
    if countsPerCPU {
      token.pointee.readers = Readers.make()
      token.pointee.word = TokenWord.countsPerCPU
    }
    anax_token_annotate_create(token)
    return (token, memory + body)
  }

  /// Ends a token. Stops the process with a message where it is held, or an exclusive request for it sleeps. In the
  /// child of a fork, what threads of the parent did does not count. Who spins for it, or would share it, leaves
  /// nothing that could be seen: that nobody reaches the token any more is its owner's to see to.
  package static func end(_ token: UnsafeMutablePointer<anax_token>) {
    let word = TokenWord(AtomicWord(anax_token_word(token)).loadAcquire())
    if !word.isFree || word.waiting != 0 || !Readers.areGone(token), !Orphans.areAll(token) {
      TokenStop.destroyedWhileHeld(token)
    }
    ContentionCounters.give(token)
    anax_token_annotate_destroy(token)
    Readers.end(token.pointee.readers)
    UnsafeMutableRawPointer(token).deallocate()
  }

  package static func name(_ token: UnsafeMutablePointer<anax_token>) -> String {
    token.pointee.name.map { String(cString: $0) } ?? ""
  }

  package static func generation(_ token: UnsafeMutablePointer<anax_token>) -> UInt64 {
    AtomicWord(anax_token_generation(token)).loadRelaxed()
  }

  package static func lettings(_ token: UnsafeMutablePointer<anax_token>) -> Int {
    let thread = anax_token_thread()
    let place = Hold.place(token, in: thread)
    return place < 0 ? 0 : Int(Hold.lettings(anax_token_holds(thread)[place].state))
  }

  package static func policy(_ token: UnsafeMutablePointer<anax_token>) -> UInt64 {
    AtomicWord(anax_token_policy(token)).loadRelaxed()
  }

  package static func setPolicy(_ token: UnsafeMutablePointer<anax_token>, _ packed: UInt64) {
    AtomicWord(anax_token_policy(token)).storeRelaxed(packed)
  }
}
