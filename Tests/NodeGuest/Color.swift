// SPDX-License-Identifier: Apache-2.0
// Physical colors: inside a 2 MiB page the low bits of a page's frame number are those that Anax goes by. In a virtual machine
// frames are the guest's.

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
  var checked = 0
  for _ in 0..<4 {
    let run = try PageRun(count: 512, alignment: 512)
    require(madvise(run.address, 2 << 20, 14 /* MADV_HUGEPAGE */) == 0, "MADV_HUGEPAGE")
    run.bytes.initializeMemory(as: UInt8.self, repeating: 1)
    let frames = (0..<512).compactMap { frame(of: run.address + $0 * 4096, pagemap) }
    guard frames.count == 512 else {
      print("guest: color: SKIPPED: the kernel does not show frame numbers")
      return false
    }
    guard (1..<512).allSatisfy({ frames[$0] == frames[0] + UInt64($0) }) else { continue }
    checked += 1
    // A cache of up to 512 colors sees what Anax believes.
    for colors in [1, 16, 64, 128, 512] as [UInt64] {
      for index in 0..<512 {
        require(
          frames[index] % colors == UInt64(index) % colors,
          "page \(index) has color \(frames[index] % colors) of \(colors)")
      }
    }
  }
  if checked == 0 {
    print("guest: color: SKIPPED: the kernel gave no huge page")
    return false
  }
  print("guest: color: \(checked) huge pages")
  return true
}
