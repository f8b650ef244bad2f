// SPDX-License-Identifier: Apache-2.0
// A thread's tokens as a set: all let go at a blocking point, all taken again before the thread goes on. Runs on the
// thread itself.
//
// Taking several: in program order; at the first that cannot be had by spinning all are given back, and the thread
// waits for that one holding nothing, then tries the others. After `lwkt.spin_loops` such passes it takes them in the
// order of their addresses, and waits for each while it holds those before it.
//
// No deadlock: a thread that waits for a token holds none (of its word, while it waits for sharers: Readers.swift), or
// only tokens at lower addresses than the one it waits for. In a cycle of waiting threads each would have to hold a
// token that the one before waits for, so each one's addresses would be higher than the next one's. Threads that run
// let their tokens go in the end: at a release, or at their next blocking point.
// No livelock: passes are bounded; in the order of addresses each wait ends by the bound on fairness (Waiting.swift).
// So n tokens are had after at most lwkt.spin_loops + n waits. Where the request had a deadline, and that passes when
// they are taken in the order of addresses, all are given back, and those that the thread had before are waited for
// again: n − 1 more.

import CAnax
import CAnaxTokens
import LockFree
import Machine

package enum HeldSet {
  /// Lets all of the thread's tokens go. `point` is the blocking point, for the last words where one may not be let go.
  @_noLocks @_noAllocation
  package static func letGo(_ thread: Thread, at point: StaticString) {
    if thread.pointee.pinned > 0 { TokenStop.blockingInAccess(point, thread) }
    letGo(thread)
  }

  @_noLocks @_noAllocation
  static func letGo(_ thread: Thread) {
    let holds = anax_token_holds(thread)
    var place = Int(thread.pointee.count)
    while place > 0 {
      place -= 1
      let state = holds[place].state
      // Taken again it is counted in the word.
      anax_token_hold_set_state(holds + place, (state & ~Hold.perCPU) &+ Hold.oneLetting)
      Releasing.letGo(holds[place].token!, state)
    }
  }

  /// Takes all of the thread's holds, of which it has none now. `first`, where it is a place, is waited for at once,
  /// and given up at `deadline`: then the hold at that place is taken out and the others are taken without a deadline.
  /// False: it was given up.
  @_noLocks @_noAllocation @discardableResult
  package static func take(_ thread: Thread, first: Int = -1, until deadline: UInt64 = .max) -> Bool {
    var blocker = first
    var asked = first
    var passes: Int64 = 0
    while true {
      if passes >= Tunable.tokenPasses.value {
        if takeInOrder(thread, asked, deadline) { return first == -1 || asked != -1 }
        Hold.remove(asked, from: thread)
        asked = -1
        blocker = -1
        continue
      }
      if blocker >= 0 {
        let until = blocker == asked ? deadline : .max
        if !wait(blocker, thread, until: until) {
          Hold.remove(blocker, from: thread)
          asked = -1
          blocker = -1
          continue
        }
      }
      let failed = takeOthers(thread, than: blocker, asked, deadline)
      if failed < 0 { return first == -1 || asked != -1 }
      blocker = failed
      passes += 1
      ContentionCounters.count(.pass, anax_token_holds(thread)[failed].token!, thread)
    }
  }

  @_noLocks @_noAllocation
  static func wait(_ place: Int, _ thread: Thread, until deadline: UInt64) -> Bool {
    let hold = anax_token_holds(thread)[place]
    return Waiting.forToken(hold.token!, shared: Hold.isShared(hold.state), thread, until: deadline)
  }

  /// Takes all but `had` in program order by spinning. -1, or the place of the one that could not be had: then none is
  /// held.
  @_noLocks @_noAllocation
  static func takeOthers(_ thread: Thread, than had: Int, _ asked: Int, _ deadline: UInt64) -> Int {
    let holds = anax_token_holds(thread)
    let count = Int(thread.pointee.count)
    var place = 0
    while place < count {
      let hold = holds[place]
      let until = place == asked ? deadline : .max
      if place != had, !Taking.spinning(hold.token!, shared: Hold.isShared(hold.state), thread, until: until) {
        giveBack(thread, below: place, and: had)
        return place
      }
      place += 1
    }
    return -1
  }

  @_noLocks @_noAllocation
  static func giveBack(_ thread: Thread, below place: Int, and had: Int) {
    let holds = anax_token_holds(thread)
    var back = place
    if had >= place { Releasing.letGo(holds[had].token!, holds[had].state) }
    while back > 0 {
      back -= 1
      Releasing.letGo(holds[back].token!, holds[back].state)
    }
  }

  /// Takes all in the order of addresses, waiting for each. False: the one at `asked` could not be had until the
  /// deadline; then none is held.
  @_noLocks @_noAllocation
  static func takeInOrder(_ thread: Thread, _ asked: Int, _ deadline: UInt64) -> Bool {
    let holds = anax_token_holds(thread)
    let count = Int(thread.pointee.count)
    var taken: UInt32 = 0
    while taken.nonzeroBitCount < count {
      var next = -1
      var place = 0
      while place < count {
        if taken & 1 &<< UInt32(place) == 0, next < 0 || holds[place].token! < holds[next].token! { next = place }
        place += 1
      }
      if !wait(next, thread, until: next == asked ? deadline : .max) {
        place = 0
        while place < count {
          if taken & 1 &<< UInt32(place) != 0 {
            Releasing.letGo(holds[place].token!, holds[place].state)
          }
          place += 1
        }
        return false
      }
      taken |= 1 &<< UInt32(next)
    }
    return true
  }
}
