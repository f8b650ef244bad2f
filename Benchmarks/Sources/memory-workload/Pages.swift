// SPDX-License-Identifier: Apache-2.0
//
// Pages and runs of pages: a page taken and given back, held by the dozen, sixteen or 512 in a row. Touched means that the first
// word of every page is written, as whoever asks for pages does.

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

let pageCases: [Case] = [
  pageCase("page", "a page, touched", pages: 1, held: 1, touched: true, 60_000),
  pageCase("page-bare", "a page, not touched", pages: 1, held: 1, touched: false, 60_000),
  pageCase("pages-64", "64 pages one by one, touched, then all back", pages: 1, held: 64, touched: true, 60_000),
  pageCase("run-16", "a run of 16 pages, touched", pages: 16, held: 1, touched: true, 6_000),
  pageCase("run-512", "a run of 512 pages, touched", pages: 512, held: 1, touched: true, 200),
]

private func pageCase(
  _ name: String, _ about: String, pages: Int, held: Int, touched: Bool, _ operations: Int
) -> Case {
  Case(
    name: name, about: about,
    subjects: [
      // Of single pages so many that threads are spread over the CPUs for most of the time.
      ("anax", { measure(AnaxPages.self, $0, pages, held, touched, pages == 1 ? operations * 250 : operations) }),
      ("mmap", { measure(MappedPages.self, $0, pages, held, touched, operations) }),
      ("numa", { measure(NUMAPages.self, $0, pages, held, touched, operations) }),
    ])
}

@inline(__always)
private func measure<Source: PageSource>(
  _ type: Source.Type, _ conditions: Conditions, _ pages: Int, _ held: Int, _ touched: Bool, _ operations: Int
) -> Double {
  let rounds = max(conditions.scaled(operations) / held, 1)
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
  if conditions.threads == 1 {
    let source = Source(places: held)
    return Clock.median(chunks: 15, operations: max(rounds / 15, 1)) { work(source, $0) } / Double(held)
  }
  let time = Team.run(conditions.threads) { _ in work(Source(places: held), rounds) }
  return time / Double(rounds * held * conditions.threads)
}
