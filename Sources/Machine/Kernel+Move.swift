// SPDX-License-Identifier: Apache-2.0
// Moving pages from one range of the reservation to another without copying. Invariant: whatever fails, both ranges are mapped
// afterwards. Kernels before 6.17 unmap the target first and then refuse a source of several mappings; a hole in the reservation
// could become somebody else's memory. So each mapping is moved by itself, and a target that was refused is mapped again.

import CAnax

extension Kernel {
  /// Moves the pages of `from` (mapped, in use by the caller alone) to `to` (the caller's too); what they leave reads zero.
  /// False: nothing was moved, and what the target held may be gone.
  @_noLocks @_noAllocation
  package static func movePages(from: UInt64, to: UInt64, bytes: UInt64, pageBytes: UInt64) -> Bool {
    var done: UInt64 = 0
    while done < bytes {
      let piece = onePiece(from &+ done, bytes: bytes &- done, pageBytes: pageBytes)
      if !movePiece(from: from &+ done, to: to &+ done, bytes: piece) {
        repair(to &+ done, bytes: piece)
        if done == 0 { return false }
        // What was moved stays so; the rest follows as a copy, and reads zero behind it as well.
        let source = UnsafeMutableRawPointer(bitPattern: UInt(from &+ done))!
        anax_copy(UnsafeMutableRawPointer(bitPattern: UInt(to &+ done))!, source, Int(bytes &- done))
        if !advise(from &+ done, bytes: bytes &- done, MADV_DONTNEED) { anax_clear(source, Int(bytes &- done)) }
        return true
      }
      done &+= piece
    }
    return true
  }

  @_noLocks @_noAllocation
  static func movePiece(from: UInt64, to: UInt64, bytes: UInt64) -> Bool {
    let flags = Int(ANAX_MREMAP_MAYMOVE) | Int(ANAX_MREMAP_FIXED) | Int(ANAX_MREMAP_DONTUNMAP)
    return !failed(
      call(
        anax_sys_mremap, Int(bitPattern: UInt(from)), Int(bitPattern: UInt(bytes)), Int(bitPattern: UInt(bytes)), flags,
        Int(bitPattern: UInt(to))))
  }

  /// How many bytes from the address lie in one mapping, by halving.
  @_noLocks @_noAllocation
  static func onePiece(_ address: UInt64, bytes: UInt64, pageBytes: UInt64) -> UInt64 {
    if isOneMapping(address, bytes: bytes, pageBytes: pageBytes) { return bytes }
    var least: UInt64 = 1
    var most = bytes / pageBytes &- 1
    while least < most {
      let middle = (least &+ most &+ 1) / 2
      if isOneMapping(address, bytes: middle &* pageBytes, pageBytes: pageBytes) {
        least = middle
      } else {
        most = middle &- 1
      }
    }
    return least &* pageBytes
  }

  /// A growth by one page in place is refused with EFAULT where the range spans mappings; else for want of room, since the
  /// reservation goes on behind it.
  @_noLocks @_noAllocation
  static func isOneMapping(_ address: UInt64, bytes: UInt64, pageBytes: UInt64) -> Bool {
    let grown = Int(bitPattern: UInt(bytes &+ pageBytes))
    return call(anax_sys_mremap, Int(bitPattern: UInt(address)), Int(bitPattern: UInt(bytes)), grown) != -Int(EFAULT)
  }

  @_noLocks @_noAllocation
  static func repair(_ address: UInt64, bytes: UInt64) {
    let flags = Int(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED)
    _ = call(
      anax_sys_mmap, Int(bitPattern: UInt(address)), Int(bitPattern: UInt(bytes)), Int(PROT_READ | PROT_WRITE), flags,
      -1, 0)
    _ = advise(address, bytes: bytes, MADV_NOHUGEPAGE)
  }
}
