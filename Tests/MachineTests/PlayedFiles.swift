// SPDX-License-Identifier: Apache-2.0
// Files of a machine, played by a fake kernel. The fake is process-wide: for tests that are a process of their own.

import CAnax
import Glibc

enum PlayedFiles {
  /// By path; a descriptor is 1000 and the file's place. Set before the fake is used.
  nonisolated(unsafe) static var files: [(path: String, text: String)] = []
  private nonisolated(unsafe) static var ended = false

  /// The answer to a call about files; nil: it is another call.
  static func answer(_ number: Int, _ a: Int, _ b: Int, _ c: Int) -> Int? {
    if number == anax_sys_openat {
      let path = String(cString: UnsafePointer<CChar>(bitPattern: b)!)
      ended = false
      guard let place = files.firstIndex(where: { $0.path == path }) else { return -Int(ENOENT) }
      return 1000 + place
    }
    if number == anax_sys_close { return 0 }
    if number != anax_sys_read { return nil }
    if ended { return 0 }
    ended = true
    let bytes = Array(files[a - 1000].text.utf8.prefix(c))
    memcpy(UnsafeMutableRawPointer(bitPattern: b)!, bytes, bytes.count)
    return bytes.count
  }

  /// Runs the body on a machine that has these files; `kernel` answers 0 to all other calls, or plays more.
  static func play<Result>(
    _ played: [(String, String)],
    _ kernel: @escaping anax_fake_kernel = { number, a, b, c, _, _, _ in PlayedFiles.answer(number, a, b, c) ?? 0 },
    _ body: () -> Result
  ) -> Result {
    files = played.map { (path: $0.0, text: $0.1) }
    anax_state().pointee.fake_kernel = kernel
    defer { anax_state().pointee.fake_kernel = nil }
    return body()
  }
}
