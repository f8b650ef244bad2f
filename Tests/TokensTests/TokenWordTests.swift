// SPDX-License-Identifier: Apache-2.0
// The word's transitions as a table: what each yields, and whom it wakes.

import Testing
import Tokens

typealias Word = TokenWord

private let exclusive = Word.exclusive
private let awake = Word.awake
private let exclusiveTurn = Word.exclusiveTurn
private let sharedTurn = Word.sharedTurn
private let parked = Word.sharedParked
private let front = Word.front
/// Shared by one thread.
private let one = Word.shared | Word.oneHolder
private let two = Word.shared | 2 * Word.oneHolder
private let wake = Word.oneWake
private let waiting = Word.oneWaiting

@Suite struct TokenWordTests {
  @Test func fieldsDoNotOverlap() {
    let bits = [exclusive, awake, exclusiveTurn, sharedTurn, parked, front, Word.shared, Word.countsPerCPU]
    #expect(Set(bits).count == bits.count && bits.allSatisfy { $0.nonzeroBitCount == 1 && $0 < wake })
    let all = bits.reduce(0, |)
    #expect(all & Word.wakesMask == 0 && all | Word.wakesMask == 0xffff_ffff && Word.holderMask == 0xffff << 32)
    let word = Word(Word.held(by: 0xABCD) | 7 * waiting | awake | 5 * wake)
    #expect(word.owner == 0xABCD && word.sharedCount == 0 && word.waiting == 7 && word.isExclusive && word.isAwake)
    #expect(word.half == UInt32(exclusive | awake | 5 * wake))
    #expect(Word(two | waiting).sharedCount == 2 && !Word(two).isExclusive)
    #expect(Word(0).isFree && !Word(one).isFree && !Word(exclusive).isFree && Word(5 * waiting | awake | wake).isFree)
    #expect(Word(exclusiveTurn).hasTurn && Word(sharedTurn).hasTurn && !Word(parked | awake).hasTurn)
  }

  /// State, and whether it admits: an exclusive request without the turn, the one that has it, a shared newcomer, a
  /// shared waiter that has slept.
  static let admissions: [(UInt64, Bool, Bool, Bool, Bool)] = [
    (0, true, true, true, true),
    (Word.held(by: 7), false, false, false, false),
    (one, false, false, true, true),
    (waiting, true, true, false, true),
    (one | waiting, false, false, false, true),
    (waiting | awake, true, true, false, true),
    (exclusiveTurn | waiting, false, true, false, false),
    (one | exclusiveTurn | waiting, false, false, false, false),
    (sharedTurn, false, false, false, true),
    (sharedTurn | waiting, false, false, false, true),
    (one | sharedTurn, false, false, false, true),
    (Word.held(by: 7) | sharedTurn, false, false, false, false),
    (parked, true, true, true, true),
  ]

  @Test(arguments: admissions)
  func admission(_ bits: UInt64, _ other: Bool, _ itsTurn: Bool, _ sharedNewcomer: Bool, _ sharedSlept: Bool) {
    let word = Word(bits)
    #expect(word.admitsExclusive(itsTurn: false) == other)
    #expect(word.admitsExclusive(itsTurn: true) == itsTurn)
    #expect(word.admitsShared(slept: false) == sharedNewcomer)
    #expect(word.admitsShared(slept: true) == sharedSlept)
  }

  @Test func takings() {
    #expect(Word(parked | waiting | wake).takenExclusively(by: 9) == Word(parked | waiting | wake | Word.held(by: 9)))
    let marks = awake | exclusiveTurn
    #expect(
      Word(2 * waiting | marks | parked | wake).takenByWaiter(9) == Word(waiting | parked | wake | Word.held(by: 9)))
    // The count of wake-ups starts anew where nobody is left who could have noted it.
    #expect(Word(waiting | marks | front | 3 * wake).takenByWaiter(9) == Word(Word.held(by: 9)))
    #expect(Word(2 * waiting | front).takenByWaiter(9) == Word(waiting | front | Word.held(by: 9)))
    #expect(Word(sharedTurn | one).takenShared(slept: true) == Word(two))
    #expect(Word(one).takenShared(slept: false) == Word(two))
    #expect(Word(parked).takenShared(slept: false) == Word(parked | one))
    #expect(Word(one | waiting | awake).upgraded(to: 4) == Word(Word.held(by: 4) | waiting | awake))
  }

  /// A token that counts per CPU stays one, and is never what a fast path expects.
  @Test func howSharersAreCountedIsForLife() {
    let kind = Word.countsPerCPU
    let others = [
      0, waiting | awake, parked, exclusiveTurn | waiting, sharedTurn | parked, 3 * wake | front | 2 * waiting,
    ]
    for bits in others {
      let word = Word(kind | bits)
      #expect(!word.isSteady && word.isFree)
      #expect(word.admitsExclusive(itsTurn: false) == Word(bits).admitsExclusive(itsTurn: false))
      #expect(word.settled().word.countsPerCPU && word.settled().wake == Word(bits).settled().wake)
      let taken = word.takenExclusively(by: 9)
      #expect(taken.owner == 9 && taken.countsPerCPU && taken.released().word == word.settled().word)
      #expect(taken.downgraded().word.countsPerCPU && word.takenShared(slept: true).released().word.countsPerCPU)
      #expect(bits < waiting || word.takenByWaiter(9).countsPerCPU)
    }
  }

  @Test func standing() {
    let held = Word.held(by: 3)
    #expect(Word(held).standing() == Word(held | waiting))
    #expect(Word(held | waiting | awake).standing() == Word(held | 2 * waiting | awake))
    #expect(Word(held | waiting | exclusiveTurn).standing() == Word(held | 2 * waiting | exclusiveTurn))
  }

  /// Held word, word after the release, whom it wakes.
  static let releases: [(UInt64, UInt64, Word.Wake)] = [
    (0, 0, .nobody),
    (waiting, waiting | awake | wake, .oneExclusive),
    (2 * waiting | 6 * wake, 2 * waiting | awake | 7 * wake, .oneExclusive),
    (waiting | Word.wakesMask, waiting | awake, .oneExclusive),
    (waiting | awake | wake, waiting | awake | wake, .nobody),
    (waiting | front, waiting | awake | wake, .oneInFront),
    (waiting | front | awake, waiting | front | awake, .nobody),
    // Whose turn it is may be asleep though another is awake.
    (waiting | exclusiveTurn, waiting | exclusiveTurn, .whoseTurnItIs),
    (waiting | exclusiveTurn | awake | front, waiting | exclusiveTurn | awake | front, .whoseTurnItIs),
    (parked, 0, .allShared),
    (parked | waiting, parked | waiting | awake | wake, .oneExclusive),
    (parked | waiting | sharedTurn, waiting | sharedTurn, .allShared),
    (parked | sharedTurn, sharedTurn, .allShared),
    // Who has the shared turn is awake: it was not parked.
    (waiting | sharedTurn, waiting | sharedTurn, .nobody),
    (sharedTurn, sharedTurn, .nobody),
    // Marks of who gave up are of no use to anybody.
    (awake | wake, 0, .nobody),
    (exclusiveTurn | front | 2 * wake, 0, .nobody),
  ]

  @Test(arguments: releases)
  func release(_ others: UInt64, _ after: UInt64, _ wakes: Word.Wake) {
    for held in [Word.held(by: 0xFFFF), one] {
      let released = Word(held | others).released()
      #expect(released.word == Word(after))
      #expect(released.wake == wakes)
    }
  }

  /// One of several sharers only counts itself out.
  @Test func releaseByOneOfSeveral() {
    for others in [0, waiting, parked, waiting | awake | wake, sharedTurn | parked] {
      let released = Word(two | others).released()
      #expect(released.word == Word(one | others) && released.wake == .nobody)
    }
  }

  @Test func downgrades() {
    let quiet = Word(Word.held(by: 8)).downgraded()
    #expect(quiet.word == Word(one) && quiet.wake == .nobody)
    let watched = Word(Word.held(by: 8) | parked).downgraded()
    #expect(watched.word == Word(one) && watched.wake == .allShared)
    let wanted = Word(Word.held(by: 8) | parked | waiting).downgraded()
    #expect(wanted.word == Word(one | parked | waiting) && wanted.wake == .nobody)
  }

  @Test func settlingOfATakenWord() {
    let held = Word(Word.held(by: 1) | waiting | parked)
    #expect(held.settled().word == held && held.settled().wake == .nobody)
    // Shared, and an exclusive request waits: nobody can go on.
    let shared = Word(one | waiting | parked)
    #expect(shared.settled().word == shared && shared.settled().wake == .nobody)
    // The exclusive request has given up: the others can.
    #expect(Word(one | parked).settled().word == Word(one) && Word(one | parked).settled().wake == .allShared)
  }

  /// What the fast paths leave as it was is what a release would leave, waking nobody; and anybody may take it.
  @Test func steadyWordsNeedNobody() {
    for marks in stride(from: 0, to: 256, by: 1) as StrideTo<UInt64> {
      for count in 0...2 as ClosedRange<UInt64> {
        let word = Word(marks | count * waiting)
        guard word.isSteady else { continue }
        let taken = word.takenExclusively(by: 7)
        #expect(word.admitsExclusive(itsTurn: false) && taken.owner == 7 && !taken.isSteady)
        #expect(taken.released().word == word && taken.released().wake == .nobody)
      }
    }
    for bits in [0, waiting | awake, 2 * waiting | awake | front | parked | 9 * wake] {
      #expect(Word(bits).isSteady)
    }
    for bits in [waiting, awake, parked, one, waiting | exclusiveTurn | awake, waiting | sharedTurn | awake] {
      #expect(!Word(bits).isSteady)
    }
  }

  /// In every state a release leaves the token to somebody who is awake or is woken, or nobody waits.
  @Test func noReleaseForgetsAWaiter() {
    for marks in stride(from: 0, to: 128, by: 2) as StrideTo<UInt64> where marks & 12 != 12 && marks & Word.shared == 0
    {
      for count in 0...2 as ClosedRange<UInt64> {
        let (word, wakes) = Word(marks | Word.held(by: 5) | count * waiting).released()
        #expect(word.isFree && word.owner == 0 && word.waiting == count)
        if count > 0, marks & sharedTurn == 0 {
          #expect(marks & exclusiveTurn == 0 ? word.isAwake : wakes == .whoseTurnItIs)
        }
        if wakes == .oneExclusive || wakes == .oneInFront { #expect(count > 0 && marks & awake == 0) }
        if marks & parked != 0, count == 0 && marks & exclusiveTurn == 0 || marks & sharedTurn != 0 {
          #expect(wakes == .allShared && word.bits & parked == 0)
        }
      }
    }
  }
}
