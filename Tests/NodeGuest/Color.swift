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
  return try runs(pagemap) && objects(pagemap)
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

private func skipped(_ why: String) -> Bool {
  print("guest: color: SKIPPED: \(why)")
  return false
}
