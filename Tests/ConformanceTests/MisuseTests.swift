// SPDX-License-Identifier: Apache-2.0
// Misuse stops the process: SIGABRT, and one line on standard error that says what it was, the address, and the zone.
// Each test has a process of its own, which runs on Anax too. By the functions behind the standard names: an optimiser
// that knows malloc and free may leave out what is misuse.
import CAnaxMalloc
import Glibc
import Testing

/// The lines of standard error that are Anax's.
private func said(_ bytes: [UInt8]) -> [String] {
  String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init).filter { $0.hasPrefix("anax: ") }
}

/// Whether there is one line: `start`, a hexadecimal address, and `end`.
private func isOneLine(_ lines: [String], _ start: String, _ end: String) -> Bool {
  guard lines.count == 1, lines[0].hasPrefix("anax: " + start), lines[0].hasSuffix(end) else { return false }
  let address = lines[0].dropFirst(6 + start.count).dropLast(end.count)
  return address.hasPrefix("0x") && address.dropFirst(2).allSatisfy(\.isHexDigit) && address.count > 4
}

@Suite struct MisuseTests {
  /// Seen when the item reaches its bitmap, here by a purge.
  @Test func doubleFreeIsNamed() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let block = anax_malloc(100)
      anax_free(block)
      anax_free(block)
      _ = anax_purge()
    }
    #expect(isOneLine(said(result.standardErrorContent), "double free of ", ", zone malloc-112"))
  }

  @Test func doubleFreeAcrossAPurgeIsNamed() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let other = anax_malloc(3000)
      let block = anax_malloc(3000)
      anax_free(block)
      _ = anax_purge()
      anax_free(block)
      _ = anax_purge()
      anax_free(other)
    }
    #expect(isOneLine(said(result.standardErrorContent), "double free of ", ", zone malloc-3072"))
  }

  @Test func middleOfABlockIsNamed() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let block = anax_malloc(1000)!
      anax_free(block + 16)
      _ = anax_purge()
    }
    #expect(isOneLine(said(result.standardErrorContent), "free of the middle of a block: ", ", zone malloc-1024"))
  }

  /// No block begins there: seen at once.
  @Test func oddPointerIntoABlockIsNamedAtOnce() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let block = anax_malloc(100)!
      anax_free(block + 24)
    }
    #expect(isOneLine(said(result.standardErrorContent), "free of the middle of a block: ", ", zone malloc-112"))
  }

  @Test func middleOfALargeBlockIsNamed() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let block = anax_malloc(1 << 20)!
      anax_free(block + 64)
    }
    #expect(isOneLine(said(result.standardErrorContent), "free of the middle of a large block: ", ""))
  }

  /// No block begins in that page.
  @Test func laterPageOfALargeBlockIsNamed() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let block = anax_malloc(1 << 20)!
      anax_free(block + (1 << 19))
    }
    #expect(isOneLine(said(result.standardErrorContent), "free of the middle of a large block: ", ""))
  }

  /// Memory of the heap that is nobody's yet.
  @Test func addressThatWasNeverGivenIsNamed() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let block = anax_malloc(1 << 20)!
      anax_free(block + (8 << 30))
    }
    #expect(isOneLine(said(result.standardErrorContent), "free of a pointer that this allocator never gave: ", ""))
  }

  /// Its slab has ended: the page is no slab's any more.
  @Test func secondFreeOfASmallBlockWhoseSlabHasEndedIsNamed() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let block = anax_malloc(30_000)
      anax_free(block)
      _ = anax_purge()
      anax_free(block)
    }
    #expect(
      isOneLine(said(result.standardErrorContent), "free of a block that is free already, or was never given: ", ""))
  }

  @Test func secondFreeOfALargeBlockIsNamed() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let block = anax_malloc(1 << 20)
      anax_free(block)
      anax_free(block)
    }
    #expect(
      isOneLine(said(result.standardErrorContent), "free of a block that is free already, or was never given: ", ""))
  }

  @Test func foreignPointerIsNamed() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let pages = mmap(nil, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
      anax_free(pages + 16)
    }
    #expect(isOneLine(said(result.standardErrorContent), "free of a pointer that this allocator never gave: ", ""))
  }

  @Test func foreignPointerToReallocIsNamed() async throws {
    let result = try await #require(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
      let pages = mmap(nil, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
      _ = realloc(pages + 16, 100)
    }
    #expect(isOneLine(said(result.standardErrorContent), "free of a pointer that this allocator never gave: ", ""))
  }
}
