// SPDX-License-Identifier: Apache-2.0
// Who gets huge pages, as the kernel tells it: large blocks that ask do, what is touched sparsely does not, even where
// the program asked for them on every mapping it had.

import CAnax
import Foundation
import Heap
import LockFree
import Testing

@testable import Pages

@Suite struct HugePagesTests {
  /// The kernel gives huge pages to who asks, and this machine has some to give.
  static let given: Bool = {
    let mode = (try? String(contentsOfFile: "/sys/kernel/mm/transparent_hugepage/enabled", encoding: .utf8)) ?? ""
    return mode.contains("[madvise]") || mode.contains("[always]")
  }()

  /// Bytes of the heap that lie in huge pages.
  static func resident() -> Int {
    let state = anax_state().pointee
    let heap = state.heap_base..<state.heap_base + state.heap_pages << state.page_shift
    var bytes = 0
    var counted = false
    let smaps = fopen("/proc/self/smaps", "r")!
    defer { fclose(smaps) }
    var line = [CChar](repeating: 0, count: 1024)
    while fgets(&line, 1024, smaps) != nil {
      let words = line.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }.split { $0 == " " || $0 == "\n" }
      if let dash = words[0].firstIndex(of: "-"), let start = UInt64(words[0][..<dash], radix: 16) {
        counted = heap.contains(start)
      } else if counted, words[0] == "AnonHugePages:" {
        bytes += Int(words[1])! * 1024
      }
    }
    return bytes
  }

  /// As a program does that wants them everywhere.
  static func askEverywhere() {
    let state = anax_state().pointee
    let bytes = Int(state.heap_pages << state.page_shift)
    #expect(madvise(UnsafeMutableRawPointer(bitPattern: UInt(state.heap_base)), bytes, MADV_HUGEPAGE) == 0)
  }

  @Test(.enabled(if: given)) func smallBlocksAreFilledInBySmallPages() async {
    await #expect(processExitsWith: .success) {
      Live.start()
      let before = Live.allocate(1)
      Self.askEverywhere()
      for _ in 0..<2048 { Live.write(Live.allocate(1), 1, 1) }
      Live.write(before, 1, 1)
      let top = AtomicWord(anax_node_top(Live.node)).loadAcquire()
      #expect(top > 2, "the chunks that were opened after the wish are looked at")
      // The first chunk was open before the wish.
      #expect(Self.resident() <= 2 << 20)
    }
  }

  @Test(.enabled(if: given)) func largeBlocksGetThem() async {
    await #expect(processExitsWith: .success) {
      Live.start()
      let block = Heap.allocate(16 << 20)!
      memset(block, 1, 16 << 20)
      #expect(Self.resident() >= 4 << 20)
      Heap.free(block)
    }
  }
}
