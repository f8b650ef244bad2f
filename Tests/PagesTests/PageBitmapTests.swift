// SPDX-License-Identifier: Apache-2.0
// The bitmaps against naive implementations on random words, in memory of their own that a child process puts in the
// tables' place.

import CAnax
import Testing

@testable import Pages

struct Random: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
  /// Words of every density.
  mutating func word() -> UInt64 {
    switch next() % 6 {
    case 0: 0
    case 1: .max
    case 2: next() & next() & next()
    case 3: next() | next() | next()
    case 4: (next() % 64 == 0 ? .max : (1 << (next() % 64)) - 1) << (next() % 64)
    default: next()
    }
  }
}

enum Tables {
  /// Bitmaps of `words` words each; the child process ends with them.
  static func make(words: Int) {
    func table() -> UnsafeMutablePointer<UInt64> {
      let memory = UnsafeMutablePointer<UInt64>.allocate(capacity: words)
      memory.initialize(repeating: 0, count: words)
      return memory
    }
    anax_state().pointee.claimed = table()
    anax_state().pointee.touched = table()
    anax_state().pointee.recent = table()
  }

  static func claimed(_ page: Int) -> Bool { anax_state().pointee.claimed![page / 64] >> (page % 64) & 1 == 1 }
}

@Suite struct PageBitmapTests {
  @Test func masks() {
    for from in 0..<64 as Range<UInt64> {
      for count in 1...(64 - from) {
        let naive = (from..<from + count).reduce(0) { $0 | 1 << $1 } as UInt64
        if PageBitmap.mask(from, count) != naive { Issue.record("\(from), \(count)") }
      }
    }
  }

  @Test func alignedGroups() {
    var random = Random(state: 1)
    for _ in 0..<500 {
      let word = random.word()
      for shift in 0...6 {
        let count = UInt64(1) << shift
        var naive: UInt64 = 0
        for at in stride(from: 0, to: 64, by: Int(count)) where PageBitmap.mask(UInt64(at), count) & ~word == 0 {
          naive |= 1 << at
        }
        if PageBitmap.alignedGroups(word, count) != naive { Issue.record("\(String(word, radix: 2)), \(count)") }
      }
    }
  }

  @Test func findRun() async {
    await #expect(processExitsWith: .success) {
      Tables.make(words: 8)
      var random = Random(state: 2)
      for _ in 0..<400 {
        for word in 0..<8 { anax_state().pointee.claimed![word] = random.word() }
        let from = random.next() % 7
        let to = from + 1 + random.next() % (8 - from)
        let count = 1 + random.next() % (random.next() % 4 == 0 ? 300 : 20)
        // Few bits are free in a row by chance: every fourth time whole words are.
        if random.next() % 4 == 0 {
          for _ in 0..<5 { anax_state().pointee.claimed![Int(random.next() % 8)] = 0 }
        }
        let step = UInt64(1) << (random.next() % 9)
        anax_state().pointee.heap_base = (random.next() % 512) << Region.pageShift
        let base = anax_state().pointee.heap_base >> Region.pageShift
        var naive: UInt64?
        var aligned: UInt64?
        var run = 0
        for page in Int(from * 64)..<Int(to * 64) {
          run = Tables.claimed(page) ? 0 : run + 1
          if run < Int(count) { continue }
          let first = UInt64(page + 1) - count
          if naive == nil { naive = first }
          if aligned == nil, (base + first) % step == 0 { aligned = first }
        }
        #expect(PageBitmap.findRun(from: from, to: to, count: count) == naive)
        var wanted = FreeRun(count: count, step: step)
        #expect(wanted.found(from: from, to: to) == aligned)
      }
    }
  }

  @Test func freeBelow() async {
    await #expect(processExitsWith: .success) {
      Tables.make(words: 8)
      anax_state().pointee.claimed![2] = 1 << 40
      #expect(PageBitmap.freeBelow(page: 512, from: 0, count: 1000) == 5 * 64 + 23)
      #expect(PageBitmap.freeBelow(page: 512, from: 0, count: 70) == 70)
      #expect(PageBitmap.freeBelow(page: 512, from: 256, count: 1000) == 256)
      #expect(PageBitmap.freeBelow(page: 128, from: 64, count: 1000) == 64)
      #expect(PageBitmap.freeBelow(page: 64, from: 64, count: 1) == 0)
      anax_state().pointee.claimed![7] = ~0
      #expect(PageBitmap.freeBelow(page: 512, from: 0, count: 5) == 0)
    }
  }

  @Test func claimIsAllOrNothing() async {
    await #expect(processExitsWith: .success) {
      Tables.make(words: 8)
      var random = Random(state: 3)
      for _ in 0..<400 {
        for word in 0..<8 { anax_state().pointee.claimed![word] = random.word() }
        let before = (0..<512).map { Tables.claimed($0) }
        let page = Int(random.next() % 500)
        let count = 1 + Int(random.next() % UInt64(512 - page))
        let free = !before[page..<page + count].contains(true)
        #expect(PageBitmap.claim(page: UInt64(page), count: UInt64(count)) == free)
        for at in 0..<512 {
          let expected = before[at] || (free && at >= page && at < page + count)
          if Tables.claimed(at) != expected { Issue.record("page \(at) of \(page) + \(count)") }
        }
        if free {
          PageBitmap.unclaim(page: UInt64(page), count: UInt64(count))
          #expect((0..<512).map { Tables.claimed($0) } == before)
        }
      }
    }
  }

  @Test func dirtyGroupsAreClaimedBeforeCleanOnes() async {
    await #expect(processExitsWith: .success) {
      Tables.make(words: 1)
      anax_state().pointee.touched![0] = 0xf0
      #expect(PageBitmap.claimGroup(word: 0, count: 4) == 4)
      #expect(PageBitmap.claimGroup(word: 0, count: 4) == 0)
      #expect(PageBitmap.claimGroup(word: 0, count: 32) == 32)
      #expect(PageBitmap.claimGroup(word: 0, count: 32) == nil)
    }
  }

  @Test func touchCountsWhatWasDirty() async {
    await #expect(processExitsWith: .success) {
      Tables.make(words: 4)
      #expect(PageBitmap.touch(page: 60, count: 10) == 0)
      #expect(PageBitmap.touch(page: 50, count: 100) == 10)
      #expect(PageBitmap.touch(page: 50, count: 100) == 100)
      #expect(Purge.clearTouched(page: 0, count: 128) == 78)
      #expect(Purge.clearTouched(page: 0, count: 128) == 0)
    }
  }
}
