// SPDX-License-Identifier: Apache-2.0
// The one seam to the kernel: every system call of the engine goes through `Kernel.call`, and a test may put a fake in
// its place (`anax_state.fake_kernel`) to play ENOMEM, EPERM, ENOSYS or an odd machine. Results follow the kernel's
// convention:
// a value in -4095 ... -1 is a negated errno. errno itself is never touched here. Safe in signal handlers and on any
// thread.
// Two things are asked of the C library instead: the CPU (`currentCPU`, which has it without a call where it can), and
// the auxiliary vector (anax_start.h), which is no call.

import CAnax

@usableFromInline
package enum Kernel {
  @inlinable @_noLocks @_noAllocation
  package static func call(
    _ number: Int, _ a: Int = 0, _ b: Int = 0, _ c: Int = 0, _ d: Int = 0, _ e: Int = 0, _ f: Int = 0
  ) -> Int {
    if let fake = anax_state().pointee.fake_kernel { return anax_call_fake(fake, number, a, b, c, d, e, f) }
    return anax_system_call(number, a, b, c, d, e, f)
  }

  @inlinable @_noLocks @_noAllocation
  package static func failed(_ result: Int) -> Bool { UInt(bitPattern: result) > UInt(bitPattern: -4096) }

  /// Address space without memory; inaccessible, to be opened by `makeWritable`, or writable at once. 0 on failure.
  @inlinable @_noLocks @_noAllocation
  package static func reserve(bytes: UInt64, writable: Bool) -> UInt64 {
    let flags = Int(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
    let protection = writable ? Int(PROT_READ | PROT_WRITE) : Int(PROT_NONE)
    let result = call(anax_sys_mmap, 0, Int(bitPattern: UInt(bytes)), protection, flags, -1, 0)
    return failed(result) ? 0 : UInt64(UInt(bitPattern: result))
  }

  @inlinable @_noLocks @_noAllocation
  package static func unmap(_ address: UInt64, bytes: UInt64) {
    _ = call(anax_sys_munmap, Int(bitPattern: UInt(address)), Int(bitPattern: UInt(bytes)))
  }

  /// Makes reserved memory readable and writable. False where the kernel refuses (a limit, strict overcommit).
  @inlinable @_noLocks @_noAllocation
  package static func makeWritable(_ address: UInt64, bytes: UInt64) -> Bool {
    !failed(
      call(
        anax_sys_mprotect, Int(bitPattern: UInt(address)), Int(bitPattern: UInt(bytes)),
        Int(PROT_READ | PROT_WRITE)))
  }

  /// Makes reserved memory readable: it reads zero.
  @inlinable @_noLocks @_noAllocation
  package static func makeReadable(_ address: UInt64, bytes: UInt64) -> Bool {
    !failed(
      call(anax_sys_mprotect, Int(bitPattern: UInt(address)), Int(bitPattern: UInt(bytes)), Int(PROT_READ)))
  }

  @inlinable @_noLocks @_noAllocation
  package static func advise(_ address: UInt64, bytes: UInt64, _ advice: Int32) -> Bool {
    !failed(
      call(
        anax_sys_madvise, Int(bitPattern: UInt(address)), Int(bitPattern: UInt(bytes)), Int(advice)))
  }

  /// RLIMIT_AS in bytes as it is now; `UInt64.max`: none.
  @_noLocks @_noAllocation
  package static func addressSpaceLimit() -> UInt64 {
    var limits = InlineArray<2, UInt64>(repeating: ~0)
    withUnsafeMutablePointer(to: &limits) {
      _ = call(anax_sys_prlimit64, 0, Int(ANAX_RLIMIT_AS), 0, Int(bitPattern: $0))
    }
    return limits[0]
  }

  /// Bytes of main memory; 1 GiB where the kernel does not say.
  @_noLocks @_noAllocation
  package static func memoryBytes() -> UInt64 {
    var info = sysinfo()
    let result = withUnsafeMutablePointer(to: &info) { call(anax_sys_sysinfo, Int(bitPattern: $0)) }
    return failed(result) ? 1 << 30 : UInt64(info.totalram) &* UInt64(info.mem_unit)
  }

  @inlinable @_noLocks @_noAllocation
  package static func membarrier(_ command: Int) -> Int { call(anax_sys_membarrier, command, 0, 0) }

  /// Writes all of the bytes, or as many as the descriptor takes.
  @inlinable @_noLocks @_noAllocation
  package static func write(_ descriptor: Int, _ bytes: UnsafeRawPointer, count: Int) {
    var done = 0
    while done < count {
      let result = call(anax_sys_write, descriptor, Int(bitPattern: bytes + done), count - done)
      if result == -Int(EINTR) { continue }
      if failed(result) || result == 0 { return }
      done += result
    }
  }

  /// Reads a small file whole. The count of bytes read, or a negated errno.
  @inlinable @_noLocks @_noAllocation
  package static func readFile(_ path: StaticString, into buffer: UnsafeMutablePointer<UInt8>, count: Int) -> Int {
    readFile(UnsafeRawPointer(path.utf8Start), into: buffer, count: count)
  }

  @inlinable @_noLocks @_noAllocation
  package static func readFile(_ path: UnsafeRawPointer, into buffer: UnsafeMutablePointer<UInt8>, count: Int) -> Int {
    let descriptor = call(anax_sys_openat, -100, Int(bitPattern: path), Int(O_RDONLY | O_CLOEXEC), 0)
    if failed(descriptor) { return descriptor }
    var done = 0
    while done < count {
      let result = call(anax_sys_read, descriptor, Int(bitPattern: buffer + done), count - done)
      if result == -Int(EINTR) { continue }
      if failed(result) {
        done = result
        break
      }
      if result == 0 { break }
      done += result
    }
    _ = call(anax_sys_close, descriptor)
    return done
  }

  /// The CPU this thread runs on now, asked of the C library (which has it without a system call) or of the kernel; 0
  /// where neither says.
  @inlinable @_noLocks @_noAllocation
  package static func currentCPU() -> Int {
    if anax_state().pointee.fake_kernel == nil {
      let known = anax_current_cpu()
      if known >= 0 { return Int(known) }
    }
    var cpu: UInt32 = 0
    let result = withUnsafeMutablePointer(to: &cpu) {
      call(anax_sys_getcpu, Int(bitPattern: $0), 0, 0)
    }
    return failed(result) ? 0 : Int(cpu)
  }
}
