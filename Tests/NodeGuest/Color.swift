// SPDX-License-Identifier: Apache-2.0
// Physical colors: inside a 2 MiB page the low bits of a page's frame number are those that Anax goes by, and the
// queues that an object's pages are taken from are the frames' low bits with some flipped. In a virtual machine frames
// are the guest's.

import Anax
import CAnax
import Glibc

/// The frame number of a page in memory, or nil: 0 is what the kernel shows to who may not know.
private func frame(of page: UnsafeRawPointer, _ pagemap: CInt) -> UInt64? {
  var entry: UInt64 = 0
  let offset = off_t(Int(bitPattern: page) / 4096 * 8)
  guard pread(pagemap, &entry, 8, offset) == 8, entry >> 63 == 1 else { return nil }
  let frame = entry & (1 << 55 - 1)
  return frame == 0 ? nil : frame
}

/// False: it could not be tried, which the script takes for a failure.
func color() throws -> Bool {
  let pagemap = open("/proc/self/pagemap", O_RDONLY)
  require(pagemap >= 0, "/proc/self/pagemap")
  return try runs(pagemap) && objects(pagemap) && readyPages(pagemap)
}

/// A run that fills a huge page lies there in the order of its frames.
private func runs(_ pagemap: CInt) throws -> Bool {
  var checked = 0
  for _ in 0..<4 {
    let run = try PageRun(count: 512, alignment: 512)
    require(madvise(run.address, 2 << 20, 14 /* MADV_HUGEPAGE */) == 0, "MADV_HUGEPAGE")
    run.bytes.initializeMemory(as: UInt8.self, repeating: 1)
    let frames = (0..<512).compactMap { frame(of: run.address + $0 * 4096, pagemap) }
    guard frames.count == 512 else { return skipped("the kernel does not show frame numbers") }
    guard (1..<512).allSatisfy({ frames[$0] == frames[0] + UInt64($0) }) else { continue }
    checked += 1
    require(frames[0] % 512 == 0, "a huge page at frame \(frames[0])")
  }
  if checked == 0 { return skipped("the kernel gave no huge page") }
  print("guest: color: \(checked) huge pages")
  return true
}

/// Pages of an object, in chunks that are huge pages: among 64 pages in a row the queue is the frame's low six bits,
/// with the same ones of them flipped for all, so that two queues are two colors of a cache with 64. By default chunks
/// have small pages: the program advises the kernel here.
private func objects(_ pagemap: CInt) throws -> Bool {
  let region = Memory.regions[0]
  let start = (region.lowerBound + 0x1f_ffff) & ~0x1f_ffff
  let bytes = min(64 << 20, Int(region.upperBound - start))
  require(madvise(UnsafeMutableRawPointer(bitPattern: start), bytes, 14) == 0, "MADV_HUGEPAGE of the region")
  let count = 2048
  let pages = UnsafeMutablePointer<PageRun>.allocate(capacity: count)
  defer { pages.deinitialize(count: count) }
  let object = PageObject()
  for index in 0..<count {
    (pages + index).initialize(to: try object.page(at: index))
    pages[index].address.storeBytes(of: 1, as: UInt8.self)
  }
  let places = (0..<count).map { index in
    (
      page: UInt64(UInt(bitPattern: pages[index].address)) / 4096, color: UInt64(pages[index].color),
      frame: frame(of: pages[index].address, pagemap) ?? 0
    )
  }
  var (checked, chunks) = (0, 0)
  for chunk in Dictionary(grouping: places, by: { $0.page / 512 }).values {
    // One huge page: all as far from its begin there as here.
    guard chunk.count >= 256, Set(chunk.map { $0.frame &- $0.page }).count == 1,
      chunk[0].frame & 511 == chunk[0].page & 511
    else { continue }
    chunks += 1
    for row in Dictionary(grouping: chunk, by: { $0.page / 64 }).values {
      let flipped = Set(row.map { ($0.frame ^ $0.color) & 63 })
      require(flipped.count == 1, "pages of one row are of queues that flip \(flipped) of the frames' bits")
      require(Set(row.map(\.color)).count == row.count, "two pages of one row are of one queue")
      checked += row.count
    }
  }
  if chunks == 0 { return skipped("no chunk of an object's pages is a huge page") }
  print("guest: color: \(checked) pages of an object in \(chunks) huge pages")
  return true
}

/// An object's first 64 pages are of all 64 colors of the frames where nobody has taken from the CPU's word of a chunk.
/// So are those of the next object, to which the CPU gives the same pages, that lay ready on it.
private func readyPages(_ pagemap: CInt) throws -> Bool {
  let (object, next) = (PageObject(color: 5), PageObject(color: 18))
  return try CurrentThread.withPinnedCPUIDs([Judge.cpu]) {
    // What was no such place is kept from those who come next, word by word.
    let before = Runs(capacity: 64 * places, pages: 1, of: PageObject())
    var (seen, tried, good) = (0, 0, 0)
    for _ in 0..<32 {
      let first = Runs(capacity: places, pages: 1, of: object)
      let colors = try colored(first, of: object, pagemap)
      let (starts, lay) = (first.starts, try ready())
      first.give()
      let more = try ready() - lay
      let second = Runs(capacity: places, pages: 1, of: next)
      let again = try colored(second, of: next, pagemap)
      if colors > 0 { tried += 1 }
      if colors == places, again == places, second.starts == starts, more >= places * 4096 { good += 1 }
      seen = max(seen, min(colors, again))
      second.give()
      if colors > 0 { continue }
      try before.take(places)
      for page in before.addresses { page.storeBytes(of: 1, as: UInt8.self) }
    }
    print("guest: color: \(places) pages that lay ready on a CPU, \(good) of \(tried) times")
    let isRight = good > 0 && good * 2 >= tried
    require(isRight, "pages of one word are of \(seen) colors at most, or do not lie ready")
    return true
  }
}

/// Places of a page within 64, and queues.
private let places = 64

private func ready() throws -> Int { try Memory.snapshot().nodes.reduce(0) { $0 + $1.ready } }

/// Takes and touches the first 64 pages of an object: how many colors their frames have; 0: they are not of the colors
/// that were asked for, or do not lie in one word of a chunk that is a huge page.
private func colored(_ pages: Runs, of object: PageObject, _ pagemap: CInt) throws -> Int {
  try pages.take(places)
  for page in pages.addresses { page.storeBytes(of: 1, as: UInt8.self) }
  let isAsked = (0..<places).allSatisfy { pages.color(of: $0) == object.color(at: $0, cpu: Judge.cpu) }
  let numbers = pages.addresses.map { UInt64(UInt(bitPattern: $0)) / 4096 }
  let frames = pages.addresses.map { frame(of: $0, pagemap) ?? 0 }
  let isHuge =
    Set(numbers.map { $0 / 64 }).count == 1 && Set(zip(frames, numbers).map { $0 &- $1 }).count == 1
    && frames[0] & 511 == numbers[0] & 511
  return isAsked && isHuge ? Set(frames.map { $0 & 63 }).count : 0
}

private func skipped(_ why: String) -> Bool {
  print("guest: color: SKIPPED: \(why)")
  return false
}
