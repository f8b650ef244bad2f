// SPDX-License-Identifier: Apache-2.0
// What a fork leaves behind in the child: tokens that other threads held, shared or exclusively, waiters that do not exist there, and
// their marks in the words. Only in a process that was forked from one that had used tokens; its waiters look every 10 ms.
//
// Threads of this process are those whose records have its epoch. A mark for which no such thread stands is taken away. What a
// thread that does not exist here holds stays taken: its data may be half changed.

import CAnax
import CAnaxTokens
import LockFree

package enum Orphans {
  package static var arePossible: Bool { @_noLocks @_noAllocation get { ThreadRecord.epoch > 1 } }

  /// Whether a thread that does not exist here has it exclusively; that thread's record.
  @_noLocks @_noAllocation
  static func owner(of token: TokenState) -> UInt32? {
    if !arePossible { return nil }
    let word = TokenWord(AtomicWord(anax_token_word(token)).loadAcquire())
    return word.isExclusive && !ThreadRecord.isAlive(word.owner) ? word.owner : nil
  }

  /// Whether threads that do not exist here have it, in either mode.
  @_noLocks @_noAllocation
  static func holds(_ token: TokenState) -> Bool {
    if !arePossible { return false }
    if owner(of: token) != nil { return true }
    let word = TokenWord(AtomicWord(anax_token_word(token)).loadAcquire())
    return word.sharedCount > 0 && word.sharedCount > sharers(of: token)
  }

  /// A waiter has slept for long: takes away what no thread of this process stands for, and lets this one go on as if woken.
  @_noLocks @_noAllocation
  static func look(_ token: TokenState, _ slept: inout Bool, _ awakeIsMine: inout Bool) {
    slept = true
    awakeIsMine = TokenWord(AtomicWord(anax_token_word(token)).loadRelaxed()).isAwake
    let word = AtomicWord(anax_token_word(token))
    var old = word.loadRelaxed()
    // A thread notes that it waits before it stands in the word: what is counted here is never too few.
    let waiting = waiters(of: token)
    while TokenWord(old).waiting > waiting {
      let new = old &- (TokenWord(old).waiting &- waiting) &* TokenWord.oneWaiting
      if word.compareExchange(&old, new) { return }
    }
  }

  @_noLocks @_noAllocation
  static func waiters(of token: TokenState) -> UInt64 {
    var count: UInt64 = 0
    var number: UInt32 = 1
    while number < TokenEngine.threads.end {
      let waits = AtomicWord(anax_token_thread_waiting_word(ThreadRecord.record(number))).loadRelaxed()
      if ThreadRecord.isAlive(number), waits == UInt64(UInt(bitPattern: token)) | 1 { count &+= 1 }
      number += 1
    }
    return count
  }

  /// Threads of this process that hold it shared. Their records are read while they change them: a hint, taken again by who asks.
  @_noLocks @_noAllocation
  static func sharers(of token: TokenState) -> UInt64 {
    var count: UInt64 = 0
    var number: UInt32 = 1
    while number < TokenEngine.threads.end {
      if ThreadRecord.isAlive(number) {
        let thread = ThreadRecord.record(number)
        var place = 0
        while place < Int(thread.pointee.count) {
          let hold = anax_token_holds(thread)[place]
          if hold.token == token, Hold.isShared(hold.state) { count &+= 1 }
          place += 1
        }
      }
      number += 1
    }
    return count
  }
}
