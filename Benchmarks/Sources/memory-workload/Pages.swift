// SPDX-License-Identifier: Apache-2.0
//
// Pages and runs of pages: a page taken and given back, held by the dozen, sixteen or 512 in a row. Touched means that
// the first word of every page is written, as whoever asks for pages does.

import Anax
import CBench
import Glibc
import Instruments

/// Where pages come from; one for each thread, with numbered places to hold what was taken.
private protocol PageSource {
  init(places: Int)
  /// Puts a run of pages into a place; its address.
  func take(_ place: Int, pages: Int) -> UnsafeMutableRawPointer
  func give(_ place: Int, pages: Int)
}

private let pageBytes = Int(bench_page_size())

private struct AnaxPages: PageSource {
  private let runs: UnsafeMutablePointer<PageRun>

  init(places: Int) {
    let bytes = mapped(places * MemoryLayout<PageRun>.stride, of: UInt8.self)
    runs = UnsafeMutableRawPointer(bytes).bindMemory(to: PageRun.self, capacity: places)
  }

  @inline(__always) func take(_ place: Int, pages: Int) -> UnsafeMutableRawPointer {
    do throws(PageError) {
      (runs + place).initialize(to: try PageRun(count: pages))
    } catch {
      fail("\(pages) pages: \(error)")
    }
    return runs[place].address
  }

  @inline(__always) func give(_ place: Int, pages: Int) { (runs + place).deinitialize(count: 1) }
}

/// Pages of an object for each thread, at successive indices.
private struct AnaxObjectPages: PageSource {
  private let runs: UnsafeMutablePointer<PageRun>
  private let object = PageObject()

  init(places: Int) {
    let bytes = mapped(places * MemoryLayout<PageRun>.stride, of: UInt8.self)
    runs = UnsafeMutableRawPointer(bytes).bindMemory(to: PageRun.self, capacity: places)
  }

  @inline(__always) func take(_ place: Int, pages: Int) -> UnsafeMutableRawPointer {
    do throws(PageError) {
      (runs + place).initialize(to: try object.page(at: place))
    } catch {
      fail("page \(place) of an object: \(error)")
    }
    return runs[place].address
  }

  @inline(__always) func give(_ place: Int, pages: Int) { (runs + place).deinitialize(count: 1) }
}

private struct MappedPages: PageSource {
  private let runs: UnsafeMutablePointer<UnsafeMutableRawPointer>

  init(places: Int) { runs = mapped(places, of: UnsafeMutableRawPointer.self) }

  @inline(__always) func take(_ place: Int, pages: Int) -> UnsafeMutableRawPointer {
    let address = mmap(nil, pages * pageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let address, address != MAP_FAILED else { fail("mmap of \(pages) pages failed") }
    runs[place] = address
    return address
  }

  @inline(__always) func give(_ place: Int, pages: Int) { munmap(runs[place], pages * pageBytes) }
}

private struct NUMAPages: PageSource {
  private let runs: UnsafeMutablePointer<UnsafeMutableRawPointer>

  init(places: Int) { runs = mapped(places, of: UnsafeMutableRawPointer.self) }

  @inline(__always) func take(_ place: Int, pages: Int) -> UnsafeMutableRawPointer {
    guard let address = bench_numa_alloc(pages * pageBytes) else { fail("numa_alloc_local of \(pages) pages failed") }
    runs[place] = address
    return address
  }

  @inline(__always) func give(_ place: Int, pages: Int) { bench_numa_free(runs[place], pages * pageBytes) }
}

/// Aligned blocks of whichever malloc the program runs on.
private struct BlockPages: PageSource {
  private let runs: UnsafeMutablePointer<UnsafeMutableRawPointer>

  init(places: Int) { runs = mapped(places, of: UnsafeMutableRawPointer.self) }

  @inline(__always) func take(_ place: Int, pages: Int) -> UnsafeMutableRawPointer {
    guard let address = aligned_alloc(pageBytes, pages * pageBytes) else {
      fail("aligned_alloc of \(pages) pages failed")
    }
    runs[place] = address
    return address
  }

  @inline(__always) func give(_ place: Int, pages: Int) { free(runs[place]) }
}

let pageCases: [Case] = [
  pageCase("page", "a page, touched", pages: 1, held: 1, touched: true),
  pageCase("page-bare", "a page, not touched", pages: 1, held: 1, touched: false),
  pageCase("pages-64", "64 pages one by one, touched, then all back", pages: 1, held: 64, touched: true),
  pageCase("object-64", "64 pages of an object, touched, then all back", held: 64, AnaxObjectPages.self),
  pageCase("run-2", "a run of 2 pages, touched", pages: 2, held: 1, touched: true),
  pageCase("run-4", "a run of 4 pages, touched", pages: 4, held: 1, touched: true),
  pageCase("run-16", "a run of 16 pages, touched", pages: 16, held: 1, touched: true),
  pageCase("run-64", "a run of 64 pages, touched", pages: 64, held: 1, touched: true),
  pageCase("run-512", "a run of 512 pages, touched", pages: 512, held: 1, touched: true),
]

private func pageCase(_ name: String, _ about: String, pages: Int, held: Int, touched: Bool) -> Case {
  pageCase(name, about, pages: pages, held: held, touched: touched, AnaxPages.self)
}

private func pageCase(
  _ name: String, _ about: String, pages: Int = 1, held: Int, touched: Bool = true, _ source: (some PageSource).Type
) -> Case {
  Case(
    name: name, about: about,
    subjects: [
      ("anax", { measure(source, $0, pages, held, touched) }),
      ("malloc", { measure(BlockPages.self, $0, pages, held, touched) }),
      ("mmap", { measure(MappedPages.self, $0, pages, held, touched) }),
      ("numa", { measure(NUMAPages.self, $0, pages, held, touched) }),
    ])
}

/// Nanoseconds of taking a run and giving it back: of wall time, by all threads together.
@inline(__always)
private func measure<Source: PageSource>(
  _ type: Source.Type, _ conditions: Conditions, _ pages: Int, _ held: Int, _ touched: Bool
) -> Double {
  let work = { (source: Source, rounds: Int) in
    for _ in 0..<rounds {
      for place in 0..<held {
        let run = source.take(place, pages: pages)
        guard touched else { continue }
        var offset = 0
        while offset < pages * pageBytes {
          run.storeBytes(of: 1, toByteOffset: offset, as: Int.self)
          offset &+= pageBytes
        }
      }
      for place in 0..<held { source.give(place, pages: pages) }
    }
  }
  // The same time for whoever is measured: threads are spread over the CPUs for most of it, and meet as many periods of
  // a quota.
  let nanoseconds = 200e6 * conditions.scale
  if conditions.threads == 1 {
    let source = Source(places: held)
    // As many rounds as fit into a chunk, found by doubling.
    return Clock.median(chunks: 15, nanoseconds: nanoseconds / 15) { work(source, $0) } / Double(held)
  }
  let done = mapped(conditions.threads * 16, of: Int.self)
  let time = Team.run(conditions.threads) { thread in
    let source = Source(places: held)
    let end = bench_now() + UInt64(nanoseconds)
    // Some microseconds at least between two looks at the clock.
    let rounds = max(256 / (held * pages), 1)
    var total = 0
    repeat {
      work(source, rounds)
      total += rounds
    } while bench_now() < end
    done[thread * 16] = total
  }
  let total = (0..<conditions.threads).reduce(0) { $0 + done[$1 * 16] }
  return time / Double(total * held)
}
