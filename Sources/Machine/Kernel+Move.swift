// SPDX-License-Identifier: Apache-2.0
// Moving pages from one range of the reservation to another without copying. Invariant: whatever fails, both ranges are
// mapped afterwards, or the caller is told that the target is not to be touched again. Kernels before 6.17 unmap the
// target first and then refuse a source of several mappings; a hole in the reservation could become somebody else's
// memory. So each mapping is moved by itself, and a target that was refused is mapped again.
//
// What was moved is a mapping of its own for good: the kernel remembers where its pages were first. A process may have
// 65530 mappings, and each costs time at the next move; so a range that was moved to is mapped anew before others may
// use it (`remap`).

import CAnax

extension Kernel {
  package enum Move {
    case done
    /// Nothing was moved, and what the target held may be gone.
    case refused
    /// The same, and the target may be a hole, or by now somebody else's memory.
    case targetLost
  }

  package enum Remapped {
    /// It reads zero, and is one mapping with its neighbours.
    case fresh
    /// The kernel refused, and left it as it was.
    case unchanged
    /// It may be a hole, or by now somebody else's memory.
    case lost
  }

  /// Moves the pages of `from` (mapped, in use by the caller alone) to `to` (the caller's too); what they leave reads
  /// zero.
  @_noLocks @_noAllocation
  package static func movePages(from: UInt64, to: UInt64, bytes: UInt64, pageBytes: UInt64) -> Move {
    var done: UInt64 = 0
    while done < bytes {
      let piece = onePiece(from &+ done, bytes: bytes &- done, pageBytes: pageBytes)
      if movePiece(from: from &+ done, to: to &+ done, bytes: piece, keeping: true) {
        done &+= piece
        continue
      }
      if case .lost = remap(to &+ done, bytes: piece) {
        moveBack(from: from, to: to, bytes: done, pageBytes: pageBytes)
        return .targetLost
      }
      if done == 0 { return .refused }
      // What was moved stays so; the rest follows as a copy, and reads zero behind it as well.
      let source = UnsafeMutableRawPointer(bitPattern: UInt(from &+ done))!
      anax_copy(UnsafeMutableRawPointer(bitPattern: UInt(to &+ done))!, source, Int(bytes &- done))
      if !advise(from &+ done, bytes: bytes &- done, MADV_DONTNEED) { anax_clear(source, Int(bytes &- done)) }
      return .done
    }
    return .done
  }

  /// Undoes a move in part. It asks for no address space beyond what there is, so that a limit on it does not matter.
  @_noLocks @_noAllocation
  static func moveBack(from: UInt64, to: UInt64, bytes: UInt64, pageBytes: UInt64) {
    var done: UInt64 = 0
    while done < bytes {
      let piece = onePiece(to &+ done, bytes: bytes &- done, pageBytes: pageBytes)
      if !movePiece(from: to &+ done, to: from &+ done, bytes: piece, keeping: false) {
        if case .lost = remap(from &+ done, bytes: piece) {
          var line = MessageLine()
          line.append("the kernel took memory that is in use: ")
          line.append(hexadecimal: from &+ done)
          line.write()
          anax_abort()
        }
        anax_copy(
          UnsafeMutableRawPointer(bitPattern: UInt(from &+ done))!,
          UnsafeMutableRawPointer(bitPattern: UInt(to &+ done))!, Int(piece))
      }
      done &+= piece
    }
  }

  /// `keeping`: the source stays mapped.
  @_noLocks @_noAllocation
  static func movePiece(from: UInt64, to: UInt64, bytes: UInt64, keeping: Bool) -> Bool {
    let flags = Int(ANAX_MREMAP_MAYMOVE) | Int(ANAX_MREMAP_FIXED) | (keeping ? Int(ANAX_MREMAP_DONTUNMAP) : 0)
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

  /// A growth by one page in place is refused with EFAULT where the range spans mappings; else for want of room, since
  /// the reservation goes on behind it.
  @_noLocks @_noAllocation
  static func isOneMapping(_ address: UInt64, bytes: UInt64, pageBytes: UInt64) -> Bool {
    let grown = Int(bitPattern: UInt(bytes &+ pageBytes))
    return call(anax_sys_mremap, Int(bitPattern: UInt(address)), Int(bitPattern: UInt(bytes)), grown) != -Int(EFAULT)
  }

  /// Maps a range of the reservation anew; what it held is gone.
  @_noLocks @_noAllocation
  package static func remap(_ address: UInt64, bytes: UInt64) -> Remapped {
    let flags = Int(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED)
    let result = call(
      anax_sys_mmap, Int(bitPattern: UInt(address)), Int(bitPattern: UInt(bytes)), Int(PROT_READ | PROT_WRITE), flags,
      -1, 0)
    if !failed(result) {
      _ = advise(address, bytes: bytes, MADV_NOHUGEPAGE)
      return .fresh
    }
    // It knows a hole.
    let mapped = call(
      anax_sys_msync, Int(bitPattern: UInt(address)), Int(bitPattern: UInt(bytes)), Int(MS_ASYNC))
    return failed(mapped) ? .lost : .unchanged
  }
}
